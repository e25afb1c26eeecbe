"""Which subscriptions of one tenant may concern a change, found by look-ups alone.

A subscription that names entity ids in all its selectors stands under each of those ids; any other under each entity
type of which an entity must have at least one, or under `None` where no type is certain. Within, it stands under each
attribute that it watches, or under `None` where it watches all. What is found still has to be matched.
"""

from collections.abc import Iterable, Iterator

from broker.core.model.change import Change, Trigger
from broker.core.ql.ast import EntitySelector
from broker.core.subscribe.subscription import Subscription

_Shelf = dict[str | None, dict[str, Subscription]]
_Catalogue = dict[str | None, _Shelf]


class SubscriptionIndex:
    """The subscriptions of one tenant by id, and by what can concern them."""

    def __init__(self) -> None:
        self._subscriptions: dict[str, Subscription] = {}
        self._by_entity: _Catalogue = {}
        self._by_type: _Catalogue = {}
        self._periodic: dict[str, Subscription] = {}

    def __len__(self) -> int:
        return len(self._subscriptions)

    def __iter__(self) -> Iterator[Subscription]:
        return iter(self._subscriptions.values())

    def get(self, subscription_id: str) -> Subscription | None:
        """The subscription, or None."""
        return self._subscriptions.get(subscription_id)

    def put(self, subscription: Subscription) -> None:
        """Add a subscription, or replace the one with its id."""
        self.remove(subscription.id)
        self._subscriptions[subscription.id] = subscription
        if subscription.time_interval is not None:
            self._periodic[subscription.id] = subscription
        else:
            catalogue, keys = self._place(subscription)
            for key in keys:
                shelf = catalogue.setdefault(key, {})
                for name in _watched(subscription):
                    shelf.setdefault(name, {})[subscription.id] = subscription

    def remove(self, subscription_id: str) -> Subscription | None:
        """Take a subscription out; None where there is none."""
        subscription = self._subscriptions.pop(subscription_id, None)
        self._periodic.pop(subscription_id, None)
        if subscription is not None and subscription.time_interval is None:
            catalogue, keys = self._place(subscription)
            for key in keys:
                _take_out(catalogue, key, subscription)
        return subscription

    def periodic(self) -> Iterable[Subscription]:
        """Those with a timeInterval, which no change concerns."""
        return self._periodic.values()

    def about(self, types: Iterable[str] | None) -> Iterable[Subscription]:
        """Those that may be about entities of some of these types (None: of any); every one that is, is among them."""
        if types is None:
            return list(self._subscriptions.values())
        found = dict(self._periodic)
        for catalogue, keys in ((self._by_type, [None, *types]), (self._by_entity, list(self._by_entity))):
            for key in keys:
                for subscriptions in catalogue.get(key, {}).values():
                    found.update(subscriptions)
        return list(found.values())

    def candidates(self, change: Change) -> dict[str, Subscription]:
        """By id, the subscriptions that may concern the change; every one that it does concern is among them."""
        entity = change.entity
        names: Iterable[str] = change.attributes
        if change.trigger is Trigger.ENTITY_DELETED:
            names = entity.attributes
        found: dict[str, Subscription] = {}
        shelf = self._by_entity.get(entity.id)
        if shelf is not None:
            _gather(shelf, names, found)
        by_type = self._by_type
        for each in entity.types:
            shelf = by_type.get(each)
            if shelf is not None:
                _gather(shelf, names, found)
        shelf = by_type.get(None)
        if shelf is not None:
            _gather(shelf, names, found)
        return found

    def _place(self, subscription: Subscription) -> tuple[_Catalogue, Iterable[str | None]]:
        selectors = subscription.query.selectors
        if selectors and all(selector.ids for selector in selectors):
            return self._by_entity, {entity_id for selector in selectors for entity_id in selector.ids}
        return self._by_type, _types(selectors)


def _types(selectors: tuple[EntitySelector, ...]) -> Iterable[str | None]:
    types: set[str | None] = set()
    for selector in selectors:
        if selector.types is None:
            return (None,)
        # An entity that satisfies a conjunction has its first type as well.
        types.update(alternative[0] if alternative else None for alternative in selector.types.alternatives)
    return types or (None,)


def _watched(subscription: Subscription) -> Iterable[str | None]:
    return subscription.watched if subscription.watched is not None else (None,)


def _gather(shelf: _Shelf, names: Iterable[str], found: dict[str, Subscription]) -> None:
    subscriptions = shelf.get(None)
    if subscriptions is not None:
        found.update(subscriptions)
    for name in names:
        subscriptions = shelf.get(name)
        if subscriptions is not None:
            found.update(subscriptions)


def _take_out(catalogue: _Catalogue, key: str | None, subscription: Subscription) -> None:
    """Remove from one shelf, and what is left empty with it: clients choose the names, so they may not pile up."""
    shelf = catalogue[key]
    for name in _watched(subscription):
        del shelf[name][subscription.id]
        if not shelf[name]:
            del shelf[name]
    if not shelf:
        del catalogue[key]
