"""Notifications (clauses 5.3.1, 5.8.6) as messages of the HTTP and MQTT bindings (6.3.8, 7.2)."""

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any

import orjson

from broker.core.jsonld.context import ActiveContext
from broker.core.model.change import Change, Trigger
from broker.core.model.entity import Attributes, Entity, Instance
from broker.core.model.instant import Instant, format_instant
from broker.core.represent import conforming, deleted_instance, feature, represent, with_previous
from broker.core.subscribe.message import Message
from broker.core.subscribe.subscription import Subscription

GEOJSON = "application/geo+json"
"""The media type in which `data` is a FeatureCollection."""
_JSONLD = "application/ld+json"


def notification_of_changes(
    subscription: Subscription, changes: Sequence[Change], now: Instant, seed: str, tenant: str = ""
) -> Message:
    """One notification of changes of different entities. The same `seed` gives the same notification id.

    A receiver that gets a notification twice, after a failure in between, can tell it by this id.
    """
    shown = shown_entities(subscription, told_entities(subscription, changes))
    return notification_message(subscription, shown, now, seed, tenant)


def told_entities(subscription: Subscription, changes: Iterable[Change]) -> list[Entity]:
    """The entities as a notification tells of them: with what was deleted and, if asked, what was before."""
    return known_entities(subscription, [_told(subscription, change) for change in changes])


def known_entities(subscription: Subscription, entities: list[Entity]) -> list[Entity]:
    """The entities with what the receiver may know, as far as the version of the specification goes that it knows."""
    version, names = subscription.conformance, subscription.names
    if names is not None:
        entities = [
            each.with_(attributes={name: found for name, found in each.attributes.items() if name in names})
            for each in entities
        ]
    if version is None:
        return entities
    spoken = subscription.representation.languages is not None
    return [conforming(entity, version, subscription.context, spoken=spoken) for entity in entities]


def shown_entities(subscription: Subscription, entities: Iterable[Entity]) -> list[dict[str, Any]]:
    """The JSON of each entity, in the form that the subscription asks for: Features where it accepts GeoJSON."""
    context, representation = subscription.context, subscription.representation
    show = feature if subscription.endpoint.accept == GEOJSON else represent
    return [show(entity, context, representation) for entity in entities]


def notification_message(
    subscription: Subscription, shown: list[dict[str, Any]], now: Instant, seed: str, tenant: str
) -> Message:
    """A notification of what is shown (clause 5.3.1), with its @context inside or told beside it (clause 6.3.8)."""
    accept, info, context = subscription.endpoint.accept, subscription.endpoint.receiver_info, subscription.context
    is_inside = accept == _JSONLD or (accept == GEOJSON and not _prefers_json(info))
    digest = blake2b(f"{subscription.id} {seed}".encode(), digest_size=16).hexdigest()
    data: Any = shown
    if accept == GEOJSON:
        data = {"type": "FeatureCollection", "features": shown}
        if is_inside:
            data["@context"] = context.reference
    elif is_inside:
        for each in shown:
            each["@context"] = context.reference
    body = orjson.dumps(
        {
            "id": f"urn:ngsi-ld:Notification:{digest}",
            "type": "Notification",
            "subscriptionId": subscription.id,
            "notifiedAt": format_instant(now),
            "data": data,
        }
    )
    return Message(accept, body, None if is_inside else link_value(context), info, tenant)


def link_value(context: ActiveContext) -> str | None:
    """The value of a Link header that names the @context (JSON-LD 1.1, section 6.2); None where it has no URL."""
    if context.link is None:
        return None
    return f'<{context.link}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'


def _prefers_json(info: tuple[tuple[str, str], ...]) -> bool:
    return any(key.lower() == "prefer" and value == "body=json" for key, value in info)


def _told(subscription: Subscription, change: Change) -> Entity:
    entity, show_changes = change.entity, subscription.show_changes
    if change.trigger is Trigger.ENTITY_DELETED:
        # Where the entity belonged is part of how it was, which is told on demand alone.
        scopes = entity.scopes if show_changes else None
        return entity.with_(attributes=_deleted(subscription, change), scopes=scopes)
    replaced: Attributes = {}
    for name, previous in change.previous.items():
        told = entity.attributes.get(name, [])
        if len(previous) != 1 or len(told) != 1 or previous[0].get("datasetId") != told[0].get("datasetId"):
            replaced[name] = told = told + _gone(previous, told, change.at, each=show_changes)
        if show_changes:
            replaced[name] = with_previous(told, previous)
    return entity.with_(attributes={**entity.attributes, **replaced}) if replaced else entity


def _gone(previous: list[Instance], current: list[Instance], at: Instant, *, each: bool) -> list[Instance]:
    """What is left to tell of instances that were deleted.

    Of an attribute that is gone altogether that is its name alone, so one instance stands for all; unless `each` has
    something of its own to tell.
    """
    if not current and not each:
        default = next((instance for instance in previous if "datasetId" not in instance), None)
        previous = previous if default is None else [default]
    kept = {instance.get("datasetId") for instance in current}
    return [deleted_instance(instance, at) for instance in previous if instance.get("datasetId") not in kept]


def _deleted(subscription: Subscription, change: Change) -> Attributes:
    """What to tell of the attributes of a deleted entity.

    With showChanges, how they all were; else nothing, unless it is their deletion that was asked for, which the
    deletion of the entity comprises.
    """
    attributes, watched = change.entity.attributes, subscription.watched
    if subscription.show_changes:
        return {
            name: with_previous(_gone(instances, [], change.at, each=True), instances)
            for name, instances in attributes.items()
        }
    if Trigger.ENTITY_DELETED in subscription.triggers:
        return {}
    return {
        name: _gone(instances, [], change.at, each=False)
        for name, instances in attributes.items()
        if watched is None or name in watched
    }
