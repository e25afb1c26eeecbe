"""WeatherObserved: the weather at one place and time.

Facts from Smart Data Models, dataModel.Weather (CC BY 4.0), version 0.3.4.
"""

from datetime import datetime
from typing import Any, ClassVar, Literal

from pydantic import Field

from models.ngsild.geometry import Geometry
from models.ngsild.references import Reference
from models.ngsild.smart_data import SmartDataEntity


class WeatherObserved(SmartDataEntity):
    """The weather at one place and time. Attributes by the names of dataModel.Weather/WeatherObserved."""

    TYPE_IRI: ClassVar[str] = "https://smartdatamodels.org/dataModel.Weather/WeatherObserved"
    CONTEXT: ClassVar[str] = (
        "https://raw.githubusercontent.com/smart-data-models/dataModel.Weather/master/context.jsonld"
    )

    type: Literal["WeatherObserved"] = "WeatherObserved"
    location: Geometry
    weatherType: str | None = None
    visibility: str | float | None = None
    windDirection: float | None = Field(
        default=None, ge=0, le=360, description="Degrees from 0 to 360, clockwise from north."
    )
    windSpeed: float | None = Field(default=None, ge=0, description="m/s.")
    gustSpeed: float | None = Field(default=None, description="m/s.")
    refPointOfInterest: Reference | None = None
    atmosphericPressure: float | None = Field(default=None, ge=0, description="hPa.")
    illuminance: float | None = Field(default=None, ge=0, description="lx.")
    temperature: float | None = Field(default=None, description="Air temperature, °C.")
    feelsLikeTemperature: float | None = None
    relativeHumidity: float | None = Field(default=None, ge=0, le=1, description="0 to 1 (not percent).")
    dateObserved: datetime
    precipitation: float | None = Field(default=None, ge=0, description="l/m².")
    solarRadiation: float | None = Field(default=None, ge=0, description="W/m².")
    directIrradiation: float | None = Field(default=None, ge=0)
    diffuseIrradiation: float | None = Field(default=None, ge=0)
    pressureTendency: str | float | None = None
    dewPoint: float | None = None
    refDevice: Reference | None = None
    streamGauge: float | None = Field(default=None, ge=0)
    snowHeight: float | None = Field(default=None, ge=0)
    uVIndexMax: float | None = Field(default=None, ge=0)
    aqiMajorPollutant: str | None = None
    aqiMajorPollutantForecast: str | None = None
    airTemperatureForecast: float | None = None
    precipitationForecast: float | None = None
    airQualityIndex: float | None = None
    relativeHumidityForecast: float | None = None
    airQualityIndexForecast: float | None = None
    airTemperatureTSA: dict[str, Any] | None = None
