"""Filling snapshots in the background (clauses 5.16.1, 5.16.2), and what becomes of those that nobody fills."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from broker.core.model.errors import InternalError
from broker.core.model.instant import Instant
from broker.core.model.snapshot import FAILURE, PREPARING, SUCCESS, status_of
from broker.core.ql.ast import EntityQuery
from broker.core.temporal.evolution import Demand
from broker.operations.distributed.asking import Inquiry
from broker.operations.ports import Ports
from broker.operations.snapshot_content import (
    WantedEntities,
    WantedHistories,
    entities_of,
    gather,
    histories_of,
    problem_of,
)
from broker.operations.snapshot_ports import clear, side_of, tell

_ALIVE = "aliveAt"
_BETWEEN_NOTES = 10.0
_DEAD = 60_000_000
"""Microseconds after which a snapshot that nobody noted to be at work on is taken to be abandoned: six notes."""


async def fill(
    ports: Ports,
    tenant: str,
    snapshot: dict[str, Any],
    queries: Sequence[WantedEntities],
    histories: Sequence[WantedHistories],
    inquiry: Inquiry | None,
) -> None:
    """Put into a snapshot what its queries find, with `inquiry` also at sources, and tell how it ended."""
    place = snapshot["place"]
    async with _in_preparation(ports, tenant, snapshot):
        found = [await gather(partial(entities_of, ports, tenant, place, each, inquiry)) for each in queries]
        passed = [await gather(partial(histories_of, ports, tenant, place, each, inquiry)) for each in histories]
    changed: dict[str, Any] = {}
    if queries:
        changed["snapshotQueriesDetails"] = found
    if histories:
        changed["snapshotTemporalQueriesDetails"] = passed
    await _finish(ports, tenant, snapshot, status_of([each["resultStatus"] for each in found + passed]), changed)


async def copy(ports: Ports, tenant: str, source: str, snapshot: dict[str, Any]) -> None:
    """Put into a snapshot all that a tenant has, `source` being that of another one, and tell how it ended."""
    place = snapshot["place"]
    everything = WantedEntities(EntityQuery(), lambda _: True, local=True)
    all_history = WantedHistories(EntityQuery(), lambda _: True, Demand())
    async with _in_preparation(ports, tenant, snapshot):
        copied = [await gather(partial(entities_of, ports, source, place, everything, None))]
        if ports.history is not None:
            copied.append(await gather(partial(histories_of, ports, source, place, all_history, None)))
    failed = any(each["resultStatus"] == FAILURE for each in copied)
    await _finish(ports, tenant, snapshot, FAILURE if failed else SUCCESS, {})


def is_abandoned(snapshot: Mapping[str, Any], now: Instant) -> bool:
    """Whether a snapshot is being prepared and nobody is at work on it any more."""
    return bool(snapshot["snapshotStatus"] == PREPARING and now - snapshot.get(_ALIVE, snapshot["createdAt"]) > _DEAD)


async def give_up(ports: Ports, tenant: str, snapshot: dict[str, Any]) -> None:
    """Let an abandoned snapshot have failed."""
    problem = problem_of(InternalError("The broker ended while it filled the snapshot; make another one."))
    failed = {"resultStatus": FAILURE, "problemDetails": problem}
    details = {"snapshotQueries": "snapshotQueriesDetails", "snapshotTemporalQueries": "snapshotTemporalQueriesDetails"}
    changed = {told: [failed] * len(snapshot[given]) for given, told in details.items() if given in snapshot}
    await _finish(ports, tenant, snapshot, FAILURE, changed)


@asynccontextmanager
async def _in_preparation(ports: Ports, tenant: str, snapshot: Mapping[str, Any]) -> AsyncIterator[None]:
    """Note now and then that somebody is still at work; if the process ends, the note grows old."""

    async def note() -> None:
        while True:
            await asyncio.sleep(_BETWEEN_NOTES)
            await side_of(ports).store.change(tenant, snapshot["id"], {_ALIVE: ports.clock.now()})

    task = asyncio.create_task(note())
    try:
        yield
    finally:
        task.cancel()


async def _finish(ports: Ports, tenant: str, snapshot: dict[str, Any], status: str, changed: Mapping[str, Any]) -> None:
    done = {**changed, "snapshotStatus": status, "modifiedAt": ports.clock.now()}
    updated = await side_of(ports).store.change(tenant, snapshot["id"], done)
    if updated is None or updated["place"] != snapshot["place"]:
        # Deleted meanwhile: what was written after that would stay for ever.
        await clear(ports, snapshot["place"])
    else:
        await tell(ports, tenant, updated)
