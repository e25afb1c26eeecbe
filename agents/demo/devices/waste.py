"""Bins with an ultrasonic distance sensor, Milesight EM400-MUD: the fuller the bin, the shorter the distance."""

import struct
from collections.abc import Mapping
from datetime import datetime

from agents.demo.curves import DAY, WASTE_HOURS, chance, outdoor_temperature, portion, second_of_day, wobble
from agents.demo.devices.kind import Frame, Kind, Reading

EMPTY_MM = 1500
FULL_MM = 200
_FIRST_ROUND_HOUR = 6


def measure(seed: str, at: float, local: datetime) -> Reading:
    """Battery (%), temperature (°C), distance (mm), tilted or not.

    A bin fills by the hours of the day and is emptied in the morning of every second to fifth day; now and then one
    overflows, as in life.
    """
    cycle = 2 + int(chance(seed, "cycle") * 4)
    emptied_at = (_FIRST_ROUND_HOUR + chance(seed, "hour") * 5) * 3600
    days = local.toordinal() + int(chance(seed, "offset") * cycle)
    second = second_of_day(local)
    since = days % cycle - (0 if second >= emptied_at else 1)
    since = since if since >= 0 else cycle - 1
    ripe = (since + portion(WASTE_HOURS, second) - portion(WASTE_HOURS, emptied_at)) / cycle
    if second < emptied_at:
        ripe += 1 / cycle
    level = min(1.0, max(0.01, ripe * (0.55 + 0.5 * chance(seed, "use", days // cycle))))
    return {
        "battery": 60 + int(chance(seed, "battery") * 40),
        "temperature": round(outdoor_temperature(at, local) + 2 * level, 1),
        "distance": round(EMPTY_MM - level * (EMPTY_MM - FULL_MM) + 4 * wobble(seed, at, DAY / 400)),
        "tilted": chance(seed, "tilt", local.toordinal()) > 0.99,
    }


def encode(reading: Reading) -> Frame:
    """Channel-type-value triples, little-endian, port 85."""
    return Frame(
        85,
        bytes((0x01, 0x75, reading["battery"]))
        + b"\x03\x67"
        + struct.pack("<h", round(reading["temperature"] * 10))
        + b"\x04\x82"
        + struct.pack("<H", reading["distance"])
        + bytes((0x05, 0x00, int(reading["tilted"]))),
    )


def statics(seed: str, commune: str) -> Mapping[str, object]:
    """What the bin is for."""
    kinds = ("glass", "paper", "plastic", "organic", "other")
    return {"storedWasteKind": kinds[int(chance(seed, "waste") * len(kinds))], "storedWasteOrigin": "household"}


KIND = Kind(
    model="milesight-iot/em400-mud",
    entity_type="WasteContainer",
    type_iri="https://smartdatamodels.org/dataModel.WasteManagement/WasteContainer",
    watched=("fillingLevel",),
    measure=measure,
    encode=encode,
    statics=statics,
    parameters={"emptyDistance": EMPTY_MM, "fullDistance": FULL_MM},
)
