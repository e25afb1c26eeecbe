"""Public buildings' electricity meters through a P1 bridge, Yobiiq DSMR."""

import struct
from datetime import datetime

from agents.demo.curves import POWER_HOURS, chance, count, level, second_of_day, wobble
from agents.demo.devices.kind import Frame, Kind, Reading

_PORT = 3
_SATURDAY = 5


def measure(seed: str, at: float, local: datetime) -> Reading:
    """Wh imported, W drawn, V and A of the first phase: office hours over a base load, less at the weekend."""
    daily_wh = 20_000 + 180_000 * chance(seed, "building") ** 2
    mean_w = daily_wh / sum(POWER_HOURS)
    power = mean_w * level(POWER_HOURS, second_of_day(local)) * (1 + 0.15 * wobble(seed, at, 600))
    if local.weekday() >= _SATURDAY:
        power *= 0.45
    voltage = round(230 + 4 * wobble("mains", at, 1800), 1)
    return {
        "energy": int(50_000_000 * chance(seed, "age")) + int(count(POWER_HOURS, local, daily_wh)),
        "power": round(power),
        "voltage": voltage,
        "current": round(power / voltage / 3),
    }


def encode(reading: Reading) -> Frame:
    """Channel, type and 32-bit big-endian value, port 3; voltage goes in tenths of a volt."""
    fields = (
        (0x13, reading["energy"]),
        (0x1A, reading["power"]),
        (0x25, round(reading["voltage"] * 10)),
        (0x28, reading["current"]),
    )
    return Frame(_PORT, b"".join(struct.pack(">BBI", 1, code, value) for code, value in fields))


KIND = Kind(
    model="yobiiq/dsmr",
    entity_type="ThreePhaseAcMeasurement",
    type_iri="https://smartdatamodels.org/dataModel.Energy/ThreePhaseAcMeasurement",
    watched=("totalActivePower",),
    measure=measure,
    encode=encode,
)
