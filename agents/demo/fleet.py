"""Which devices stand where: decided by the number of devices and the seed alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from random import Random
from typing import Any

from agents.demo.devices import air_quality, air_station, electricity, parking, street_light, waste, water_meter
from agents.demo.devices.kind import Kind, Reading
from agents.demo.territory import COMMUNES, STREETS, WEIGHTS, Commune, Place, place_in

API_KEY = "eclordemo"
"""The key in the topics of the devices that speak JSON: a name, not a secret."""

SHARES: tuple[tuple[Kind, float], ...] = (
    (waste.KIND, 0.28),
    (street_light.KIND, 0.30),
    (parking.KIND, 0.20),
    (water_meter.KIND, 0.12),
    (air_quality.KIND, 0.025),
    (air_station.KIND, 0.025),
    (electricity.KIND, 0.05),
)
KINDS = tuple(kind for kind, _ in SHARES)


@dataclass(frozen=True, slots=True)
class Device:
    """One simulated device."""

    id: str
    kind: Kind
    commune: Commune
    street: str
    place: Place
    seed: str

    @property
    def entity_id(self) -> str:
        """The identifier of the entity that it reports on."""
        return f"urn:ngsi-ld:{self.kind.entity_type}:{self.commune.slug}:{self.id}"

    def read(self, at: float, local: datetime) -> Reading:
        """What it measures at that Unix time."""
        return self.kind.measure(self.seed, at, local)

    def registration(self) -> dict[str, Any]:
        """The device as the agents' `POST /devices` takes it."""
        values: dict[str, Any] = {
            "name": self.street,
            "address": {"addressLocality": self.commune.name, "addressCountry": "FR"},
            **self.kind.statics(self.seed, self.commune.slug),
        }
        document: dict[str, Any] = {
            "id": self.id,
            "model": self.kind.model,
            "entityId": self.entity_id,
            "attributes": {name: _attribute(name, value) for name, value in values.items()}
            | {"location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": list(self.place)}}},
        }
        if self.kind.parameters:
            document["parameters"] = dict(self.kind.parameters)
        if self.kind.encode is None:
            document["apiKey"] = API_KEY
        return document


def _attribute(name: str, value: Any) -> Mapping[str, Any]:
    if name.startswith("ref"):
        return {"type": "Relationship", "object": value}
    return {"type": "Property", "value": value}


def build(number: int, seed: int) -> list[Device]:
    """That many devices, of all kinds, the kinds mixed so that every few reports show another one."""
    # Places and names, nothing that needs to be unpredictable.
    random = Random(f"{seed}:{number}")  # noqa: S311
    devices = []
    for kind, wanted in zip(KINDS, _allot(number), strict=True):
        for index in range(wanted):
            commune = random.choices(COMMUNES, WEIGHTS)[0]
            street = f"{random.choice(STREETS)} {random.randint(1, 90)}"
            place = place_in(commune, random)
            own_seed = f"{seed}:{kind.model}:{index}"
            devices.append(Device(_device_id(kind, index, own_seed), kind, commune, street, place, own_seed))
    random.shuffle(devices)
    return devices


def _allot(number: int) -> list[int]:
    """Largest remainders, and at least one of each kind where there are as many devices as kinds."""
    exact = [share * number for _, share in SHARES]
    wanted = [max(int(part), 1 if number >= len(SHARES) else 0) for part in exact]
    by_remainder = sorted(range(len(exact)), key=lambda i: wanted[i] - exact[i])
    position = 0
    while sum(wanted) < number:
        wanted[by_remainder[position % len(wanted)]] += 1
        position += 1
    while sum(wanted) > number:
        wanted[wanted.index(max(wanted))] -= 1
    return wanted


def _device_id(kind: Kind, index: int, seed: str) -> str:
    """A devEUI (64 bits, hexadecimal, marked as locally administered), or a readable name for a JSON device."""
    if kind.encode is None:
        return f"air-{index + 1:03d}"
    digest = blake2b(seed.encode(), digest_size=7).hexdigest()
    return "02" + digest
