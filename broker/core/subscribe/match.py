"""Whether a change concerns a subscription (clauses 5.2.12 `notificationTrigger`, 5.8.6)."""

from collections.abc import Iterable, Mapping

from broker.core.model.change import Change, Trigger
from broker.core.model.entity import Instance
from broker.core.model.instant import Instant
from broker.core.subscribe.index import SubscriptionIndex
from broker.core.subscribe.subscription import Subscription

_DELETIONS = frozenset({Trigger.ENTITY_DELETED, Trigger.ATTRIBUTE_DELETED})

_TIMES = frozenset({"createdAt", "modifiedAt"})
"""What the broker itself sets: an attribute that differs in nothing else has not changed."""


def matching(index: SubscriptionIndex, change: Change, now: Instant) -> tuple[str, ...]:
    """The ids of the subscriptions that are to be told of the change."""
    return tuple(
        subscription_id
        for subscription_id, subscription in index.candidates(change).items()
        if concerns(subscription, change, now)
    )


def concerns(subscription: Subscription, change: Change, now: Instant) -> bool:
    """Whether an active subscription is triggered by the change and satisfied by the entity after it.

    Of a deleted entity the last state counts.
    """
    return subscription.is_sending(now) and is_triggered(subscription, change) and subscription.satisfied(change.entity)


def is_triggered(subscription: Subscription, change: Change) -> bool:
    """Whether something happened that the subscription watches for.

    A creation is also the creation of each attribute (the default triggers report new entities), a deletion also the
    deletion of each. A changed type or scope is no change of an attribute.
    """
    triggers, watched = subscription.triggers, subscription.watched
    if change.trigger is Trigger.ENTITY_DELETED:
        return not triggers.isdisjoint(_DELETIONS) and _touches(watched, change.entity.attributes)
    if change.trigger is Trigger.ENTITY_CREATED and Trigger.ENTITY_CREATED in triggers:
        return _touches(watched, change.entity.attributes)
    happened = change.attributes
    names: Iterable[str] = happened if watched is None else watched
    for name in names:
        what = happened.get(name)
        if what in triggers and (what is not Trigger.ATTRIBUTE_UPDATED or is_changed(change, name)):
            return True
    return False


def is_changed(change: Change, name: str) -> bool:
    """Whether the attribute says anything else than before, the broker's own times apart (clause 5.8.6)."""
    return _differ(change.previous.get(name, []), change.entity.attributes.get(name, []))


def _touches(watched: frozenset[str] | None, attributes: Mapping[str, object]) -> bool:
    return watched is None or not watched.isdisjoint(attributes)


def _differ(before: list[Instance], after: list[Instance]) -> bool:
    if len(before) != len(after):
        return True
    if len(before) == 1:
        return not _say_the_same(before[0], after[0])
    former = {instance.get("datasetId"): instance for instance in before}
    for instance in after:
        other = former.get(instance.get("datasetId"))
        if other is None or not _say_the_same(other, instance):
            return True
    return False


def _say_the_same(before: Instance, after: Instance) -> bool:
    if len(before.keys() - _TIMES) != len(after.keys() - _TIMES):
        return False
    for name, value in after.items():
        if name in _TIMES:
            continue
        other = before.get(name)
        if name == "attributes" and isinstance(other, dict):
            if other.keys() != value.keys() or any(_differ(other[each], value[each]) for each in value):
                return False
        elif other != value or isinstance(other, bool) is not isinstance(value, bool):
            return False
    return True
