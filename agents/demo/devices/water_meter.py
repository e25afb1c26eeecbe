"""Water meters with a pulse counter, Vutility PulseDrop: one pulse a litre."""

import struct
from datetime import datetime

from agents.demo.curves import WATER_HOURS, chance, count
from agents.demo.devices.kind import Frame, Kind, Reading

_PORT = 3
_HEADER = 0x1C


def measure(seed: str, at: float, local: datetime) -> Reading:
    """Capacitor voltage (V), temperature (°C) and pulses, which are litres: a building's peaks, morning and evening."""
    daily = 400 + 4000 * chance(seed, "inhabitants") ** 2
    started = int(2_000_000 * chance(seed, "age"))
    return {
        "capacitor": round(4.0 + 0.8 * chance(seed, "capacitor"), 2),
        "temperature": 9 + round(3 * chance(seed, "cellar")),
        "pulses": started + int(count(WATER_HOURS, local, daily)),
    }


def encode(reading: Reading) -> Frame:
    """Eleven bytes, big-endian, port 3."""
    return Frame(
        _PORT,
        struct.pack(
            ">BBBII",
            _HEADER,
            round(reading["capacitor"] * 255 / 5),
            round((reading["temperature"] + 40) * 255 / 120),
            reading["pulses"],
            0,
        ),
    )


KIND = Kind(
    model="vutility/pulsedrop",
    entity_type="WaterConsumptionObserved",
    type_iri="https://smartdatamodels.org/dataModel.WaterConsumption/WaterConsumptionObserved",
    watched=("waterConsumption",),
    measure=measure,
    encode=encode,
    parameters={"litresPerPulse": 1},
)
