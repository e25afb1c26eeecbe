"""The entities of this broker as far as they are offered: an EntityStore in front of the real one.

What is not offered is not there: neither found, nor counted, nor followed by a link, nor asked about in a filter.
"""

from collections.abc import Sequence
from dataclasses import replace

from broker.core.federate.offered import View
from broker.core.model.change import Change, Trigger
from broker.core.model.entity import Entity
from broker.core.model.errors import AccessDenied, NgsiLdError, TooManyResults
from broker.core.ql.ast import EntityQuery, PageRequest
from broker.operations.ports import EntityPage, EntityStore, EntityWrite

MAX_LOOKED_AT = 10_000
"""Entities read for one query that has a geoquery of its own beside the area of the offer."""
_CHUNK = 1_000


class OfferedEntities:
    """EntityStore of what is within the view of an offer; without one, of nothing."""

    def __init__(self, entities: EntityStore, view: View | None) -> None:
        self._entities = entities
        self._view = view

    async def get(self, tenant: str, entity_id: str) -> Entity | None:
        """What is offered of the entity, or None."""
        entity = await self._entities.get(tenant, entity_id)
        return None if entity is None else self._shown(entity)

    async def get_many(self, tenant: str, entity_ids: Sequence[str]) -> dict[str, Entity]:
        """Those that exist and are offered, by id."""
        found = await self._entities.get_many(tenant, entity_ids)
        shown = {entity_id: self._shown(entity) for entity_id, entity in found.items()}
        return {entity_id: entity for entity_id, entity in shown.items() if entity is not None}

    async def find(self, tenant: str, query: EntityQuery, page: PageRequest) -> EntityPage:
        """The page of what satisfies the query and is offered.

        Raises AccessDenied where it asks about anything else.
        """
        view, narrowed = self._view, None
        if view is not None:
            view.require_query(query, page.order)
            narrowed = view.narrowed(query)
        if view is None or narrowed is None:
            return EntityPage([], 0 if page.count else None)
        if query.geo is not None and view.query.geo is not None:
            return await self._looked_through(tenant, view, narrowed, page)
        found = await self._entities.find(tenant, replace(narrowed, geo=query.geo or view.query.geo), page)
        return replace(found, entities=list(map(view.trimmed, found.entities)))

    async def count_types(self, tenant: str) -> dict[str, dict[str, set[str]]]:
        """Of the types that are offered, the attributes that are."""
        view = self._view
        if view is None:
            return {}
        found = await self._entities.count_types(tenant)
        return {
            name: {each: kinds for each, kinds in attributes.items() if not view.names or each in view.names}
            for name, attributes in found.items()
            if name in view.types
        }

    async def write(self, tenant: str, write: EntityWrite) -> Change:
        """Commit one write, if all that it touches is offered, before and after it. Raises AccessDenied."""
        return await self._entities.write(tenant, self._guarded(write))

    async def write_many(self, tenant: str, writes: Sequence[EntityWrite]) -> list[Change | NgsiLdError]:
        """Commit many writes, each on its own."""
        return await self._entities.write_many(tenant, [self._guarded(each) for each in writes])

    async def expired(self, tenant: str, limit: int) -> list[str]:
        """None: removing what is past its time is not a member's business."""
        return []

    def forget(self, tenant: str) -> None:
        """Nothing is remembered here."""

    def _shown(self, entity: Entity) -> Entity | None:
        return None if self._view is None else self._view.shown(entity)

    def _guarded(self, write: EntityWrite) -> EntityWrite:
        view = self._view

        def mutate(current: Entity | None) -> Change:
            change = write.mutation(current)
            for entity in (change.entity, *(() if current is None else (current,))):
                if view is None or not view.reaches(entity):
                    raise AccessDenied(f"The entity {entity.id} is not among what this broker offers you.")
            if view is not None:
                view.require_names(change.attributes)
                if change.trigger is Trigger.ENTITY_DELETED:
                    view.require_names(change.entity.attributes)
            return change

        return replace(write, mutation=mutate)

    async def _looked_through(self, tenant: str, view: View, query: EntityQuery, page: PageRequest) -> EntityPage:
        """A page by reading everything that satisfies the query: a store takes one geoquery at a time."""
        found: list[Entity] = []
        for offset in range(0, MAX_LOOKED_AT, _CHUNK):
            read = await self._entities.find(tenant, query, PageRequest(_CHUNK, offset, order=page.order))
            found += filter(view.includes, read.entities)
            if not read.more:
                break
        else:
            raise TooManyResults(f"More than {MAX_LOOKED_AT} entities may match; narrow the geoquery.")
        shown = [view.trimmed(each) for each in found[page.offset : page.offset + page.limit]]
        return EntityPage(shown, len(found) if page.count else None, len(found) > page.offset + page.limit)
