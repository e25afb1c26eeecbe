"""Air: CO₂ sensors, Decentlab DL-LP8P, over LoRaWAN."""

import struct
from datetime import datetime

from agents.demo.curves import DAY, TRAFFIC_HOURS, chance, level, outdoor_temperature, second_of_day, wobble
from agents.demo.devices.kind import Frame, Kind, Reading

_ALL_SENSORS = 0x000F
_VERSION = 2


def measure(seed: str, at: float, local: datetime) -> Reading:
    """°C, relative humidity (%), pressure (Pa), CO₂ (ppm), battery (mV): more CO₂ with the traffic of commuters."""
    traffic = level(TRAFFIC_HOURS, second_of_day(local)) / 12
    co2 = 418 + 60 * traffic * (0.6 + 0.8 * chance(seed, "street")) + 8 * wobble(seed, at, 900)
    return {
        "device": 1000 + int(chance(seed, "number") * 9000),
        "temperature": outdoor_temperature(at, local) + chance(seed, "wall"),
        "humidity": 72 + 18 * wobble("humidity", at, DAY / 2),
        "pressure": round(97_600 + 900 * wobble("pressure", at, 3 * DAY)),
        "co2": round(co2),
        "battery": 2900 + int(chance(seed, "battery") * 250),
    }


def encode(reading: Reading) -> Frame:
    """Sixteen-bit words, big-endian, port 1; the flags say that every sensor of the device is in the frame."""
    co2 = reading["co2"] + 32_768
    words = (
        round((reading["temperature"] + 46.85) / 175.72 * 65_536),
        round((reading["humidity"] + 6) / 125 * 65_536),
        round(reading["temperature"] * 100) + 5000,
        round(reading["pressure"] / 2),
        co2,
        co2,
        round(reading["temperature"] * 100) + 32_768,
        3000,
        2980,
        0,
        38_000,
        38_000,
        reading["battery"],
    )
    return Frame(1, struct.pack(f">BHH{len(words)}H", _VERSION, reading["device"], _ALL_SENSORS, *words))


KIND = Kind(
    model="decentlab/dl-lp8p",
    entity_type="AirQualityObserved",
    type_iri="https://smartdatamodels.org/dataModel.Environment/AirQualityObserved",
    watched=("co2", "temperature"),
    measure=measure,
    encode=encode,
)
