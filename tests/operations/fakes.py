"""Ports with a clock that tests move and a notification side that remembers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from broker.adapters.memory.entities import MemoryEntities
from broker.adapters.memory.entity_maps import MemoryEntityMaps
from broker.adapters.memory.stores import MemoryContexts, MemorySubscriptions, MemoryTenants
from broker.core.jsonld.context import ActiveContext
from broker.core.model.change import Change
from broker.operations.ports import EntityMapStore, EntityStore, OutboxEntry, Ports, TenantStore


@dataclass
class SettableClock:
    """Stands still until it is told otherwise."""

    instant: int = 1_000_000

    def now(self) -> int:
        return self.instant


@dataclass
class Listener:
    """Wants every change."""

    changes: list[Change] = field(default_factory=list)

    def match(self, tenant: str, changes: Sequence[Change]) -> list[tuple[str, ...]]:
        return [("urn:ngsi-ld:Subscription:all",)] * len(changes)

    async def refresh(self, tenant: str) -> bool:
        return False

    def dispatch(self, entries: Sequence[OutboxEntry]) -> None:
        self.changes += [entry.change for entry in entries]


class NoLoader:
    """Operations on entities load no @context."""

    async def load(self, context: Any, *, counts: bool = True) -> ActiveContext:
        raise AssertionError("an operation on expanded entities loaded a context")


@dataclass
class World:
    """Ports, and the ends of them that tests hold."""

    ports: Ports
    clock: SettableClock
    listener: Listener


def in_memory() -> World:
    clock, listener = SettableClock(), Listener()
    return with_stores(MemoryEntities(clock, listener), MemoryTenants(), MemoryEntityMaps(), clock, listener)


def with_stores(
    entities: EntityStore, tenants: TenantStore, entity_maps: EntityMapStore, clock: SettableClock, listener: Listener
) -> World:
    ports = Ports(
        entities=entities,
        tenants=tenants,
        subscriptions=MemorySubscriptions(),
        contexts=MemoryContexts(),
        loader=NoLoader(),
        clock=clock,
        notifier=listener,
        entity_maps=entity_maps,
    )
    return World(ports, clock, listener)
