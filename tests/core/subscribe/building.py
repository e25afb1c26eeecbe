"""Contexts, subscriptions and changes for the tests of this folder and of tests/notifications."""

from typing import Any

from broker.core.jsonld.context import ActiveContext
from broker.core.model.change import Change, Trigger
from broker.core.model.entity import Entity, Instance
from broker.core.subscribe.parse import parse_subscription
from broker.core.subscribe.subscription import Subscription

VOCABULARY = "https://example.org/vocabulary/"
CONTEXT_URL = "https://example.org/context.jsonld"
LOCATION = "https://uri.etsi.org/ngsi-ld/location"
NAMES = ("Container", "Lamp", "level", "power", "label", "near", "kind")


def iri(name: str) -> str:
    return VOCABULARY + name


def active_context(link: str | None = CONTEXT_URL, reference: Any = CONTEXT_URL) -> ActiveContext:
    terms = {name: iri(name) for name in NAMES} | {"location": LOCATION}
    return ActiveContext(terms, {}, reference, link)


CONTEXT = active_context()


def document(**members: Any) -> dict[str, Any]:
    return {
        "id": "urn:ngsi-ld:Subscription:1",
        "type": "Subscription",
        "entities": [{"type": "Container"}],
        "notification": {"endpoint": {"uri": "http://127.0.0.1:9/notify"}},
        **members,
    }


def subscription(**members: Any) -> Subscription:
    return parse_subscription(document(**members), lambda _: CONTEXT, CONTEXT)


def notified(**members: Any) -> dict[str, Any]:
    return {"endpoint": {"uri": "http://127.0.0.1:9/notify"}, **members}


def prop(value: Any, **members: Any) -> Instance:
    return {"type": "Property", "value": value, "createdAt": 1, "modifiedAt": 1, **members}


def entity(name: str = "1", kind: str = "Container", **attributes: Any) -> Entity:
    instances = {iri(each): value if isinstance(value, list) else [prop(value)] for each, value in attributes.items()}
    return Entity(f"urn:ngsi-ld:{kind}:{name}", [iri(kind)], instances, None, 1, 1)


def created(what: Entity) -> Change:
    return Change(Trigger.ENTITY_CREATED, what, 5, dict.fromkeys(what.attributes, Trigger.ATTRIBUTE_CREATED))


def updated(before: Entity, after: Entity) -> Change:
    """The change from one state to the other, every attribute of either touched."""
    touched = {}
    for name in before.attributes | after.attributes:
        if name not in before.attributes:
            touched[name] = Trigger.ATTRIBUTE_CREATED
        elif name not in after.attributes:
            touched[name] = Trigger.ATTRIBUTE_DELETED
        else:
            touched[name] = Trigger.ATTRIBUTE_UPDATED
    return Change(Trigger.ENTITY_UPDATED, after, 6, touched, dict(before.attributes), before)


def deleted(what: Entity) -> Change:
    touched = dict.fromkeys(what.attributes, Trigger.ATTRIBUTE_DELETED)
    return Change(Trigger.ENTITY_DELETED, what.with_(deleted_at=7), 7, touched, dict(what.attributes), what)
