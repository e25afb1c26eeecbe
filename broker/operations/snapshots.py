"""Snapshots (clause 5.16): a tenant of their own for what some queries found, filled in the background."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol
from uuid import uuid4

import orjson

from broker.core.jsonld.names import is_iri
from broker.core.model.errors import BadRequestData, InternalError, NgsiLdError, OperationNotSupported, ResourceNotFound
from broker.core.model.instant import format_instant
from broker.core.model.snapshot import (
    FAILURE,
    MEMBERS,
    PREPARING,
    SUCCESS,
    as_entity,
    changes_of,
    named_by,
    render_snapshot,
    status_of,
)
from broker.core.model.subscription import Endpoint
from broker.core.ql.ast import EntityQuery
from broker.core.ql.evaluate import satisfies
from broker.core.ql.q import parse_q
from broker.core.subscribe.message import Message
from broker.core.temporal.evolution import Demand
from broker.operations.distributed.asking import Inquiry
from broker.operations.ports import Ports
from broker.operations.results import BatchResult
from broker.operations.snapshot_content import Wanted, entities_of, gather, histories_of
from broker.operations.tenancy import require_tenant

MAX_SNAPSHOTS = 20
"""Snapshots of one tenant; beyond it the least important, and of those the longest unused, is deleted (5.5.15)."""

_NOTED = 10_000_000
"""Microseconds between two notes of use: reading a snapshot shall not cost a write each time."""


class SnapshotStore(Protocol):
    """Snapshots as documents (`broker.core.model.snapshot`), by tenant and id."""

    async def create(self, tenant: str, snapshot: Mapping[str, Any]) -> None:
        """Keep a new one; AlreadyExists if its id is taken."""

    async def get(self, tenant: str, snapshot_id: str) -> dict[str, Any] | None:
        """One, or None."""

    async def change(
        self, tenant: str, snapshot_id: str, changed: Mapping[str, Any], removed: Sequence[str] = ()
    ) -> dict[str, Any] | None:
        """Set and remove members; the new state, or None where it is gone."""

    async def delete(self, tenant: str, snapshot_id: str) -> bool:
        """Remove; whether it was there."""

    async def all(self, tenant: str) -> list[dict[str, Any]]:
        """All of a tenant, in order of creation."""


@dataclass(frozen=True, slots=True)
class Snapshots:
    """What snapshots need besides the other ports: where they are kept, who works for them, who tells of them."""

    store: SnapshotStore
    start: Callable[[Coroutine[Any, Any, None]], None]
    tell: Callable[[Endpoint, Message], Coroutine[Any, Any, None]]


async def create_snapshot(
    ports: Ports,
    tenant: str,
    snapshot: dict[str, Any],
    queries: Sequence[Wanted],
    histories: Sequence[Wanted],
    inquiry: Inquiry | None = None,
) -> str:
    """Clause 5.16.1: the id. What the queries find is gathered afterwards, with `inquiry` also from sources.

    Raises AlreadyExists.
    """
    await _keep(ports, tenant, snapshot)
    _side(ports).start(_fill(ports, tenant, snapshot, queries, histories, inquiry))
    return str(snapshot["id"])


async def clone_snapshot(ports: Ports, tenant: str, source_id: str, snapshot: dict[str, Any]) -> str:
    """Clause 5.16.2. Raises BadRequestData, ResourceNotFound, AlreadyExists."""
    source = await _stored(ports, tenant, source_id)
    for name in ("snapshotQueries", "snapshotTemporalQueries"):
        if name in source:
            snapshot[name] = source[name]
    await _keep(ports, tenant, snapshot)
    _side(ports).start(_copy(ports, tenant, source["place"], snapshot))
    return str(snapshot["id"])


async def retrieve_snapshot(ports: Ports, tenant: str, snapshot_id: str) -> dict[str, Any]:
    """Clause 5.16.3."""
    return render_snapshot(await _stored(ports, tenant, snapshot_id))


async def update_snapshot(
    ports: Ports, tenant: str, snapshot_id: str, fragment: Mapping[str, Any], lifetime: int | None
) -> dict[str, Any]:
    """Clause 5.16.4: the new state; the endpoint, if there is one, is told."""
    stored = await _stored(ports, tenant, snapshot_id)
    changed, removed = changes_of(stored, fragment, lifetime, ports.clock.now())
    updated = await _side(ports).store.change(tenant, snapshot_id, changed, removed)
    if updated is None:
        raise _no_such_snapshot(snapshot_id)
    _side(ports).start(_tell(ports, tenant, updated))
    return render_snapshot(updated)


async def delete_snapshot(ports: Ports, tenant: str, snapshot_id: str) -> None:
    """Clause 5.16.5."""
    await _remove(ports, tenant, await _stored(ports, tenant, snapshot_id))


async def purge_snapshots(ports: Ports, tenant: str, text: str | None) -> BatchResult:
    """Clause 5.16.7. Raises BadRequestData where there is no valid `q`, ResourceNotFound where it finds none."""
    if text is None:
        raise BadRequestData("Give a q that says which snapshots to delete, such as snapshotPriority<5.")
    query = EntityQuery(q=parse_q(text, _member))
    await require_tenant(ports, tenant)
    found = [each for each in await _side(ports).store.all(tenant) if satisfies(as_entity(each), query)]
    if not found:
        raise ResourceNotFound("No snapshot is such.")
    result = BatchResult()
    for each in found:
        try:
            await _remove(ports, tenant, each)
            result.updated.append(each["id"])
        except NgsiLdError as error:
            result.errors.append((each["id"], error))
    return result


async def place_of(ports: Ports, tenant: str, snapshot_id: str) -> str:
    """The internal tenant that a request on a snapshot is about (clause 5.5.15). Raises as `retrieve_snapshot`."""
    snapshot = await _stored(ports, tenant, snapshot_id)
    now = ports.clock.now()
    if now - snapshot["lastUsedAt"] > _NOTED:
        await _side(ports).store.change(tenant, snapshot_id, {"lastUsedAt": now})
    return str(snapshot["place"])


async def remove_expired_snapshots(ports: Ports, tenant: str) -> int:
    """Delete the snapshots past their time, and tell so; how many there were.

    Those that nobody fills any more have failed. A place whose snapshot is gone goes, too.
    """
    if ports.snapshots is None:
        return 0
    owner, snapshot_id = named_by(tenant)
    if snapshot_id:
        kept = await ports.snapshots.store.get(owner, snapshot_id)
        if kept is None or kept["place"] != tenant:
            await _clear(ports, tenant)
        return 0
    now = ports.clock.now()
    everything = await ports.snapshots.store.all(tenant)
    past = [each for each in everything if each["expiresAt"] <= now]
    for each in past:
        await _remove(ports, tenant, each)
        await _tell(ports, tenant, each)
    for each in everything:
        if (
            each["snapshotStatus"] == PREPARING
            and each not in past
            and now - each.get(_ALIVE, each["createdAt"]) > _DEAD
        ):
            await _finish(ports, tenant, each, FAILURE, _abandoned(each))
    return len(past)


def _abandoned(snapshot: Mapping[str, Any]) -> dict[str, Any]:
    error = InternalError("The broker ended while it filled the snapshot; make another one.")
    problem = {"type": error.type, "title": error.title, "detail": error.detail}
    failed = {"resultStatus": FAILURE, "problemDetails": problem}
    details = {"snapshotQueries": "snapshotQueriesDetails", "snapshotTemporalQueries": "snapshotTemporalQueriesDetails"}
    return {told: [failed] * len(snapshot[given]) for given, told in details.items() if given in snapshot}


async def _keep(ports: Ports, tenant: str, snapshot: dict[str, Any]) -> None:
    await require_tenant(ports, tenant)
    await _side(ports).store.create(tenant, snapshot)
    await ports.tenants.ensure(snapshot["place"])
    kept = await _side(ports).store.all(tenant)
    if len(kept) > MAX_SNAPSHOTS:
        others = [each for each in kept if each["id"] != snapshot["id"]]
        await _remove(ports, tenant, min(others, key=lambda each: (each["snapshotPriority"], each["lastUsedAt"])))


async def _fill(
    ports: Ports,
    tenant: str,
    snapshot: dict[str, Any],
    queries: Sequence[Wanted],
    histories: Sequence[Wanted],
    inquiry: Inquiry | None,
) -> None:
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


async def _copy(ports: Ports, tenant: str, source: str, snapshot: dict[str, Any]) -> None:
    place = snapshot["place"]
    everything = Wanted(EntityQuery(), lambda _: True, None, local=True)
    with_history = Wanted(EntityQuery(), lambda _: True, Demand(), local=True)
    async with _in_preparation(ports, tenant, snapshot):
        copied = [await gather(partial(entities_of, ports, source, place, everything, None))]
        if ports.history is not None:
            copied.append(await gather(partial(histories_of, ports, source, place, with_history, None)))
    failed = any(each["resultStatus"] == FAILURE for each in copied)
    await _finish(ports, tenant, snapshot, FAILURE if failed else SUCCESS, {})


@asynccontextmanager
async def _in_preparation(ports: Ports, tenant: str, snapshot: Mapping[str, Any]) -> AsyncIterator[None]:
    """Note now and then that somebody is still at work; if the process ends, the note grows old."""

    async def note() -> None:
        while True:
            await asyncio.sleep(_BETWEEN_NOTES)
            await _side(ports).store.change(tenant, snapshot["id"], {_ALIVE: ports.clock.now()})

    task = asyncio.create_task(note())
    try:
        yield
    finally:
        task.cancel()


_ALIVE = "aliveAt"
_BETWEEN_NOTES = 10.0
_DEAD = 60_000_000
"""Microseconds after which a snapshot that nobody noted to be at work on is taken to be abandoned: six notes."""


async def _finish(ports: Ports, tenant: str, snapshot: dict[str, Any], status: str, changed: Mapping[str, Any]) -> None:
    done = {**changed, "snapshotStatus": status, "modifiedAt": ports.clock.now()}
    updated = await _side(ports).store.change(tenant, snapshot["id"], done)
    if updated is None or updated["place"] != snapshot["place"]:
        # Deleted meanwhile: what was written after that would stay for ever.
        await _clear(ports, snapshot["place"])
    else:
        await _tell(ports, tenant, updated)


async def _remove(ports: Ports, tenant: str, snapshot: Mapping[str, Any]) -> None:
    await _side(ports).store.delete(tenant, snapshot["id"])
    await _clear(ports, snapshot["place"])


async def _clear(ports: Ports, place: str) -> None:
    await ports.tenants.remove(place)
    ports.entities.forget(place)


async def _tell(ports: Ports, tenant: str, snapshot: Mapping[str, Any]) -> None:
    """Clause 5.16.6."""
    if "endpoint" not in snapshot:
        return
    now = ports.clock.now()
    shown = render_snapshot(snapshot)
    notification = {
        "id": f"urn:ngsi-ld:SnapshotNotification:{uuid4()}",
        "type": "SnapshotNotification",
        "snapshotId": snapshot["id"],
        "notifiedAt": format_instant(now),
        "snapshotReady": snapshot["snapshotStatus"] != PREPARING and snapshot["expiresAt"] > now,
        **{name: shown[name] for name in _TOLD if name in shown},
    }
    info = tuple((each["key"], each["value"]) for each in snapshot.get("receiverInfo", ()))
    endpoint = Endpoint(snapshot["endpoint"], receiver_info=info)
    message = Message("application/json", orjson.dumps(notification), info=info, tenant=tenant)
    await _side(ports).tell(endpoint, message)


_TOLD = (
    *("expiresAt", "snapshotPriority", "snapshotStatus"),
    *("snapshotQueriesDetails", "snapshotTemporalQueriesDetails"),
)


async def _stored(ports: Ports, tenant: str, snapshot_id: str) -> dict[str, Any]:
    if not is_iri(snapshot_id):
        raise BadRequestData(f"{snapshot_id[:200]!r} is no snapshot's id: it has to be a URI.")
    await require_tenant(ports, tenant)
    found = await _side(ports).store.get(tenant, snapshot_id)
    if found is None or found["expiresAt"] <= ports.clock.now():
        raise _no_such_snapshot(snapshot_id)
    return found


def _member(name: str) -> str:
    if name not in MEMBERS:
        raise BadRequestData(f"A Snapshot has no member {name[:100]!r} to ask about.")
    return name


def _no_such_snapshot(snapshot_id: str) -> ResourceNotFound:
    return ResourceNotFound(f"There is no snapshot {snapshot_id} here, or it has expired.")


def _side(ports: Ports) -> Snapshots:
    if ports.snapshots is None:
        raise OperationNotSupported("This broker makes no snapshots.")
    return ports.snapshots
