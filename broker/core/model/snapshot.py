"""Snapshots (clauses 4.3.7, 5.2.41): results of queries, kept apart so that they stay as they were.

A snapshot is kept as a plain document, with the members of the data type and instants in microseconds; `place` names
the internal tenant that holds its entities and histories.
"""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from broker.core.model.credentials import hidden, restored
from broker.core.model.entity import NGSILD_NULL, Entity
from broker.core.model.errors import BadRequestData
from broker.core.model.instant import Instant, format_instant

PREPARING, SUCCESS, PARTIAL, EMPTY, FAILURE = "preparing", "success", "partial", "empty", "failure"

LONGEST = 7 * 24 * 3_600_000_000
"""Microseconds that a snapshot lasts at most: it takes as much room as the entities in it."""

USUAL = 24 * 3_600_000_000
"""Microseconds that it lasts where no `snapshotLifetime` asks for more or less."""

_PRIORITY = 5
_PLACE = "snapshot"
"""Begins internal tenants; the `!` after it is no character of a tenant that a client can name."""
_GIVEN = ("snapshotQueries", "snapshotTemporalQueries", "snapshotPriority", "endpoint", "receiverInfo")
_DETAILS = ("snapshotQueriesDetails", "snapshotTemporalQueriesDetails")
_TIMES = ("createdAt", "modifiedAt", "expiresAt", "lastUsedAt")
MEMBERS = frozenset(("id", "type", "snapshotLifetime", "snapshotStatus", *_GIVEN, *_DETAILS, *_TIMES))
_UPDATED = ("snapshotPriority", "endpoint", "receiverInfo")
_PRIORITIES = range(1, 11)


def new_snapshot(tenant: str, document: Mapping[str, Any], lifetime: int | None, now: Instant) -> dict[str, Any]:
    """A snapshot that is being prepared. `lifetime`: that suggested, in microseconds. Raises BadRequestData."""
    document = restored(document, {})
    identifier = document.get("id") or f"urn:ngsi-ld:Snapshot:{uuid4()}"
    return {
        "snapshotPriority": _PRIORITY,
        **{name: document[name] for name in _GIVEN if name in document},
        "id": identifier,
        # Never used twice: whoever remembers something of an earlier one of that id does not confuse them.
        "place": "!".join((_PLACE, tenant, identifier, str(uuid4()))),
        "snapshotStatus": PREPARING,
        "createdAt": now,
        "modifiedAt": now,
        "lastUsedAt": now,
        "expiresAt": now + min(lifetime or USUAL, LONGEST),
    }


def named_by(tenant: str) -> tuple[str, str]:
    """The tenant and the snapshot that clients name to get to an internal tenant; no snapshot (empty) for others."""
    if not tenant.startswith(_PLACE + "!"):
        return tenant, ""
    _, owner, rest = tenant.split("!", 2)
    return owner, rest.rpartition("!")[0]


def changes_of(
    snapshot: Mapping[str, Any], fragment: Mapping[str, Any], lifetime: int | None, now: Instant
) -> tuple[dict[str, Any], list[str]]:
    """What an update (clause 5.16.4) sets, and what it removes; members that only the broker writes are ignored.

    Raises:
        BadRequestData: it names what cannot be changed.
    """
    for name in ("snapshotQueries", "snapshotTemporalQueries"):
        if name in fragment:
            raise BadRequestData(f"{name} cannot be changed once the snapshot is made; make another one.")
    fragment = restored(fragment, snapshot)
    removed = [name for name in _UPDATED if fragment.get(name) in (NGSILD_NULL, [NGSILD_NULL])]
    changed = {name: fragment[name] for name in _UPDATED if name in fragment and name not in removed}
    changed["modifiedAt"] = now
    if "snapshotPriority" in removed:
        removed.remove("snapshotPriority")
        changed["snapshotPriority"] = _PRIORITY
    if lifetime is not None:
        changed["expiresAt"] = now + min(lifetime, LONGEST)
    return changed, removed


def render_snapshot(snapshot: Mapping[str, Any]) -> dict[str, Any]:
    """As clients see it."""
    snapshot = hidden(snapshot)
    shown: dict[str, Any] = {"id": snapshot["id"], "type": "Snapshot"}
    for name in ("snapshotStatus", *_GIVEN, *_DETAILS):
        if name in snapshot:
            shown[name] = snapshot[name]
    for name in _TIMES:
        shown[name] = format_instant(snapshot[name])
    return shown


def status_of(results: list[str]) -> str:
    """The status of a snapshot from the results of its queries (clause 5.16.1.4)."""
    if all(result == SUCCESS for result in results):
        return SUCCESS
    if SUCCESS in results:
        return PARTIAL
    return EMPTY if EMPTY in results else FAILURE


def as_entity(snapshot: Mapping[str, Any]) -> Entity:
    """The snapshot as an entity whose attributes are its members, so that a `q` can be asked of it (5.16.7)."""
    shown = render_snapshot(snapshot)
    attributes = {
        name: [{"type": "Property", "value": value}]
        for name, value in shown.items()
        if name not in ("id", "type", "createdAt", "modifiedAt", "expiresAt")
    }
    times = {"created_at": snapshot["createdAt"], "modified_at": snapshot["modifiedAt"]}
    return Entity(shown["id"], ["Snapshot"], attributes, expires_at=snapshot["expiresAt"], **times)


def check_snapshot(document: Mapping[str, Any], *, fragment: bool = False) -> None:
    """Raises BadRequestData where a member is not what Table 5.2.41-1 wants; queries are read elsewhere."""
    if document.get("type", "Snapshot" if fragment else None) != "Snapshot":
        raise BadRequestData('The type of the body shall be "Snapshot".')
    for name in document:
        if name not in MEMBERS:
            raise BadRequestData(f"A Snapshot has no member '{name[:100]}'.")
    priority = document.get("snapshotPriority", _PRIORITY)
    removal = fragment and priority == NGSILD_NULL
    if not removal and (type(priority) is not int or priority not in _PRIORITIES):
        raise BadRequestData("snapshotPriority is an integer from 1 to 10.")
