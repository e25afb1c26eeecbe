"""Street lights behind a light controller, Milesight WS558 (its first switch carries the lamp)."""

import struct
from datetime import datetime

from agents.demo.curves import DAY, chance, sun_elevation, wobble
from agents.demo.devices.kind import Frame, Kind, Reading

_DUSK_DEGREES = -3.0
_POWER_FACTOR = 95


def measure(seed: str, at: float, local: datetime) -> Reading:
    """Volts, watts, power factor (%), Wh since installation, mA, on or off.

    Lit from dusk to dawn, at half power between 23:00 and 05:00; some lamps are switched off in the middle of the
    night, as many communes do.
    """
    dark = sun_elevation(at) < _DUSK_DEGREES + 1.5 * (chance(seed, "dusk") - 0.5)
    late = local.hour >= 23 or local.hour < 5
    lit = dark and not (late and chance(seed, "saving") < 0.3)
    rated = 30 + 10 * int(chance(seed, "lamp") * 6)
    power = round(rated * (0.5 if late else 1.0) * (1 + 0.02 * wobble(seed, at, 600))) if lit else 0
    voltage = round(230 + 4 * wobble("mains", at, 1800) + chance(seed, "drop"), 1)
    return {
        "voltage": voltage,
        "power": power,
        "powerFactor": _POWER_FACTOR if lit else 0,
        "energy": int(rated * 8 * (at / DAY - 20_000)),
        "current": round(power / voltage / (_POWER_FACTOR / 100) * 1000),
        "on": lit,
    }


def encode(reading: Reading) -> Frame:
    """Channel-type-value triples, little-endian, port 85."""
    return Frame(
        85,
        b"\x03\x74"
        + struct.pack("<H", round(reading["voltage"] * 10))
        + b"\x04\x80"
        + struct.pack("<I", reading["power"])
        + bytes((0x05, 0x81, reading["powerFactor"]))
        + b"\x06\x83"
        + struct.pack("<I", reading["energy"])
        + b"\x07\xc9"
        + struct.pack("<H", reading["current"])
        + bytes((0x08, 0x31, 0x01, int(reading["on"]))),
    )


KIND = Kind(
    model="milesight-iot/ws558",
    entity_type="Streetlight",
    type_iri="https://smartdatamodels.org/dataModel.Streetlighting/Streetlight",
    watched=("powerState", "powerConsumption"),
    measure=measure,
    encode=encode,
)
