"""What a source sends to a member has nothing in it that was not offered, whatever the member would do with it."""

import json
from typing import Any

import pytest

from broker.core.federate.offer import Offer
from broker.core.federate.offered import View
from broker.core.jsonld.context import ActiveContext
from broker.core.model.change import Change, Trigger
from broker.core.model.entity import Entity
from broker.core.model.errors import AccessDenied
from broker.core.subscribe.match import concerns
from broker.core.subscribe.notification import notification_of_changes
from broker.core.subscribe.parse import parse_subscription
from broker.core.subscribe.subscription import Subscription

CONTEXT = ActiveContext({}, {}, [], None)
NAME, WAGE = "urn:n:name", "urn:n:wage"
VIEW = View(Offer(("urn:t:Event",), frozenset(), (NAME,), ("/culture",)))


def _subscription(**members: Any) -> Subscription:
    notification = {"endpoint": {"uri": "http://there.example/x"}, "showChanges": True}
    document = {
        "id": "urn:s:1",
        "type": "Subscription",
        "entities": [{"type": "urn:t:Event"}],
        "notificationTrigger": ["entityCreated", "entityUpdated", "entityDeleted"],
        "notification": notification,
        **members,
    }
    return VIEW.limited(parse_subscription(document, lambda _: CONTEXT, CONTEXT))


def _instance(value: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, "createdAt": 1, "modifiedAt": 1}


def _change(trigger: Trigger, touched: Trigger, *names: str, scope: str = "/culture") -> Change:
    attributes = {NAME: [_instance("new")], WAGE: [_instance("secret")]}
    entity = Entity("urn:e:1", ["urn:t:Event"], attributes, [scope])
    previous = {name: [_instance("secret" if name == WAGE else "old")] for name in names}
    return Change(trigger, entity, 2, dict.fromkeys(names, touched), previous)


CHANGES = [
    _change(Trigger.ENTITY_CREATED, Trigger.ATTRIBUTE_CREATED, NAME, WAGE),
    _change(Trigger.ENTITY_UPDATED, Trigger.ATTRIBUTE_UPDATED, NAME, WAGE),
    _change(Trigger.ENTITY_DELETED, Trigger.ATTRIBUTE_DELETED, NAME, WAGE),
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.trigger.value)
def test_a_notification_has_only_attributes_that_are_offered(change: Change) -> None:
    subscription = _subscription()
    assert concerns(subscription, change, 0)
    body = notification_of_changes(subscription, [change], 3, "seed").body.decode()
    assert "secret" not in body
    assert WAGE not in body
    assert json.loads(body)["data"][0][NAME]


def test_changes_of_others_and_entities_beyond_the_offer_are_not_told() -> None:
    subscription = _subscription()
    updated = Trigger.ENTITY_UPDATED, Trigger.ATTRIBUTE_UPDATED
    assert concerns(subscription, _change(*updated, NAME), 0)
    assert not concerns(subscription, _change(*updated, WAGE), 0)
    assert not concerns(subscription, _change(*updated, NAME, scope="/police"), 0)
    assert not concerns(_subscription(watchedAttributes=[WAGE]), _change(*updated, NAME, WAGE), 0)
    assert subscription.is_local_only


@pytest.mark.parametrize(
    "members",
    [
        {"q": "wage>1"},
        {"geoQ": {"georel": "within", "geometry": "Point", "coordinates": [1, 1], "geoproperty": "urn:n:place"}},
        {"notification": {"endpoint": {"uri": "http://there.example/x"}, "join": "flat"}},
    ],
)
def test_a_subscription_that_asks_about_anything_else_is_refused(members: dict[str, Any]) -> None:
    with pytest.raises(AccessDenied):
        _subscription(**members)
