"""What notifications hold (clauses 5.3.1, 5.8.6, 6.3.8)."""

import json

from broker.core.subscribe.notification import notification_message, notification_of_changes, shown_entities
from tests.core.subscribe.building import (
    CONTEXT_URL,
    LOCATION,
    created,
    deleted,
    entity,
    iri,
    notified,
    prop,
    subscription,
    updated,
)

NULL = "urn:ngsi-ld:null"


def message(*changes, **members):
    return notification_of_changes(subscription(**members), changes, 1_000_000, "seed")


def sent(*changes, **members):
    return json.loads(message(*changes, **members).body)


def sent_entity(change, **members):
    (shown,) = sent(change, **members)["data"]
    return shown


def test_5_3_1_members_of_a_notification():
    body = sent(created(entity(level=1)))
    assert body["type"] == "Notification"
    assert body["subscriptionId"] == "urn:ngsi-ld:Subscription:1"
    assert body["notifiedAt"] == "1970-01-01T00:00:01Z"
    assert body["id"].startswith("urn:ngsi-ld:Notification:")
    assert body["data"] == [
        {"id": "urn:ngsi-ld:Container:1", "type": "Container", "level": {"type": "Property", "value": 1}}
    ]
    assert "@context" not in body


def test_a_notification_sent_again_has_the_same_id():
    assert sent(created(entity(level=1)))["id"] == sent(created(entity(level=1)))["id"]
    again = notification_of_changes(subscription(), [created(entity(level=1))], 1, "other seed")
    assert json.loads(again.body)["id"] != sent(created(entity(level=1)))["id"]


def test_6_3_8_json_has_the_context_in_the_link_only():
    told = message(created(entity(level=1)))
    assert told.content_type == "application/json"
    assert told.link == f'<{CONTEXT_URL}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'
    assert b"@context" not in told.body


def test_6_3_8_json_ld_has_the_context_in_each_entity_only():
    endpoint = {"uri": "http://x/", "accept": "application/ld+json"}
    told = message(created(entity(level=1)), created(entity("2")), notification={"endpoint": endpoint})
    body = json.loads(told.body)
    assert told.link is None
    assert [each["@context"] for each in body["data"]] == [CONTEXT_URL, CONTEXT_URL]
    assert "@context" not in body


def test_6_3_8_geojson_has_the_context_inside_unless_json_is_preferred():
    place = entity(level=1)
    geometry = {"type": "Point", "coordinates": [6.0, 49.0]}
    place = place.with_(attributes={LOCATION: [{"type": "GeoProperty", "geometry": geometry}]})
    endpoint = {"uri": "http://x/", "accept": "application/geo+json"}
    told = message(created(place), notification={"endpoint": endpoint})
    data = json.loads(told.body)["data"]
    assert (data["type"], data["@context"], told.link) == ("FeatureCollection", CONTEXT_URL, None)
    assert data["features"][0]["geometry"] == geometry
    preferring = {**endpoint, "receiverInfo": [{"key": "Prefer", "value": "body=json"}]}
    told = message(created(place), notification={"endpoint": preferring})
    assert "@context" not in json.loads(told.body)["data"]
    assert CONTEXT_URL in told.link


def test_5_2_14_formats_and_projection():
    change = created(entity(level=1, power=2))
    simple = sent_entity(change, notification=notified(format="keyValues", attributes=["level"]))
    assert simple == {"id": "urn:ngsi-ld:Container:1", "type": "Container", "level": 1}
    assert sent_entity(change, notification=notified(format="concise", pick=["id", "power"])) == {
        "id": "urn:ngsi-ld:Container:1",
        "power": 2,
    }
    assert "level" not in sent_entity(change, notification=notified(omit=["level"]))


def test_5_2_14_system_attributes_only_on_demand():
    change = created(entity(level=1))
    assert "createdAt" not in sent_entity(change)["level"]
    shown = sent_entity(change, notification=notified(sysAttrs=True))
    assert {"createdAt", "modifiedAt"} <= shown.keys()
    assert "createdAt" in shown["level"]


def test_5_8_6_a_deleted_entity_is_told_with_deleted_at_alone():
    shown = sent_entity(deleted(entity(level=1)), notificationTrigger=["entityDeleted"])
    assert shown == {"id": "urn:ngsi-ld:Container:1", "type": "Container", "deletedAt": "1970-01-01T00:00:00.000007Z"}


def test_5_8_6_a_deleted_entity_is_told_without_its_scope():
    scoped = deleted(entity(level=1).with_(scopes=["/Quay/North"], expires_at=9))
    for trigger in ("entityDeleted", "attributeDeleted"):
        shown = sent_entity(scoped, notificationTrigger=[trigger], scopeQ="/Quay/#")
        assert shown.keys() - {"level"} == {"id", "type", "deletedAt"}
    shown = sent_entity(scoped, notification=notified(sysAttrs=True), notificationTrigger=["entityDeleted"])
    assert shown.keys() >= {"createdAt", "modifiedAt", "deletedAt"}
    assert not shown.keys() & {"scope", "level"}
    assert sent_entity(scoped, notification=notified(showChanges=True))["scope"] == "/Quay/North"


def test_5_8_6_a_deleted_entity_shows_what_was_before_on_demand():
    shown = sent_entity(deleted(entity(level=1)), notification=notified(showChanges=True))
    assert shown["level"]["value"] == NULL
    assert shown["level"]["previousValue"] == 1


def test_5_8_6_a_deleted_attribute_is_null():
    change = updated(entity(level=1, power=2), entity(power=2))
    assert sent_entity(change)["level"] == {"type": "Property", "value": NULL}
    assert sent_entity(change, notification=notified(format="concise"))["level"] == NULL
    assert sent_entity(change, notification=notified(format="simplified"))["level"] == NULL
    told = sent_entity(change, notification=notified(showChanges=True))["level"]
    assert told == {"type": "Property", "value": NULL, "previousValue": 1}
    told = sent_entity(change, notification=notified(sysAttrs=True))["level"]
    assert (told["value"], told["deletedAt"]) == (NULL, "1970-01-01T00:00:00.000006Z")


def test_5_8_6_a_deleted_instance_names_its_dataset():
    change = updated(entity(level=[prop(1), prop(2, datasetId="urn:d:2")]), entity(level=[prop(1)]))
    assert sent_entity(change)["level"] == [
        {"type": "Property", "value": 1},
        {"type": "Property", "value": NULL, "datasetId": "urn:d:2"},
    ]


def test_5_8_6_an_instance_that_gives_way_to_another_dataset_is_told_as_deleted():
    change = updated(entity(level=[prop(1)]), entity(level=[prop(2, datasetId="urn:d:2")]))
    assert sent_entity(change)["level"] == [
        {"type": "Property", "value": 2, "datasetId": "urn:d:2"},
        {"type": "Property", "value": NULL},
    ]


def test_5_8_6_of_an_attribute_deleted_with_all_its_instances_the_name_is_told_once():
    change = updated(entity(level=[prop(1), prop(2, datasetId="urn:d:2")], power=1), entity(power=1))
    assert sent_entity(change)["level"] == {"type": "Property", "value": NULL}
    assert len(sent_entity(change, notification=notified(showChanges=True))["level"]) == 2


def test_5_8_6_the_deletion_of_an_entity_is_told_as_that_of_the_watched_attributes_where_these_were_asked_for():
    members = {"notificationTrigger": ["attributeDeleted"], "watchedAttributes": ["level"]}
    shown = sent_entity(deleted(entity(level=1, power=2)), **members)
    assert shown["level"] == {"type": "Property", "value": NULL}
    assert "power" not in shown
    assert "deletedAt" in shown


def test_5_2_14_show_changes_gives_previous_values():
    before = entity(level=1, near=[{"type": "Relationship", "object": "urn:x:1"}])
    after = entity(level=2, near=[{"type": "Relationship", "object": "urn:x:2"}], power=3)
    shown = sent_entity(updated(before, after), notification=notified(showChanges=True))
    assert shown["level"]["previousValue"] == 1
    assert shown["near"]["previousObject"] == "urn:x:1"
    assert "previousValue" not in shown["power"]
    assert "previousValue" not in sent_entity(updated(before, after))["level"]
    concise = sent_entity(updated(before, after), notification=notified(showChanges=True, format="concise"))
    assert concise["level"] == {"value": 2, "previousValue": 1}


def test_4_15_lang_and_dataset_id_select():
    words = {"type": "LanguageProperty", "languageMap": {"fr": "plein", "de": "voll"}}
    change = created(entity(label=[words], level=[prop(1), prop(2, datasetId="urn:d:2")]))
    shown = sent_entity(change, lang="de", datasetId=["@none", "urn:d:3"])
    assert shown["label"] == {"type": "Property", "value": "voll", "lang": "de"}
    assert shown["level"] == {"type": "Property", "value": 1}


def test_4_3_6_8_a_text_in_the_language_wanted_stays_one_for_earlier_versions():
    words = {"type": "LanguageProperty", "languageMap": {"fr": "plein", "de": "voll"}}
    shown = sent_entity(created(entity(label=[words])), lang="de", ngsildConformance="1.3")
    assert shown["label"] == {"type": "Property", "value": "voll", "lang": "de"}
    unspoken = sent_entity(created(entity(label=[words])), ngsildConformance="1.3")
    assert unspoken["label"] == {"type": "Property", "value": {"fr": "plein", "de": "voll"}}


def test_building_a_notification_changes_nothing():
    change = updated(entity(level=1), entity(power=1))
    before = repr(change)
    message(change, notification=notified(showChanges=True, sysAttrs=True))
    assert repr(change) == before
    assert iri("level") not in change.entity.attributes


def test_5_8_6_periodic_notifications_hold_all_entities():
    asked = subscription(timeInterval=1)
    shown = shown_entities(asked, [entity("1", level=1), entity("2", level=2)])
    told = notification_message(asked, shown, 5, "seed", "city")
    assert [each["id"][-1] for each in json.loads(told.body)["data"]] == ["1", "2"]
    assert told.tenant == "city"
