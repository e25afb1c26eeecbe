"""Parking places with a sensor in the ground, Bosch TPS110."""

from collections.abc import Mapping
from datetime import datetime

from agents.demo.curves import PARKING_HOURS, chance, level, second_of_day
from agents.demo.devices.kind import Frame, Kind, Reading

_STATUS_PORT = 1
_SHORTEST_STAY = 180
_STAY_SPREAD = 1500


def measure(seed: str, at: float, local: datetime) -> Reading:
    """Occupied or not. Stays last from some minutes to half an hour; the hour decides how many places are taken."""
    stay = _SHORTEST_STAY + _STAY_SPREAD * chance(seed, "stay")
    slot = int(at / stay)
    demand = level(PARKING_HOURS, second_of_day(local)) / 100
    return {"occupied": chance(seed, "slot", slot) < demand * (0.7 + 0.5 * chance(seed, "liked"))}


def encode(reading: Reading) -> Frame:
    """One byte, port 1."""
    return Frame(_STATUS_PORT, bytes((int(reading["occupied"]),)))


def statics(seed: str, commune: str) -> Mapping[str, object]:
    """Which car park the place belongs to."""
    return {"category": ["onStreet"], "refParkingSite": f"urn:ngsi-ld:OnStreetParking:{commune}"}


KIND = Kind(
    model="bosch/tps110",
    entity_type="ParkingSpot",
    type_iri="https://smartdatamodels.org/dataModel.Parking/ParkingSpot",
    watched=("status",),
    measure=measure,
    encode=encode,
    statics=statics,
)
