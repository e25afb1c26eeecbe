"""NoiseLevelObserved: sound levels at one place over a period.

Facts from Smart Data Models, dataModel.Environment (CC BY 4.0), version 0.2.1.
"""

from datetime import datetime
from typing import ClassVar, Literal

from pydantic import Field

from models.ngsild.geometry import Geometry
from models.ngsild.references import Reference
from models.ngsild.smart_data import SmartDataEntity


class NoiseLevelObserved(SmartDataEntity):
    """Sound levels at one place over a period. Attributes by the names of dataModel.Environment/NoiseLevelObserved."""

    TYPE_IRI: ClassVar[str] = "https://smartdatamodels.org/dataModel.Environment/NoiseLevelObserved"
    CONTEXT: ClassVar[str] = (
        "https://raw.githubusercontent.com/smart-data-models/dataModel.Environment/master/context.jsonld"
    )

    type: Literal["NoiseLevelObserved"] = "NoiseLevelObserved"
    location: Geometry
    dateObserved: str | None = None
    dateObservedFrom: datetime
    dateObservedTo: datetime
    sonometerClass: Literal["0", "1", "2"] | None = None
    refDevice: Reference | None = None
    refPointOfInterest: Reference | None = None
    refWeatherObserved: Reference | None = None
    LAS: float | None = Field(default=None, description="Slow (1 s) level, A-weighted, dB.")
    LAeq: float | None = Field(default=None, description="Equivalent continuous level, A-weighted, dB.")
    LAeq_d: float | None = Field(default=None, description="Equivalent level of a day, A-weighted, dB.")
    LAmax: float | None = Field(default=None, description="Maximum level, A-weighted, dB.")
    obstacles: str | None = None
    heightAverage: str | None = None
    distanceAverage: str | None = None
