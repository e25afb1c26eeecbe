"""Notifications (clauses 5.3.1, 5.8.6) as messages of the HTTP and MQTT bindings (6.3.8, 7.2)."""

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any

import orjson

from broker.core.jsonld.context import ActiveContext
from broker.core.model.change import Change, Trigger
from broker.core.model.entity import Attributes, Entity, Instance
from broker.core.model.instant import Instant, format_instant
from broker.core.represent import deleted_instance, feature_collection, represent, with_previous
from broker.core.subscribe.message import Message
from broker.core.subscribe.subscription import Subscription

_GEOJSON = "application/geo+json"
_JSONLD = "application/ld+json"


def notification_of_changes(subscription: Subscription, changes: Sequence[Change], now: Instant, seed: str) -> Message:
    """One notification of changes of different entities. The same `seed` gives the same notification id.

    A receiver that gets a notification twice, after a failure in between, can tell it by this id.
    """
    entities = [_told(change, show_changes=subscription.show_changes) for change in changes]
    return _message(subscription, entities, now, seed)


def notification_of_entities(subscription: Subscription, entities: Iterable[Entity], now: Instant) -> Message:
    """The notification of entities that did not change, as a timeInterval asks for."""
    listed = list(entities)
    return _message(subscription, listed, now, f"{now} {listed[0].id if listed else ''}")


def link_value(context: ActiveContext) -> str | None:
    """The value of a Link header that names the @context (JSON-LD 1.1, section 6.2); None where it has no URL."""
    if context.link is None:
        return None
    return f'<{context.link}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'


def _message(subscription: Subscription, entities: list[Entity], now: Instant, seed: str) -> Message:
    accept, info = subscription.endpoint.accept, subscription.endpoint.receiver_info
    is_inside = accept == _JSONLD or (accept == _GEOJSON and not _prefers_json(info))
    digest = blake2b(f"{subscription.id} {seed}".encode(), digest_size=16).hexdigest()
    body = orjson.dumps(
        {
            "id": f"urn:ngsi-ld:Notification:{digest}",
            "type": "Notification",
            "subscriptionId": subscription.id,
            "notifiedAt": format_instant(now),
            "data": _data(subscription, entities, is_inside=is_inside),
        }
    )
    return Message(accept, body, None if is_inside else link_value(subscription.context), info)


def _data(subscription: Subscription, entities: list[Entity], *, is_inside: bool) -> Any:
    context, representation = subscription.context, subscription.representation
    if subscription.endpoint.accept == _GEOJSON:
        collection = feature_collection(entities, context, representation)
        return {**collection, "@context": context.reference} if is_inside else collection
    shown = [represent(entity, context, representation) for entity in entities]
    if is_inside:
        for each in shown:
            each["@context"] = context.reference
    return shown


def _prefers_json(info: tuple[tuple[str, str], ...]) -> bool:
    return any(key.lower() == "prefer" and value == "body=json" for key, value in info)


def _told(change: Change, *, show_changes: bool) -> Entity:
    """The entity as the notification is to tell of it: with what was deleted and, if asked, what was before."""
    entity = change.entity
    if change.trigger is Trigger.ENTITY_DELETED:
        return entity.with_(attributes=_deleted(entity.attributes, change.at) if show_changes else {})
    replaced: Attributes = {}
    for name, previous in change.previous.items():
        told = entity.attributes.get(name, [])
        if len(previous) != 1 or len(told) != 1 or previous[0].get("datasetId") != told[0].get("datasetId"):
            replaced[name] = told = told + _gone(previous, told, change.at)
        if show_changes:
            replaced[name] = with_previous(told, previous)
    return entity.with_(attributes={**entity.attributes, **replaced}) if replaced else entity


def _gone(previous: list[Instance], current: list[Instance], at: Instant) -> list[Instance]:
    kept = {instance.get("datasetId") for instance in current}
    return [deleted_instance(each, at) for each in previous if each.get("datasetId") not in kept]


def _deleted(attributes: Attributes, at: Instant) -> Attributes:
    return {name: with_previous(_gone(instances, [], at), instances) for name, instances in attributes.items()}
