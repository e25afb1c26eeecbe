"""WasteContainer: a bin or container for waste.

Facts from Smart Data Models, dataModel.WasteManagement (CC BY 4.0), version 0.3.0.
"""

from datetime import datetime
from typing import ClassVar, Literal

from pydantic import Field

from models.ngsild.geometry import Geometry
from models.ngsild.references import Reference, References
from models.ngsild.smart_data import SmartDataEntity


class WasteContainer(SmartDataEntity):
    """A bin or container for waste. Attributes by the names of dataModel.WasteManagement/WasteContainer."""

    TYPE_IRI: ClassVar[str] = "https://smartdatamodels.org/dataModel.WasteManagement/WasteContainer"
    CONTEXT: ClassVar[str] = (
        "https://raw.githubusercontent.com/smart-data-models/dataModel.WasteManagement/master/context.jsonld"
    )

    type: Literal["WasteContainer"] = "WasteContainer"
    location: Geometry
    fillingLevel: float | None = Field(
        default=None, ge=0, le=1, description="How full it is, 0 empty to 1 full (not percent)."
    )
    category: list[Literal["fixed", "ground", "other", "portable", "underground"]] | None = None
    cargoWeight: float | None = Field(default=None, ge=0, description="Weight of the contents, kg.")
    temperature: float | None = Field(default=None, description="Inside temperature, °C.")
    methaneConcentration: float | None = Field(default=None, ge=0, description="Methane measured inside, µg/m³.")
    storedWasteKind: (
        Literal[
            "organic",
            "inorganic",
            "glass",
            "oil",
            "plastic",
            "metal",
            "paper",
            "batteries",
            "electronics",
            "hazardous",
            "other",
        ]
        | None
    ) = None
    storedWasteOrigin: (
        Literal["household", "municipal", "industrial", "construction", "hostelry", "agriculture", "other"] | None
    ) = None
    storedWasteCode: str | None = None
    serialNumber: str | None = None
    regulation: str | None = None
    responsible: str | None = None
    dateServiceStarted: datetime | None = None
    dateLastEmptying: datetime | None = Field(default=None, description="When it was last emptied.")
    nextActuationDeadline: datetime | None = None
    actuationHours: str | None = None
    dateLastCleaning: datetime | None = None
    nextCleaningDeadline: datetime | None = None
    isleId: str | None = None
    status: Literal["ok", "lidOpen", "dropped", "moved", "vandalized", "burning", "unknown"] | None = Field(
        default=None, description="State of the container itself, not of its contents."
    )
    refWasteContainerModel: Reference | None = None
    refWasteContainerIsle: Reference | None = None
    refDevice: References | None = None
    timeInstant: datetime | None = None
    binCapacity: float | None = Field(default=None, description="Volume it holds.")
    binColor: str | None = None
    wardId: str | None = None
    license_plate: str | None = None
    RFID: str | None = None
    binFullnessThreshold: float | None = None
    binRecommendedLoad: float | None = None
    binId: str | None = None
    binMaxLoad: float | None = None
    binLoggedTime: datetime | None = None
