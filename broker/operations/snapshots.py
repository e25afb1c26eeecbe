"""Snapshots (clause 5.16): a tenant of their own for what some queries found, filled in the background."""

from collections.abc import Mapping, Sequence
from typing import Any

from broker.core.jsonld.names import is_iri
from broker.core.model.errors import BadRequestData, NgsiLdError, ResourceNotFound
from broker.core.model.snapshot import MEMBERS, as_entity, changes_of, named_by, render_snapshot
from broker.core.ql.ast import EntityQuery
from broker.core.ql.evaluate import satisfies
from broker.core.ql.q import parse_q
from broker.operations.distributed.asking import Inquiry
from broker.operations.ports import Ports
from broker.operations.results import BatchResult
from broker.operations.snapshot_content import WantedEntities, WantedHistories
from broker.operations.snapshot_filling import copy, fill, give_up, is_abandoned
from broker.operations.snapshot_ports import clear, side_of, tell
from broker.operations.tenancy import require_tenant

MAX_SNAPSHOTS = 20
"""Snapshots of one tenant; beyond it the least important, and of those the longest unused, is deleted (5.5.15)."""

_NOTED = 10_000_000
"""Microseconds between two notes of use: reading a snapshot shall not cost a write each time."""


async def create_snapshot(
    ports: Ports,
    tenant: str,
    snapshot: dict[str, Any],
    queries: Sequence[WantedEntities],
    histories: Sequence[WantedHistories],
    inquiry: Inquiry | None = None,
) -> str:
    """Clause 5.16.1: the id. What the queries find is gathered afterwards, with `inquiry` also from sources.

    Raises AlreadyExists.
    """
    await _keep(ports, tenant, snapshot)
    side_of(ports).start(fill(ports, tenant, snapshot, queries, histories, inquiry))
    return str(snapshot["id"])


async def clone_snapshot(ports: Ports, tenant: str, source_id: str, snapshot: dict[str, Any]) -> str:
    """Clause 5.16.2. Raises BadRequestData, ResourceNotFound, AlreadyExists."""
    source = await _stored(ports, tenant, source_id)
    for name in ("snapshotQueries", "snapshotTemporalQueries"):
        if name in source:
            snapshot[name] = source[name]
    await _keep(ports, tenant, snapshot)
    side_of(ports).start(copy(ports, tenant, source["place"], snapshot))
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
    updated = await side_of(ports).store.change(tenant, snapshot_id, changed, removed)
    if updated is None:
        raise _no_such_snapshot(snapshot_id)
    side_of(ports).start(tell(ports, tenant, updated))
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
    found = [each for each in await side_of(ports).store.all(tenant) if satisfies(as_entity(each), query)]
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
        await side_of(ports).store.change(tenant, snapshot_id, {"lastUsedAt": now})
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
            await clear(ports, tenant)
        return 0
    now = ports.clock.now()
    everything = await ports.snapshots.store.all(tenant)
    past = [each for each in everything if each["expiresAt"] <= now]
    for each in past:
        await _remove(ports, tenant, each)
        await tell(ports, tenant, each)
    for each in everything:
        if each not in past and is_abandoned(each, now):
            await give_up(ports, tenant, each)
    return len(past)


async def _keep(ports: Ports, tenant: str, snapshot: dict[str, Any]) -> None:
    await require_tenant(ports, tenant)
    await side_of(ports).store.create(tenant, snapshot)
    await ports.tenants.ensure(snapshot["place"])
    kept = await side_of(ports).store.all(tenant)
    if len(kept) > MAX_SNAPSHOTS:
        others = [each for each in kept if each["id"] != snapshot["id"]]
        await _remove(ports, tenant, min(others, key=lambda each: (each["snapshotPriority"], each["lastUsedAt"])))


async def _remove(ports: Ports, tenant: str, snapshot: Mapping[str, Any]) -> None:
    await side_of(ports).store.delete(tenant, snapshot["id"])
    await clear(ports, snapshot["place"])


async def _stored(ports: Ports, tenant: str, snapshot_id: str) -> dict[str, Any]:
    if not is_iri(snapshot_id):
        raise BadRequestData(f"{snapshot_id[:200]!r} is no snapshot's id: it has to be a URI.")
    await require_tenant(ports, tenant)
    found = await side_of(ports).store.get(tenant, snapshot_id)
    if found is None or found["expiresAt"] <= ports.clock.now():
        raise _no_such_snapshot(snapshot_id)
    return found


def _member(name: str) -> str:
    if name not in MEMBERS:
        raise BadRequestData(f"A Snapshot has no member {name[:100]!r} to ask about.")
    return name


def _no_such_snapshot(snapshot_id: str) -> ResourceNotFound:
    return ResourceNotFound(f"There is no snapshot {snapshot_id} here, or it has expired.")
