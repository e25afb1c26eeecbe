"""Subscription documents (clauses 5.2.12 to 5.2.15, 5.2.33)."""

import pytest

from broker.core.model.change import Trigger
from broker.core.model.errors import BadRequestData
from tests.core.subscribe.building import document, entity, iri, notified, subscription


def test_5_2_12_names_are_expanded():
    parsed = subscription(watchedAttributes=["level"], notification=notified(attributes=["level"]))
    assert parsed.watched == {iri("level")}
    assert parsed.representation.pick == {iri("level"), "id", "type", "scope"}
    assert parsed.query.selectors[0].types.alternatives == ((iri("Container"),),)


def test_5_2_12_default_triggers_are_attribute_created_and_updated():
    assert subscription().triggers == {Trigger.ATTRIBUTE_CREATED, Trigger.ATTRIBUTE_UPDATED}


def test_5_2_12_entity_updated_stands_for_all_changes_of_attributes():
    triggers = subscription(notificationTrigger=["entityUpdated"]).triggers
    assert triggers == {Trigger.ATTRIBUTE_CREATED, Trigger.ATTRIBUTE_UPDATED, Trigger.ATTRIBUTE_DELETED}


def test_5_2_14_an_empty_list_of_attributes_means_all():
    assert subscription(notification=notified(attributes=[])).representation.pick is None


def test_5_2_14_key_values_is_simplified():
    assert subscription(notification=notified(format="keyValues")).representation.form == "simplified"


def test_5_2_15_timeout_and_cooldown_are_milliseconds():
    endpoint = {"uri": "https://example.org/", "timeout": 250, "cooldown": 1500}
    parsed = subscription(notification={"endpoint": endpoint}).endpoint
    assert (parsed.timeout, parsed.cooldown) == (0.25, 1.5)


def test_5_2_33_an_id_takes_precedence_over_a_pattern():
    selector = subscription(entities=[{"type": "Container", "id": "urn:x:1", "idPattern": "["}]).query.selectors[0]
    assert selector.ids == ("urn:x:1",)
    assert selector.id_pattern is None


@pytest.mark.parametrize(
    "members",
    [
        {"type": "Subscribe"},
        {"id": "no uri"},
        {"entities": []},
        {"entities": None},
        {"entities": [{"id": "urn:x:1"}]},
        {"entities": [{"type": "Container", "id": "no uri"}]},
        {"watchedAttributes": []},
        {"watchedAttributes": "level"},
        {"watchedAttributes": ["le vel"]},
        {"notification": None},
        {"notification": {}},
        {"notification": {"endpoint": {}}},
        {"notification": {"endpoint": {"uri": "example.org"}}},
        {"notification": {"endpoint": {"uri": "ftp://example.org/"}}},
        {"notification": {"endpoint": {"uri": "http://example.org:port/"}}},
        {"notification": {"endpoint": {"uri": "mqtt://example.org"}}},
        {"notification": {"endpoint": {"uri": "mqtt://example.org/a/#"}}},
        {"notification": {"endpoint": {"uri": "http://x/", "accept": "text/plain"}}},
        {"notification": {"endpoint": {"uri": "http://x/", "timeout": 0}}},
        {"notification": {"endpoint": {"uri": "http://x/", "receiverInfo": [{"key": "A"}]}}},
        {"notification": {"endpoint": {"uri": "http://x/", "receiverInfo": [{"key": "A", "value": "b\r\nC: d"}]}}},
        {"notification": {"endpoint": {"uri": "http://x/", "receiverInfo": [{"key": "Host", "value": "b"}]}}},
        {"notification": {"endpoint": {"uri": "mqtt://x/t", "notifierInfo": [{"key": "MQTT-QoS", "value": "3"}]}}},
        {"notification": notified(format="xml")},
        {"notification": notified(pick=[])},
        {"notification": notified(pick=["level"], attributes=["level"])},
        {"notification": notified(showChanges=True, format="simplified")},
        {"notificationTrigger": []},
        {"notificationTrigger": ["entityChanged"]},
        {"timeInterval": 0},
        {"timeInterval": True},
        {"timeInterval": 5, "throttling": 5},
        {"timeInterval": 5, "watchedAttributes": ["level"]},
        {"throttling": -1},
        {"isActive": "yes"},
        {"expiresAt": "tomorrow"},
        {"q": "level>"},
        {"geoQ": {"georel": "near;maxDistance==5"}},
        {"scopeQ": ""},
        {"lang": 5},
    ],
)
def test_5_8_1_what_is_no_subscription_is_refused(members):
    with pytest.raises(BadRequestData) as refusal:
        subscription(**members)
    assert refusal.value.detail


def test_5_2_12_entities_or_watched_attributes_are_needed_unless_local():
    bare = {name: value for name, value in document().items() if name != "entities"}
    with pytest.raises(BadRequestData):
        subscription(**{**bare, "entities": None})
    parsed = subscription(entities=[{"type": "*"}], localOnly=True)
    assert parsed.query.selectors[0].types is None


def test_4_9_a_percent_encoded_q_is_decoded():
    satisfied = subscription(q='label=="Eiffel%20Tower"').satisfied
    assert satisfied(entity(label="Eiffel Tower"))
    assert not satisfied(entity(label="Eiffel%20Tower"))
    with pytest.raises(BadRequestData):
        subscription(q='label=="%FF"')


@pytest.mark.parametrize(
    "join", [{"join": "deep"}, {"join": "flat", "joinLevel": 1.5}, {"join": "flat", "joinLevel": 9}]
)
def test_5_2_14_a_join_that_is_none(join):
    with pytest.raises(BadRequestData):
        subscription(notification=notified(**join))


@pytest.mark.parametrize("version", ["1", "v1.8", "1.8.1", 1.8])
def test_5_2_12_conformance_is_a_version(version):
    subscription(ngsildConformance="1.8")
    with pytest.raises(BadRequestData):
        subscription(ngsildConformance=version)


@pytest.mark.parametrize("wrong", [{"csf": "a=="}, {"datasetId": ["name"]}, {"datasetId": []}, {"datasetId": "urn:d"}])
def test_5_2_12_restrictions_of_members(wrong):
    subscription(csf='endpoint=="http://x"', datasetId=["urn:d", "@none"])
    with pytest.raises(BadRequestData):
        subscription(**wrong)
