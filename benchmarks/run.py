"""`make bench`: what each operation costs, one broker process, without history or with it (`--history on`).

For each scenario: requests per second, latency, and CPU seconds per 1,000 operations of broker and of mongod apart.
An operation is a request, but for the batch, where it is an entity, and for the last, where it is a notification.
"""

import argparse
import asyncio
import json
import random
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import uvloop

from benchmarks.client import Load, Receiver, request, run
from benchmarks.processes import Stack, settle, stack

_API = "/ngsi-ld/v1"
_CONNECTIONS = 64
_ENTITIES = 10_000
_AREA = (5.90, 49.44)
"""West and south of the square in which the entities stand; each row of 100 lies 0.001 degrees further north."""


@dataclass
class Row:
    """One scenario's result."""

    name: str
    operations: int
    load: Load
    broker: float
    mongod: float

    def text(self) -> str:
        """A line of the table."""
        per = 1000 / self.operations
        rate = self.operations / self.load.seconds
        p50, p99 = self.load.percentile(0.5), self.load.percentile(0.99)
        total = (self.broker + self.mongod) * per
        return (
            f"| {self.name:<34} | {rate:>9,.0f} | {p50:>7.1f} | {p99:>7.1f} "
            f"| {self.broker * per:>6.3f} | {self.mongod * per:>6.3f} | {total:>6.3f} |"
        )


def entity(number: int) -> dict[str, object]:
    """A sensor with five attributes, about 600 octets of JSON. One in a hundred has each level."""
    longitude, latitude = _AREA[0] + (number % 100) * 0.001, _AREA[1] + (number // 100) * 0.001
    return {
        "id": f"urn:ngsi-ld:WasteContainer:{number}",
        "type": "WasteContainer",
        "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [longitude, latitude]}},
        "fillingLevel": {
            "type": "Property",
            "value": (number % 100) / 100,
            "unitCode": "C62",
            "observedAt": "2026-11-23T08:00:00Z",
        },
        "temperature": {
            "type": "Property",
            "value": number / 10,
            "unitCode": "CEL",
            "observedAt": "2026-11-23T08:00:00Z",
        },
        "status": {"type": "Property", "value": "ok"},
        "refDevice": {"type": "Relationship", "object": f"urn:ngsi-ld:Device:{number}"},
    }


def creations() -> Iterator[bytes]:
    for number in range(_ENTITIES):
        yield request("POST", f"{_API}/entities", json.dumps(entity(number)).encode())


def retrievals(count: int, chance: random.Random) -> Iterator[bytes]:
    for _ in range(count):
        yield request("GET", f"{_API}/entities/urn:ngsi-ld:WasteContainer:{chance.randrange(_ENTITIES)}")


def patches(count: int, chance: random.Random) -> Iterator[bytes]:
    for number in range(count):
        body = b'{"value":%d,"observedAt":"2026-11-23T09:00:00Z"}' % number
        target = f"{_API}/entities/urn:ngsi-ld:WasteContainer:{chance.randrange(_ENTITIES)}/attrs/temperature"
        yield request("PATCH", target, body)


def batches(count: int) -> Iterator[bytes]:
    for batch in range(count):
        first = batch * 1000 % _ENTITIES
        body = [
            {**entity(number), "status": {"type": "Property", "value": f"b{batch}"}}
            for number in range(first, first + 1000)
        ]
        yield request("POST", f"{_API}/entityOperations/upsert?options=update", json.dumps(body).encode())


def queries_by_q(count: int) -> Iterator[bytes]:
    for number in range(count):
        target = f"{_API}/entities?type=WasteContainer&q=fillingLevel=={(number % 100) / 100}&limit=100"
        yield request("GET", target)


def queries_by_distance(count: int) -> Iterator[bytes]:
    """About 100 entities lie within 0.5 km of a point of the grid: a row is 111 m apart, a column 73 m."""
    for number in range(count):
        longitude, latitude = _AREA[0] + 0.02 + number % 60 * 0.001, _AREA[1] + 0.02 + number % 50 * 0.001
        geo = f"georel=near;maxDistance==515&geometry=Point&coordinates=[{longitude:.4f},{latitude:.4f}]"
        yield request("GET", f"{_API}/entities?type=WasteContainer&{geo}&limit=100")


async def measure(
    on: Stack, name: str, requests: Iterable[bytes], per_request: int = 1, connections: int = _CONNECTIONS
) -> Row:
    """Run one load; the CPU time is what both processes used from its beginning until they were at rest again."""
    prepared = list(requests)
    await settle(on)
    broker, mongod = on.cpu()
    load = await run(on.url, prepared, connections)
    await asyncio.sleep(0.5)
    after_broker, after_mongod = on.cpu()
    failed = {status: n for status, n in load.statuses.items() if status >= 300}
    if failed:
        print(f"  {name}: unexpected answers {failed}")
    row = Row(name, len(prepared) * per_request, load, after_broker - broker, after_mongod - mongod)
    print(row.text(), flush=True)
    return row


async def notifications(on: Stack, count: int, chance: random.Random) -> Row:
    """Each update of one attribute reaches one receiver; latency from sending the update to having the notification."""
    sent: dict[str, float] = {}
    load, everything = Load(), asyncio.Event()

    def received(body: bytes) -> None:
        now = time.perf_counter()
        for each in json.loads(body)["data"]:
            load.latencies.append(now - sent[each["id"]])
        if len(load.latencies) >= count:
            everything.set()

    server = await asyncio.get_running_loop().create_server(lambda: Receiver(received), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    subscription = {
        "type": "Subscription",
        "entities": [{"type": "WasteContainer"}],
        "watchedAttributes": ["temperature"],
        "notification": {"endpoint": {"uri": f"http://127.0.0.1:{port}/", "accept": "application/json"}},
    }
    created = await run(on.url, [request("POST", f"{_API}/subscriptions", json.dumps(subscription).encode())], 1)
    assert created.statuses == {201: 1}, created.statuses

    def updates() -> Iterator[bytes]:
        for number in chance.sample(range(_ENTITIES), count):
            entity_id = f"urn:ngsi-ld:WasteContainer:{number}"
            sent[entity_id] = time.perf_counter()
            yield request("PATCH", f"{_API}/entities/{entity_id}/attrs/temperature", b'{"value":%d.5}' % number)

    await settle(on)
    broker, mongod = on.cpu()
    began = time.perf_counter()
    answers = await run(on.url, updates(), _CONNECTIONS)
    await asyncio.wait_for(everything.wait(), 60)
    load.seconds = time.perf_counter() - began
    await asyncio.sleep(1.0)
    after_broker, after_mongod = on.cpu()
    server.close()
    if set(answers.statuses) != {204}:
        print(f"  update to notification: unexpected answers {answers.statuses}")
    row = Row("update to notification", count, load, after_broker - broker, after_mongod - mongod)
    print(row.text(), flush=True)
    return row


async def main(scale: float, history: str) -> None:
    """Every scenario in turn on one stack."""
    chance = random.Random(1)
    print("| operation                          |  per s    | p50 ms  | p99 ms  | broker | mongod | total  |")
    print("|------------------------------------|----------:|--------:|--------:|-------:|-------:|-------:|")
    with stack("--history", history) as on:
        await measure(on, "create", creations())
        await measure(on, "retrieve", retrievals(int(20_000 * scale), chance))
        await measure(on, "PATCH of one attribute", patches(int(10_000 * scale), chance))
        await measure(on, "batch upsert of 1,000 (an entity)", batches(int(20 * scale) or 1), 1000, 2)
        for name, queries in (("by q", queries_by_q), ("by distance", queries_by_distance)):
            await run(on.url, queries(60), 4)
            await asyncio.sleep(3)
            await measure(on, f"query of 100 of 10,000 {name}", queries(int(1_000 * scale)), 1, 16)
        await notifications(on, min(int(10_000 * scale), _ENTITIES), chance)
    print("CPU columns: seconds per 1,000 operations. Connections: 64 (batch: 2, queries: 16).")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full number of requests (default 1)")
    parser.add_argument("--history", choices=("on", "off"), default="off", help="whether writes are recorded")
    given = parser.parse_args()
    uvloop.run(main(given.scale, given.history))
