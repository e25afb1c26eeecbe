"""ParkingSpot: one place for one vehicle.

Facts from Smart Data Models, dataModel.Parking (CC BY 4.0), version 0.1.0.
"""

from datetime import datetime
from typing import ClassVar, Literal

from pydantic import Field

from models.ngsild.geometry import Geometry
from models.ngsild.references import Reference, References
from models.ngsild.smart_data import SmartDataEntity


class ParkingSpot(SmartDataEntity):
    """One place for one vehicle. Attributes by the names of dataModel.Parking/ParkingSpot."""

    TYPE_IRI: ClassVar[str] = "https://smartdatamodels.org/dataModel.Parking/ParkingSpot"
    CONTEXT: ClassVar[str] = (
        "https://raw.githubusercontent.com/smart-data-models/dataModel.Parking/master/context.jsonld"
    )

    type: Literal["ParkingSpot"] = "ParkingSpot"
    location: Geometry
    status: Literal["closed", "free", "occupied", "unknown"] = Field(description="Whether the place can be taken.")
    width: float | None = Field(default=None, ge=0, description="Width, m.")
    length: float | None = Field(default=None, ge=0, description="Length, m.")
    refParkingGroup: Reference | None = None
    refParkingSite: Reference = Field(description="The car park or street that the place belongs to.")
    category: list[Literal["onStreet", "offStreet"]]
    refDevice: References | None = None
    timeInstant: datetime | None = Field(default=None, description="When the state was observed.")
