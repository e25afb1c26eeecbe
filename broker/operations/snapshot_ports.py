"""What snapshots need beside the other ports: where they are kept, who works for them, who tells of them."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import uuid4

import orjson

from broker.core.model.errors import OperationNotSupported
from broker.core.model.instant import format_instant
from broker.core.model.snapshot import PREPARING, render_snapshot
from broker.core.model.subscription import Endpoint
from broker.core.subscribe.message import Message
from broker.operations.ports import Ports


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
    """The store, `start` for what shall go on in the background, and what sends messages."""

    store: SnapshotStore
    start: Callable[[Coroutine[Any, Any, None]], None]
    tell: Callable[[Endpoint, Message], Coroutine[Any, Any, None]]


def side_of(ports: Ports) -> Snapshots:
    """What there is for them. Raises OperationNotSupported where there is nothing."""
    if ports.snapshots is None:
        raise OperationNotSupported("This broker makes no snapshots.")
    return ports.snapshots


async def clear(ports: Ports, place: str) -> None:
    """Remove the internal tenant in which the content of a snapshot lies."""
    await ports.tenants.remove(place)
    ports.entities.forget(place)


async def tell(ports: Ports, tenant: str, snapshot: Mapping[str, Any]) -> None:
    """Clause 5.16.6: send the state of a snapshot to its endpoint, if it has one."""
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
    await side_of(ports).tell(endpoint, message)


_TOLD = (
    *("expiresAt", "snapshotPriority", "snapshotStatus"),
    *("snapshotQueriesDetails", "snapshotTemporalQueriesDetails"),
)
