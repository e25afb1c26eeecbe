"""`.venv/bin/python -m benchmarks.batches`: how long the largest batches take, histories on.

10,000 entities are created in one request, the others are changed 5,000 in one request: what `--max-batch` allows. For
each request: seconds until the answer, and CPU seconds of broker and of mongod until both are at rest.
"""

import argparse
import json
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import uvloop

from benchmarks.client import request, run
from benchmarks.processes import Stack, settle, stack
from benchmarks.run import entity

_API = "/ngsi-ld/v1/entityOperations"
_CREATED = 10_000
_CHANGED = 5_000
_HEADER = (
    "| batch                               | seconds | longest | broker | mongod |\n"
    "|-------------------------------------|--------:|--------:|-------:|-------:|"
)


@dataclass
class Row:
    """What one kind of batch took, a figure for each time."""

    seconds: list[float] = field(default_factory=list)
    broker: list[float] = field(default_factory=list)
    mongod: list[float] = field(default_factory=list)

    def text(self, name: str) -> str:
        """A line of the table: medians, and the longest time."""
        middle, broker, mongod = map(statistics.median, (self.seconds, self.broker, self.mongod))
        return f"| {name:<35} | {middle:>7.2f} | {max(self.seconds):>7.2f} | {broker:>6.2f} | {mongod:>6.2f} |"


def requests(round_: int) -> Iterator[tuple[str, bytes]]:
    """The batches of one round, which leaves nothing behind; each with its name."""
    whole = [_entity(number, f"r{round_}") for number in range(_CREATED)]
    ids = [each["id"] for each in whole]
    yield "create 10,000", _post("create", whole)
    yield "upsert 5,000 (update)", _post("upsert?options=update", [_entity(n, "updated") for n in range(_CHANGED)])
    yield "upsert 5,000 (replace)", _post("upsert", [_entity(number, "replaced") for number in range(_CHANGED)])
    yield "update 5,000", _post("update", [_entity(number, "again") for number in range(_CHANGED)])
    yield "merge 5,000", _post("merge", [_entity(number, "merged") for number in range(_CHANGED)])
    yield "delete 5,000", _post("delete", ids[:_CHANGED])
    yield "delete 5,000", _post("delete", ids[_CHANGED:])


def _entity(number: int, status: str) -> dict[str, object]:
    return {**entity(number), "status": {"type": "Property", "value": status}}


def _post(operation: str, items: Sequence[object]) -> bytes:
    return request("POST", f"{_API}/{operation}", json.dumps(items).encode())


async def measure(on: Stack, body: bytes, row: Row) -> None:
    """One batch, on processes that are at rest."""
    await settle(on)
    broker, mongod = on.cpu()
    load = await run(on.url, [body], 1)
    await settle(on)
    after_broker, after_mongod = on.cpu()
    if not set(load.statuses) <= {201, 204}:
        raise SystemExit(f"unexpected answers {load.statuses}")
    row.seconds.append(load.seconds)
    row.broker.append(after_broker - broker)
    row.mongod.append(after_mongod - mongod)


async def main(rounds: int, history: str) -> None:
    """All batches, several times on one stack."""
    rows: dict[str, Row] = {}
    with stack("--history", history) as on:
        for round_ in range(rounds):
            for name, body in requests(round_):
                await measure(on, body, rows.setdefault(name, Row()))
    print(_HEADER)
    for name, row in rows.items():
        print(row.text(name))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often each batch is sent (default 5)")
    parser.add_argument("--history", choices=("on", "off"), default="on", help="whether writes are recorded")
    given = parser.parse_args()
    uvloop.run(main(given.rounds, given.history))
