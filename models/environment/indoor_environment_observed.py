"""IndoorEnvironmentObserved: the air and light of a room.

Facts from Smart Data Models, dataModel.Environment (CC BY 4.0), version 0.0.1.
"""

from typing import ClassVar, Literal

from pydantic import Field

from models.ngsild.geometry import Geometry
from models.ngsild.references import Reference
from models.ngsild.smart_data import SmartDataEntity


class IndoorEnvironmentObserved(SmartDataEntity):
    """The air and light of a room. Attributes by the names of dataModel.Environment/IndoorEnvironmentObserved."""

    TYPE_IRI: ClassVar[str] = "https://smartdatamodels.org/dataModel.Environment/IndoorEnvironmentObserved"
    CONTEXT: ClassVar[str] = (
        "https://raw.githubusercontent.com/smart-data-models/dataModel.Environment/master/context.jsonld"
    )

    type: Literal["IndoorEnvironmentObserved"] = "IndoorEnvironmentObserved"
    location: Geometry
    dateObserved: str
    refDevice: Reference | None = None
    refPointOfInterest: Reference | None = None
    sensorPlacement: (
        Literal["northWall", "southWall", "eastWall", "westWall", "center", "floor", "roof", "ceiling"] | None
    ) = None
    sensorHeight: float | None = Field(default=None, ge=0)
    peopleCount: float | None = Field(default=None, ge=0)
    temperature: float | None = Field(default=None, ge=0, description="°C; the data model knows none below zero.")
    relativeHumidity: float | None = Field(
        default=None, ge=0, description="Unit by its `unitCode`; ECLOR sends 0 to 1."
    )
    atmosphericPressure: float | None = Field(default=None, ge=0, description="hPa.")
    illuminance: float | None = Field(default=None, ge=0, description="lx.")
    co2: float | None = Field(default=None, description="Unit by its `unitCode` (59 is ppm).")
