"""EntityStore on dicts. Queries are the reference evaluator over everything."""

import itertools
from collections.abc import Iterable, Sequence

from broker.core.model.change import Change, Trigger
from broker.core.model.entity import Entity
from broker.core.model.errors import NgsiLdError
from broker.core.model.expiry import live
from broker.core.ql.ast import EntityQuery, PageRequest
from broker.core.ql.evaluate import compile_query
from broker.core.ql.order import ordered
from broker.operations.ports import Clock, EntityPage, EntityWrite, Notifier, OutboxEntry


class MemoryEntities:
    """Current entities of all tenants, in dicts; tells the notifier as the durable store does."""

    def __init__(self, clock: Clock, notifier: Notifier) -> None:
        self._clock = clock
        self._notifier = notifier
        self._tenants: dict[str, dict[str, Entity]] = {}
        self._keys = itertools.count(1)

    async def write(self, tenant: str, write: EntityWrite) -> Change:
        """Commit one write; raises what its mutation raised."""
        change = self._apply(tenant, write)
        self._tell(tenant, [change])
        return change

    async def write_many(self, tenant: str, writes: Sequence[EntityWrite]) -> list[Change | NgsiLdError]:
        """Commit many, each on its own."""
        outcomes: list[Change | NgsiLdError] = []
        for write in writes:
            try:
                outcomes.append(self._apply(tenant, write))
            except NgsiLdError as error:
                outcomes.append(error)
        self._tell(tenant, [outcome for outcome in outcomes if isinstance(outcome, Change)])
        return outcomes

    async def get(self, tenant: str, entity_id: str) -> Entity | None:
        """The entity unless it is absent or past its time."""
        entity = self._of(tenant).get(entity_id)
        return None if entity is None or entity.is_expired(self._clock.now()) else entity

    async def get_many(self, tenant: str, entity_ids: Sequence[str]) -> dict[str, Entity]:
        """Those that exist, by id."""
        found = {each: await self.get(tenant, each) for each in entity_ids}
        return {each: entity for each, entity in found.items() if entity is not None}

    async def find(self, tenant: str, query: EntityQuery, page: PageRequest) -> EntityPage:
        """The page of entities that satisfy the query, by id where no order is asked for."""
        live = {entity.id: entity for entity in self._live(tenant)}
        satisfies = compile_query(query, live.get)
        found = ordered([entity for entity in live.values() if satisfies(entity)], page.order)
        end = page.offset + page.limit
        return EntityPage(found[page.offset : end], len(found) if page.count else None, len(found) > end)

    async def expired(self, tenant: str, limit: int) -> list[str]:
        """Ids of at most `limit` entities that are past their time, or have instances that are."""
        now = self._clock.now()
        return [each.id for each in self._of(tenant).values() if live(each, now) is not each][:limit]

    async def count_types(self, tenant: str) -> dict[str, dict[str, set[str]]]:
        """Type IRI to attribute IRI to the kinds in use."""
        counted: dict[str, dict[str, set[str]]] = {}
        for entity in self._live(tenant):
            for name in entity.types:
                of_type = counted.setdefault(name, {})
                for iri, instances in entity.attributes.items():
                    of_type.setdefault(iri, set()).update(instance["type"] for instance in instances)
        return counted

    def forget(self, tenant: str) -> None:
        """Let go of a tenant's entities."""
        self._tenants.pop(tenant, None)

    def _of(self, tenant: str) -> dict[str, Entity]:
        return self._tenants.setdefault(tenant, {})

    def _live(self, tenant: str) -> Iterable[Entity]:
        now = self._clock.now()
        return [shown for entity in self._of(tenant).values() if (shown := live(entity, now)) is not None]

    def _apply(self, tenant: str, write: EntityWrite) -> Change:
        entities = self._of(tenant)
        change = write.mutation(entities.get(write.entity_id))
        if change.trigger is Trigger.ENTITY_DELETED:
            entities.pop(write.entity_id, None)
        elif not change.is_void:
            entities[write.entity_id] = change.entity
        return change

    def _tell(self, tenant: str, changes: Sequence[Change]) -> None:
        effective = [change for change in changes if not change.is_void]
        if not effective:
            return
        matches = self._notifier.match(tenant, effective)
        entries = [
            OutboxEntry(f"{next(self._keys):016x}", tenant, change, ids)
            for change, ids in zip(effective, matches, strict=True)
            if ids
        ]
        if entries:
            self._notifier.dispatch(entries)
