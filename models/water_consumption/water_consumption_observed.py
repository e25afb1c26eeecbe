"""WaterConsumptionObserved: what a water meter has counted, and the alarms it raises.

Facts from Smart Data Models, dataModel.WaterConsumption (CC BY 4.0), version 0.0.2.
"""

from typing import ClassVar, Literal

from pydantic import Field

from models.ngsild.smart_data import SmartDataEntity


class WaterConsumptionObserved(SmartDataEntity):
    """What a water meter has counted, and the alarms it raises. Attributes by the names of dataModel.WaterConsumption.

    The model says whole cubic metres for `waterConsumption`; domestic meters count litres: the number is not held
    to be whole here, and its `unitCode` must travel with it.
    """

    TYPE_IRI: ClassVar[str] = "https://smartdatamodels.org/dataModel.WaterConsumption/WaterConsumptionObserved"
    CONTEXT: ClassVar[str] = (
        "https://raw.githubusercontent.com/smart-data-models/dataModel.WaterConsumption/master/context.jsonld"
    )

    type: Literal["WaterConsumptionObserved"] = "WaterConsumptionObserved"
    acquisitionStageFailure: int | None = None
    alarmFlowPersistence: (
        Literal[
            "Nothing to report",
            "No persistence",
            "In progress impacting persistence",
            "In progress persistence",
            "Past Persistence during the period",
        ]
        | None
    ) = None
    alarmInProgress: Literal[0, 1] | None = Field(default=None, description="1 where an alarm is active.")
    alarmStopsLeaks: Literal[0, 1] | None = Field(
        default=None, description="1 where water has stopped flowing continuously after a leak."
    )
    alarmTamper: Literal[0, 1] | None = Field(default=None, description="1 where the meter was tampered with.")
    alarmWaterQuality: Literal[0, 1] | None = None
    maxFlow: int | None = Field(default=None, description="Highest flow, l/h.")
    minFlow: int | None = Field(default=None, description="Lowest flow, l/h.")
    moduleTampered: int | None = None
    persistenceFlowDuration: (
        Literal[
            "15m < 60m",
            "60m < 3h",
            "3h < 6h",
            "6h < 12h",
            "12h < 24h",
            "24h < 2d",
            "2d < 4d",
            "4d < 8d",
            "8d < 15d",
            "15d < 30d",
            "30d < 90d",
            "90d < 180d",
            "> 180d",
        ]
        | None
    ) = None
    waterConsumption: float | None = Field(
        default=None,
        description="Meter index, in the unit of its `unitCode` (LTR or MTQ).",
    )
    waterType: Literal["hotWater", "serviceWater"] | None = None
