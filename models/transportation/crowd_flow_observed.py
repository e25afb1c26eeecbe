"""CrowdFlowObserved: people passing or gathering at a place, counted.

Facts from Smart Data Models, dataModel.Transportation (CC BY 4.0), version 0.0.3.
"""

from datetime import datetime
from typing import ClassVar, Literal

from pydantic import Field

from models.ngsild.references import Reference
from models.ngsild.smart_data import SmartDataEntity


class CrowdFlowObserved(SmartDataEntity):
    """People passing or gathering at a place. Attributes by the names of dataModel.Transportation/CrowdFlowObserved."""

    TYPE_IRI: ClassVar[str] = "https://smartdatamodels.org/dataModel.Transportation/CrowdFlowObserved"
    CONTEXT: ClassVar[str] = (
        "https://raw.githubusercontent.com/smart-data-models/dataModel.Transportation/master/context.jsonld"
    )

    type: Literal["CrowdFlowObserved"] = "CrowdFlowObserved"
    refRoadSegment: Reference | None = None
    dateObserved: str
    dateObservedFrom: datetime | None = None
    dateObservedTo: datetime | None = None
    peopleCount: int | None = Field(default=None, ge=0, description="People counted in the period.")
    peopleCountTowards: int | None = Field(default=None, ge=0)
    peopleCountAway: int | None = Field(default=None, ge=0)
    occupancy: float | None = Field(default=None, ge=0, le=1, description="0 to 1.")
    averageCrowdSpeed: float | None = Field(default=None, ge=0, description="km/h.")
    congested: bool | None = None
    averageHeadwayTime: float | None = Field(default=None, ge=0, description="Time between two people, s.")
    direction: Literal["inbound", "outbound"] | None = None
