"""SnapshotStore on dicts."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from broker.core.model.errors import AlreadyExists


class MemorySnapshots:
    """Snapshots by tenant and id."""

    def __init__(self) -> None:
        self._snapshots: dict[tuple[str, str], dict[str, Any]] = {}

    async def create(self, tenant: str, snapshot: Mapping[str, Any]) -> None:
        """Keep a new one; AlreadyExists if its id is taken."""
        if (tenant, snapshot["id"]) in self._snapshots:
            raise AlreadyExists(f"Snapshot {snapshot['id']} exists already. Delete it, or choose another id.")
        self._snapshots[tenant, snapshot["id"]] = deepcopy(dict(snapshot))

    async def get(self, tenant: str, snapshot_id: str) -> dict[str, Any] | None:
        """One, or None."""
        return deepcopy(self._snapshots.get((tenant, snapshot_id)))

    async def change(
        self, tenant: str, snapshot_id: str, changed: Mapping[str, Any], removed: Sequence[str] = ()
    ) -> dict[str, Any] | None:
        """Set and remove members; the new state, or None where it is gone."""
        snapshot = self._snapshots.get((tenant, snapshot_id))
        if snapshot is not None:
            snapshot.update(deepcopy(dict(changed)))
            for name in removed:
                snapshot.pop(name, None)
        return deepcopy(snapshot)

    async def delete(self, tenant: str, snapshot_id: str) -> bool:
        """Remove; whether it was there."""
        return self._snapshots.pop((tenant, snapshot_id), None) is not None

    async def all(self, tenant: str) -> list[dict[str, Any]]:
        """All of a tenant, in order of creation."""
        return deepcopy([each for (of, _), each in self._snapshots.items() if of == tenant])
