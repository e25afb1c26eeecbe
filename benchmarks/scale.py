"""How lookups and queries answer in a large territory: 200,000 entities with 12 attributes each, one client.

Latencies are of one connection, so that none waits for another. Each question is asked for often before it is measured,
or declared with `eclor index`, as its row says.
"""

import argparse
import asyncio
import json
import random
import time
from collections.abc import Iterable, Iterator

import uvloop

from benchmarks.client import request, run
from benchmarks.processes import Stack, settle, stack

_API = "/ngsi-ld/v1"
_TYPES = ("WasteContainer", "Streetlight", "AirQualityObserved", "WaterObserved", "ParkingSpot")
_SIDE = 450
"""Entities in a row of the grid, 90 m apart: about 400 of all types lie within 1 km of a point."""
_BATCH = 1_000
_ASKED = 200


def entity(number: int) -> dict[str, object]:
    """A sensor with 12 attributes, about 1,400 octets of JSON; each value of `serialNumber` is that of 20 entities."""
    longitude, latitude = 5.6 + (number % _SIDE) * 0.00124, 49.3 + (number // _SIDE) * 0.00081
    chance = random.Random(number)
    measured = {
        name: {"type": "Property", "value": round(chance.uniform(0, 100), 2), "observedAt": "2026-11-23T08:00:00Z"}
        for name in ("temperature", "humidity", "battery", "signal", "pressure", "fillingLevel")
    }
    kind = _TYPES[number % len(_TYPES)]
    return {
        "id": f"urn:ngsi-ld:{kind}:{number}",
        "type": kind,
        "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [longitude, latitude]}},
        "name": {"type": "Property", "value": f"Sensor {number}"},
        "serialNumber": {"type": "Property", "value": f"S{number // 100}"},
        "status": {"type": "Property", "value": "ok" if number % 7 else "broken"},
        "district": {"type": "Property", "value": number % 8},
        "refDevice": {"type": "Relationship", "object": f"urn:ngsi-ld:Device:{number}"},
        **measured,
    }


def batches(count: int) -> Iterator[bytes]:
    for first in range(0, count, _BATCH):
        body = [entity(number) for number in range(first, min(first + _BATCH, count))]
        yield request("POST", f"{_API}/entityOperations/create", json.dumps(body).encode())


def _near(chance: random.Random, count: int, offset: int) -> str:
    number = chance.randrange(count)
    longitude, latitude = 5.6 + (number % _SIDE) * 0.00124, 49.3 + (number // _SIDE) * 0.00081
    where = f"georel=near;maxDistance==1000&geometry=Point&coordinates=[{longitude:.5f},{latitude:.5f}]"
    return f"{_API}/entities?type=WasteContainer&{where}&offset={offset}"


def questions(count: int, chance: random.Random) -> Iterator[tuple[str, list[str]]]:
    """Name and targets of each row."""
    numbers = [chance.randrange(count) for _ in range(_ASKED)]
    ids = [(_TYPES[number % len(_TYPES)], number) for number in numbers]
    yield "entity by id", [f"{_API}/entities/urn:ngsi-ld:{kind}:{number}" for kind, number in ids]
    yield (
        "query by type and id",
        [f"{_API}/entities?type={kind}&id=urn:ngsi-ld:{kind}:{number}" for kind, number in ids],
    )
    yield "near, 1 km, first page", [_near(chance, count, 0) for _ in range(_ASKED)]
    yield "near, 1 km, next page", [_near(chance, count, 20) for _ in range(_ASKED)]
    serials = [f'{_API}/entities?q=serialNumber=="S{chance.randrange(count // 100)}"' for _ in range(_ASKED)]
    yield "q, 100 match, asked for often", [f"{target}&limit=20" for target in serials]
    yield "q, 100 match, next page", [f"{target}&limit=20&offset=20" for target in serials]
    typed = [f"{target}&type={chance.choice(_TYPES)}" for target in serials]
    yield "q and type, 20 match", typed
    levels = [chance.uniform(0, 99) for _ in range(_ASKED)]
    ranges = [f"{_API}/entities?type=Streetlight&q=battery=={level:.2f}..{level + 0.1:.2f}" for level in levels]
    yield "q by range and type, 40 match", ranges
    declared = [f'{_API}/entities?q=name=="Sensor {number}"' for number in numbers]
    yield "q, 1 match, declared", declared
    yield "type, first page", [f"{_API}/entities?type=Streetlight&limit=20"] * _ASKED
    yield "type, next page", [f"{_API}/entities?type=Streetlight&limit=20&offset=20"] * _ASKED
    deep = range(20, 20 + 20 * _ASKED, 20)
    yield "type, each page after another", [f"{_API}/entities?type=ParkingSpot&limit=20&offset={each}" for each in deep]
    yield "type, page 1,500", [f"{_API}/entities?type=WasteContainer&limit=20&offset=30000"] * 20
    yield "types", [f"{_API}/types"] * 20
    yield "types with details", [f"{_API}/types?details=true"] * 20


async def measure(on: Stack, name: str, targets: Iterable[str]) -> None:
    """Ask one after the other, and print a line."""
    await settle(on)
    load = await run(on.url, [request("GET", target.replace(" ", "%20")) for target in targets], 1)
    failed = {status: n for status, n in load.statuses.items() if status != 200}
    note = f"  unexpected answers {failed}" if failed else ""
    p50, p99 = load.percentile(0.5), load.percentile(0.99)
    size = load.octets / len(load.latencies) / 1000
    print(f"| {name:<32} | {p50:>8.2f} | {p99:>8.2f} | {size:>7.1f} |{note}", flush=True)


async def main(count: int) -> None:
    """Fill a broker, ask, and print."""
    with stack("--history", "off") as on:
        began = time.perf_counter()
        stored = await run(on.url, batches(count), 2)
        print(f"{count:,} entities stored in {time.perf_counter() - began:.0f} s: {stored.statuses}")
        body = b'{"path":"name"}'
        declared = await run(on.url, [request("POST", "/indexes", body)], 1)
        print(f"index on name declared: {declared.statuses}, {declared.latencies[0]:.1f} s")
        print("| question                         |   p50 ms |   p99 ms | answer kB |")
        print("|----------------------------------|---------:|---------:|--------:|")
        for name, targets in questions(count, random.Random(1)):
            if "q" in name.split(",")[0].split() and "declared" not in name:
                await run(on.url, [request("GET", target.replace(" ", "%20")) for target in targets[:30]], 2)
                await asyncio.sleep(5)
            await measure(on, name, targets)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entities", type=int, default=200_000, help="how many (default 200,000)")
    uvloop.run(main(parser.parse_args().entities))
