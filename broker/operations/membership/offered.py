"""The entities of this broker as far as they are offered: an EntityStore in front of the real one.

What is not offered is not there: neither found, nor counted, nor followed by a link, nor asked about in a filter.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import islice, product
from typing import TypeVar

from broker.core.federate.match import attributes_of
from broker.core.federate.offer import Offer, selected_by
from broker.core.model.change import Change, Trigger
from broker.core.model.entity import Entity
from broker.core.model.errors import AccessDenied, NgsiLdError, TooComplexQuery, TooManyResults
from broker.core.ql.ast import EntityQuery, EntitySelector, PageRequest
from broker.core.ql.evaluate import compile_query
from broker.core.ql.nodes import link_depth
from broker.core.ql.scope import ScopeQuery
from broker.core.ql.types import TypeSelection
from broker.operations.ports import EntityPage, EntityStore, EntityWrite

T = TypeVar("T")

MAX_LOOKED_AT = 10_000
"""Entities read for one query that has a geoquery of its own beside the area of the offer."""
_CHUNK = 1_000
MAX_ALTERNATIVES = 1_000
"""Of types or scopes, when those of a query meet those of the offer."""


class OfferedEntities:
    """EntityStore of what an offer selects; without an offer, of nothing."""

    def __init__(self, entities: EntityStore, offer: Offer | None) -> None:
        self._entities = entities
        self._offer = offer
        self._names = frozenset(() if offer is None else offer.attributes)
        self._types = frozenset(() if offer is None else offer.types)
        self._query = EntityQuery() if offer is None else selected_by(offer)
        self._is_offered = (lambda _: False) if offer is None else compile_query(self._query)
        # A change may begin or end with an entity that has none of the attributes.
        self._is_in_reach = (lambda _: False) if offer is None else compile_query(replace(self._query, attributes=()))

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
        if self._offer is None:
            return EntityPage([], 0 if page.count else None)
        self._require_offered(query, page)
        narrowed = self._narrowed(query)
        if narrowed is None:
            return EntityPage([], 0 if page.count else None)
        if query.geo is not None and self._query.geo is not None:
            return await self._looked_through(tenant, narrowed, page)
        found = await self._entities.find(tenant, replace(narrowed, geo=query.geo or self._query.geo), page)
        return replace(found, entities=list(map(self._trimmed, found.entities)))

    async def count_types(self, tenant: str) -> dict[str, dict[str, set[str]]]:
        """Of the types that are offered, the attributes that are."""
        found = await self._entities.count_types(tenant)
        return {
            name: {each: kinds for each, kinds in attributes.items() if not self._names or each in self._names}
            for name, attributes in found.items()
            if name in self._types
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
        return self._trimmed(entity) if self._is_offered(entity) else None

    def _trimmed(self, entity: Entity) -> Entity:
        if not self._names or self._names.issuperset(entity.attributes):
            return entity
        return entity.with_(attributes={name: each for name, each in entity.attributes.items() if name in self._names})

    def _guarded(self, write: EntityWrite) -> EntityWrite:
        def mutate(current: Entity | None) -> Change:
            change = write.mutation(current)
            for entity in (change.entity, *(() if current is None else (current,))):
                if not self._is_in_reach(entity):
                    raise AccessDenied(f"The entity {entity.id} is not among what this broker offers you.")
            self._require_names(change.attributes)
            if change.trigger is Trigger.ENTITY_DELETED:
                self._require_names(change.entity.attributes)
            return change

        return replace(write, mutation=mutate)

    def _require_offered(self, query: EntityQuery, page: PageRequest) -> None:
        if link_depth(query.q):
            raise AccessDenied("What this broker offers you can't be filtered by linked entities.")
        if query.q is not None:
            self._require_names(attributes_of(query.q))
        if query.geo is not None:
            self._require_names((query.geo.geoproperty,))
        self._require_names(name for each in page.order for name in each.path.attributes[:1])

    def _require_names(self, names: Iterable[str]) -> None:
        others = sorted(set(names) - self._names) if self._names else []
        if others:
            raise AccessDenied(f"{', '.join(others)}: not among the attributes that this broker offers you.")

    def _narrowed(self, query: EntityQuery) -> EntityQuery | None:
        """The query within the offer, area apart; None where nothing can satisfy both."""
        attributes = query.attributes
        if self._names:
            attributes = tuple(each for each in attributes if each in self._names)
            if query.attributes and not attributes:
                return None
            attributes = attributes or self._query.attributes
        selectors = [self._selector(each) for each in query.selectors or (EntitySelector(),)]
        return replace(
            query, selectors=tuple(selectors), attributes=attributes, scope=_both(query.scope, self._query.scope)
        )

    def _selector(self, selector: EntitySelector) -> EntitySelector:
        offered = self._query.selectors[0].types
        if selector.types is None or selector.types.selects_all or offered is None:
            return replace(selector, types=offered)
        pairs = product(selector.types.alternatives, offered.alternatives)
        types = dict.fromkeys(tuple(dict.fromkeys((*one, *other))) for one, other in _bounded(pairs))
        return replace(selector, types=TypeSelection(tuple(types)))

    async def _looked_through(self, tenant: str, query: EntityQuery, page: PageRequest) -> EntityPage:
        """A page by reading everything that satisfies the query: a store takes one geoquery at a time."""
        found: list[Entity] = []
        for offset in range(0, MAX_LOOKED_AT, _CHUNK):
            read = await self._entities.find(tenant, query, PageRequest(_CHUNK, offset, order=page.order))
            found += filter(self._is_offered, read.entities)
            if not read.more:
                break
        else:
            raise TooManyResults(f"More than {MAX_LOOKED_AT} entities may match; narrow the geoquery.")
        shown = [self._trimmed(each) for each in found[page.offset : page.offset + page.limit]]
        return EntityPage(shown, len(found) if page.count else None, len(found) > page.offset + page.limit)


def _both(one: ScopeQuery | None, other: ScopeQuery | None) -> ScopeQuery | None:
    if one is None or other is None:
        return one or other
    pairs = product(one.alternatives, other.alternatives)
    return ScopeQuery(tuple((*first, *second) for first, second in _bounded(pairs)))


def _bounded(pairs: Iterable[T]) -> list[T]:
    found = list(islice(pairs, MAX_ALTERNATIVES + 1))
    if len(found) > MAX_ALTERNATIVES:
        raise TooComplexQuery(f"The query and the offer have more than {MAX_ALTERNATIVES} combinations; narrow it.")
    return found
