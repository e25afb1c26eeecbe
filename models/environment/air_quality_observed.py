"""AirQualityObserved: air quality at one place and time.

Facts from Smart Data Models, dataModel.Environment (CC BY 4.0), version 0.1.4.
"""

from datetime import datetime
from typing import ClassVar, Literal

from pydantic import Field

from models.ngsild.geometry import Geometry
from models.ngsild.references import Reference
from models.ngsild.smart_data import SmartDataEntity


class AirQualityObserved(SmartDataEntity):
    """Air quality at one place and time. Attributes by the names of dataModel.Environment/AirQualityObserved."""

    TYPE_IRI: ClassVar[str] = "https://smartdatamodels.org/dataModel.Environment/AirQualityObserved"
    CONTEXT: ClassVar[str] = (
        "https://raw.githubusercontent.com/smart-data-models/dataModel.Environment/master/context.jsonld"
    )

    type: Literal["AirQualityObserved"] = "AirQualityObserved"
    location: Geometry
    dateObserved: datetime
    airQualityIndex: int | None = Field(default=None, ge=0)
    airQualityLevel: str | None = None
    reliability: float | None = Field(default=None, ge=0, le=1, description="0 to 1.")
    as_: float | None = Field(default=None, alias="as", ge=0)
    c6h6: float | None = Field(default=None, ge=0)
    cd: float | None = Field(default=None, ge=0)
    co: float | None = Field(default=None, ge=0)
    coLevel: str | None = None
    co2: float | None = Field(default=None, ge=0)
    ni: float | None = Field(default=None, ge=0)
    no: float | None = Field(default=None, ge=0)
    no2: float | None = Field(
        default=None,
        ge=0,
        description="Nitrogen dioxide; mass concentration in the unit of its `unitCode` (GQ is µg/m³).",
    )
    nox: float | None = Field(default=None, ge=0)
    o3: float | None = Field(default=None, ge=0, description="Ozone, µg/m³ by convention.")
    pm10: float | None = Field(default=None, ge=0, description="Particles below 10 µm, µg/m³.")
    pm25: float | None = Field(default=None, ge=0, description="Particles below 2.5 µm, µg/m³.")
    pb: float | None = Field(default=None, ge=0)
    precipitation: float | None = Field(default=None, ge=0, description="l/m².")
    relativeHumidity: float | None = Field(default=None, ge=0, le=1, description="0 to 1 (not percent).")
    sh2: float | None = Field(default=None, ge=0)
    so2: float | None = Field(default=None, ge=0)
    typeofLocation: Literal["indoor", "outdoor"] | None = None
    volatileOrganicCompoundsTotal: float | None = Field(default=None, ge=0)
    refDevice: Reference | None = None
    refPointOfInterest: Reference | None = None
    refWeatherObserved: Reference | None = None
    temperature: float | None = Field(default=None, description="Air temperature, °C.")
    windDirection: float | None = Field(
        default=None, ge=-180, le=180, description="Degrees from -180 to 180 (WeatherObserved has 0 to 360)."
    )
    windSpeed: float | None = Field(default=None, ge=0, description="m/s.")
    pm1: float | None = Field(default=None, description="Particles below 1 µm, µg/m³.")
    pm4: float | None = Field(default=None, ge=0, description="Particles below 4 µm, µg/m³.")
    tpc: int | None = Field(default=None, ge=0)
    tsp: float | None = Field(default=None, ge=0)
    pressure: float | None = Field(default=None, ge=0, description="Atmospheric pressure, hPa.")
    charge: float | None = Field(default=None, ge=0)
