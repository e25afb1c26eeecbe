"""Air: measuring stations that send JSON over MQTT, as devices behind FIWARE's JSON agent do."""

from datetime import datetime

from agents.demo.curves import DAY, TRAFFIC_HOURS, chance, level, outdoor_temperature, second_of_day, wobble
from agents.demo.devices.kind import Kind, Reading


def measure(seed: str, at: float, local: datetime) -> Reading:
    """NO₂, ozone, PM10 and PM2.5 (µg/m³), °C and relative humidity (%): rush hours show."""
    traffic = level(TRAFFIC_HOURS, second_of_day(local)) / 12
    near = 0.5 + chance(seed, "street")
    still_air = 1 + 0.5 * wobble("wind", at, DAY)
    no2 = (8 + 42 * traffic * near) * still_air + 2 * wobble(seed + "no2", at, 900)
    pm10 = (9 + 16 * traffic * near) * still_air + 1.5 * wobble(seed + "pm", at, 1200)
    return {
        "no2": round(no2, 1),
        "o3": round(max(3.0, 70 - no2 + 10 * wobble("ozone", at, DAY)), 1),
        "pm10": round(pm10, 1),
        "pm25": round(pm10 * 0.6, 1),
        "temperature": round(outdoor_temperature(at, local) + chance(seed, "wall"), 1),
        "humidity": round(72 + 18 * wobble("humidity", at, DAY / 2)),
    }


KIND = Kind(
    model="generic/air-quality-station",
    entity_type="AirQualityObserved",
    type_iri="https://smartdatamodels.org/dataModel.Environment/AirQualityObserved",
    watched=("no2", "pm10"),
    measure=measure,
    encode=None,
)
