"""Alert: something that somebody ought to act upon.

Facts from Smart Data Models, dataModel.Alert (CC BY 4.0), version 0.0.3.
"""

from datetime import datetime
from typing import Any, ClassVar, Literal

from pydantic import Field

from models.ngsild.references import Reference
from models.ngsild.smart_data import SmartDataEntity


class Alert(SmartDataEntity):
    """Something that somebody ought to act upon. Attributes by the names of dataModel.Alert/Alert."""

    TYPE_IRI: ClassVar[str] = "https://smartdatamodels.org/dataModel.Alert/Alert"
    CONTEXT: ClassVar[str] = "https://raw.githubusercontent.com/smart-data-models/dataModel.Alert/master/context.jsonld"

    type: Literal["Alert"] = "Alert"
    dateIssued: datetime
    validFrom: datetime | None = None
    validTo: datetime | None = None
    severity: Literal["informational", "low", "medium", "high", "critical"] | None = None
    category: Literal["traffic", "naturalDisaster", "weather", "environment", "health", "security", "agriculture"]
    alertSource: Reference
    data: dict[str, Any] | None = Field(default=None, description="What was measured.")
    subCategory: str | None = None
