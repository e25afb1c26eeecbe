"""What is within an offer: entities and attributes, queries as far as they ask for them, and subscriptions."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import islice, product
from typing import TypeVar

from broker.core.federate.match import attributes_of
from broker.core.federate.offer import Offer, selected_by
from broker.core.model.entity import Entity
from broker.core.model.errors import AccessDenied, TooComplexQuery
from broker.core.ql.ast import EntityQuery, EntitySelector
from broker.core.ql.evaluate import compile_query
from broker.core.ql.nodes import link_depth
from broker.core.ql.ordering import Ordering
from broker.core.ql.scope import ScopeQuery
from broker.core.ql.types import TypeSelection
from broker.core.subscribe.subscription import Subscription

T = TypeVar("T")

MAX_ALTERNATIVES = 1_000
"""Of types or scopes, when those of a query meet those of the offer."""


class View:
    """An offer, ready to be held against entities. `names` are the attributes that are offered; empty: all."""

    def __init__(self, offer: Offer) -> None:
        self.query = selected_by(offer)
        self.names = frozenset(offer.attributes)
        self.types = frozenset(offer.types)
        self.includes = compile_query(self.query)
        self.reaches = compile_query(replace(self.query, attributes=()))
        """As `includes`, also of an entity without any of the attributes: a change may begin or end with one."""
        self._has_type = compile_query(EntityQuery(selectors=self.query.selectors))

    @property
    def is_of_places(self) -> bool:
        """Whether scopes or an area bound it, so that an entity may come in and go out of it."""
        return self.query.scope is not None or self.query.geo is not None

    def is_of_type(self, entity_id: str, types: list[str]) -> bool:
        """Whether entities of these types are offered at all."""
        return bool(self._has_type(Entity(entity_id, types, {})))

    def shown(self, entity: Entity) -> Entity | None:
        """What is offered of the entity; None: nothing."""
        return self.trimmed(entity) if self.includes(entity) else None

    def trimmed(self, entity: Entity) -> Entity:
        """The entity without attributes that are not offered."""
        if not self.names or self.names.issuperset(entity.attributes):
            return entity
        return entity.with_(attributes={name: each for name, each in entity.attributes.items() if name in self.names})

    def require_query(self, query: EntityQuery, order: Iterable[Ordering] = ()) -> None:
        """Refuse a query that asks about anything that is not offered. Raises AccessDenied."""
        if link_depth(query.q):
            raise AccessDenied("What this broker offers you can't be filtered by linked entities.")
        if query.q is not None:
            self.require_names(attributes_of(query.q))
        if query.geo is not None:
            self.require_names((query.geo.geoproperty,))
        self.require_names(name for each in order for name in each.path.attributes[:1])

    def require_names(self, names: Iterable[str]) -> None:
        """Refuse attributes that are not offered. Raises AccessDenied."""
        others = sorted(set(names) - self.names) if self.names else []
        if others:
            raise AccessDenied(f"{', '.join(others)}: not among the attributes that this broker offers you.")

    def narrowed(self, query: EntityQuery) -> EntityQuery | None:
        """The query within the offer, the area apart; None where nothing can satisfy both.

        Raises TooComplexQuery where types or scopes of both have too many combinations.
        """
        attributes = query.attributes
        if self.names:
            attributes = tuple(each for each in attributes if each in self.names)
            if query.attributes and not attributes:
                return None
            attributes = attributes or self.query.attributes
        selectors = [self.selector(each) for each in query.selectors or (EntitySelector(),)]
        return replace(
            query, selectors=tuple(selectors), attributes=attributes, scope=_both(query.scope, self.query.scope)
        )

    def selector(self, selector: EntitySelector) -> EntitySelector:
        """The selector, of the types that are offered."""
        offered = self.query.selectors[0].types
        if selector.types is None or selector.types.selects_all or offered is None:
            return replace(selector, types=offered)
        pairs = product(selector.types.alternatives, offered.alternatives)
        types = dict.fromkeys(tuple(dict.fromkeys((*one, *other))) for one, other in _bounded(pairs))
        return replace(selector, types=TypeSelection(tuple(types)))

    def limited(self, subscription: Subscription) -> Subscription:
        """The subscription as far as it is about what is offered; what other sources have is no part of that.

        Raises AccessDenied where it asks about anything else, TooComplexQuery.
        """
        query, satisfied = subscription.query, subscription.satisfied
        self.require_query(query)
        if subscription.join:
            raise AccessDenied("What this broker offers you comes without linked entities in notifications: no 'join'.")
        watched = subscription.watched
        if self.names:
            watched = self.names if watched is None else self.names & watched
        narrowed = self.narrowed(query)
        return replace(
            subscription,
            query=query if narrowed is None else replace(narrowed, geo=query.geo or self.query.geo),
            satisfied=lambda entity: self.includes(entity) and satisfied(self.trimmed(entity)),
            watched=watched,
            names=self.names or None,
            is_local_only=True,
        )


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
