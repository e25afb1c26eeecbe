"""The entities that this process read or wrote last, with the version it knows of each.

A write computed on a remembered state is committed only if the database still has that version, so a stale memory
costs a retry, never a lost update. Entities asked for by id come from here only while no other broker process shares
the database; in a query's answer they do where the database names the very version that is remembered (`recall`).
"""

from collections import OrderedDict
from dataclasses import dataclass

from broker.core.model.entity import Entity

_CAPACITY = 16_384
"""Entities remembered per tenant: about 60 MB at six attributes each, and 20 MB for the text of those asked for."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An entity as the database has it. `escaped`: its document has escaped names inside values."""

    entity: Entity
    version: str
    escaped: bool = False


class EntityCache:
    """Least recently used first to go."""

    def __init__(self, capacity: int = _CAPACITY) -> None:
        self._capacity = capacity
        self._stored: OrderedDict[str, Stored] = OrderedDict()

    def get(self, entity_id: str) -> Stored | None:
        """What is remembered, or None; says nothing about existence."""
        stored = self._stored.get(entity_id)
        if stored is not None:
            self._stored.move_to_end(entity_id)
        return stored

    def put(self, stored: Stored) -> None:
        """Remember."""
        self._stored[stored.entity.id] = stored
        self._stored.move_to_end(stored.entity.id)
        if len(self._stored) > self._capacity:
            self._stored.popitem(last=False)

    def forget(self, entity_id: str) -> None:
        """Forget one."""
        self._stored.pop(entity_id, None)

    def clear(self) -> None:
        """Forget all: after a failure nothing remembered is certain."""
        self._stored.clear()
