"""GreenspaceRecord: the soil of a green space at one time.

Facts from Smart Data Models, dataModel.ParksAndGardens (CC BY 4.0), version 0.0.3.
"""

from datetime import datetime
from typing import ClassVar, Literal

from pydantic import Field

from models.ngsild.references import Reference
from models.ngsild.smart_data import SmartDataEntity


class GreenspaceRecord(SmartDataEntity):
    """The soil of a green space at one time. Attributes by the names of dataModel.ParksAndGardens/GreenspaceRecord."""

    TYPE_IRI: ClassVar[str] = "https://smartdatamodels.org/dataModel.ParksAndGardens/GreenspaceRecord"
    CONTEXT: ClassVar[str] = (
        "https://raw.githubusercontent.com/smart-data-models/dataModel.ParksAndGardens/master/context.jsonld"
    )

    type: Literal["GreenspaceRecord"] = "GreenspaceRecord"
    dateObserved: datetime | None = None
    soilTemperature: float | None = Field(default=None, description="°C.")
    soilMoistureVwc: float | None = Field(
        default=None, ge=0, le=1, description="Volumetric water content, 0 to 1 (not percent)."
    )
    soilMoistureEc: float | None = Field(default=None, description="Electrical conductivity, S/m.")
    soilMoisturePressure: float | None = Field(default=None, description="kPa.")
    refGreenspace: Reference | None = None
    refDevice: Reference | None = None
    refWeatherObserved: Reference | None = None
    litterCoverage: float | None = Field(default=None, ge=0, le=1)
