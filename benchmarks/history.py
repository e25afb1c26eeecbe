"""What histories cost: bytes a sample once packed, and hourly means of one series out of a million samples.

A sensor reports each minute: temperature to a tenth, observed at the full second and some seconds jitter, recorded up
to two seconds later. 23 such sensors make a month of a million samples, recorded by the store as if by the commit path.
"""

import argparse
import asyncio
import random
import statistics
import time
import urllib.request
from collections.abc import Iterator

import uvloop

from benchmarks.processes import Stack, stack
from broker.adapters.mongo.client import Databases, connect
from broker.adapters.mongo.history import MongoHistory
from broker.adapters.mongo.history_documents import of_attributes
from broker.core.model.instant import format_instant

_START = 1_790_000_000_000_000
_MINUTE = 60_000_000
_MONTH = 43_200
_TEMPERATURE = "https://smartdatamodels.org/dataModel.Environment/temperature"
_TYPE = "https://smartdatamodels.org/dataModel.Environment/WeatherObserved"


def sensor_id(number: int) -> str:
    return f"urn:ngsi-ld:WeatherObserved:{number:04d}"


def readings(number: int, count: int) -> Iterator[dict[str, object]]:
    """The documents that the commit path would have written for one sensor."""
    chance = random.Random(number)
    value = 12.0
    for minute in range(count):
        observed = _START + minute * _MINUTE + chance.randrange(4) * 1_000_000
        value += chance.gauss(0, 0.1)
        at = observed + chance.randrange(200_000, 2_000_000)
        instance = {
            "type": "Property",
            "value": round(value, 1),
            "unitCode": "CEL",
            "observedAt": observed,
            "createdAt": _START,
            "modifiedAt": at,
        }
        yield of_attributes(sensor_id(number), [_TYPE], {_TEMPERATURE: [instance]}, at, f"bench{minute:x}.0")


async def fill(databases: Databases, history: MongoHistory, total: int) -> None:
    """Record and pack sensor after sensor."""
    database = databases("")
    packing = 0.0
    for number in range(-(-total // _MONTH)):
        documents = list(readings(number, min(_MONTH, total - number * _MONTH)))
        for start in range(0, len(documents), 5_000):
            await database["history"].insert_many(documents[start : start + 5_000], ordered=False)
        await database["evolutions"].insert_one({"_id": sensor_id(number), "types": [_TYPE], "createdAt": _START})
        began = time.process_time()
        await history.compact("", _START + _MONTH * _MINUTE)
        packing += time.process_time() - began
    print(f"packing: {packing / total * 1e6:.1f} µs of the broker's CPU a sample")


async def sizes(databases: Databases, total: int) -> None:
    """What the packed samples take on disk, indexes included."""
    database = databases("")
    await database.client.admin.command("fsync")
    stats = await database.command("collStats", "chunks")
    left = await database["history"].count_documents({})
    data, storage, indexes = (stats[name] / total for name in ("size", "storageSize", "totalIndexSize"))
    print(f"{stats['count']} chunks, {left} documents left unpacked")
    print(f"bytes a sample: {data:.2f} of documents; on disk {storage:.2f}, and {indexes:.2f} of indexes")


def means(on: Stack, rounds: int, sensors: int) -> None:
    """A month of hourly means of one series, over HTTP."""
    start, end = format_instant(_START), format_instant(_START + _MONTH * _MINUTE)
    query = f"timerel=between&timeAt={start}&endTimeAt={end}&format=aggregatedValues"
    query += f"&aggrMethods=avg&aggrPeriodDuration=PT1H&attrs={_TEMPERATURE}"
    seconds = []
    before = sum(on.cpu())
    for number in range(rounds):
        url = f"{on.url}/ngsi-ld/v1/temporal/entities/{sensor_id(number % sensors)}?{query}"
        began = time.perf_counter()
        with urllib.request.urlopen(url) as answer:
            size = len(answer.read())
        seconds.append(time.perf_counter() - began)
    cpu = 1e3 * (sum(on.cpu()) - before) / rounds
    median, worst = 1e3 * statistics.median(seconds), 1e3 * max(seconds)
    print(f"hourly means of a month: {cpu:.1f} ms of CPU, broker and mongod; {size} bytes; ", end="")
    print(f"median {median:.1f} ms, worst of {rounds} {worst:.1f} ms")


async def main(total: int) -> None:
    """Fill, measure the size, ask."""
    with stack() as on:
        databases = Databases(connect(on.mongo_url))
        history = MongoHistory(databases, await databases.write_concern())
        await fill(databases, history, total)
        await sizes(databases, total)
        await asyncio.to_thread(means, on, 40, max(1, total // _MONTH))
        await databases.client.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=1_000_000, help="how many samples (default 1,000,000)")
    uvloop.run(main(parser.parse_args().samples))
