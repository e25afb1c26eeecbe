"""Which changes concern which subscriptions (clauses 5.2.12, 5.8.6)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.subscribe.index import SubscriptionIndex
from broker.core.subscribe.match import concerns, matching
from tests.core.subscribe.building import created, deleted, entity, iri, prop, subscription, updated

NOW = 1_000


def told(change, **members):
    return concerns(subscription(**members), change, NOW)


def test_5_8_6_a_watched_attribute_that_changes_is_told():
    change = updated(entity(level=1, power=1), entity(level=2, power=1))
    assert told(change, watchedAttributes=["level"])
    assert not told(change, watchedAttributes=["power"])
    assert not told(change, watchedAttributes=["label"])


def test_5_8_6_an_update_that_says_the_same_is_no_change():
    before = entity(level=[prop(1, attributes={iri("kind"): [prop("a")]})])
    after = entity(level=[prop(1, modifiedAt=9, attributes={iri("kind"): [prop("a", modifiedAt=9)]})])
    assert not told(updated(before, after))
    assert told(updated(before, entity(level=[prop(1, attributes={iri("kind"): [prop("b")]})])))


def test_5_8_6_a_new_observed_at_is_a_change():
    assert told(updated(entity(level=[prop(1, observedAt=1)]), entity(level=[prop(1, observedAt=2)])))


def test_5_8_6_true_is_not_one():
    assert told(updated(entity(level=1), entity(level=True)))


def test_4_5_5_instances_are_compared_by_dataset_whatever_their_order():
    one, two = prop(1, datasetId="urn:d:1"), prop(2, datasetId="urn:d:2")
    assert not told(updated(entity(level=[one, two]), entity(level=[two, one])))
    assert told(updated(entity(level=[one, two]), entity(level=[one, prop(3, datasetId="urn:d:2")])))


@pytest.mark.parametrize(
    ("trigger", "on_create", "on_update", "on_attribute_delete", "on_delete"),
    [
        (None, True, True, False, False),
        (["entityCreated"], True, False, False, False),
        (["entityUpdated"], True, True, True, True),
        (["entityDeleted"], False, False, False, True),
        (["attributeCreated"], True, False, False, False),
        (["attributeUpdated"], False, True, False, False),
        (["attributeDeleted"], False, False, True, True),
    ],
)
def test_5_2_12_notification_triggers(trigger, on_create, on_update, on_attribute_delete, on_delete):
    members = {} if trigger is None else {"notificationTrigger": trigger}
    assert told(created(entity(level=1)), **members) is on_create
    assert told(updated(entity(level=1), entity(level=2)), **members) is on_update
    assert told(updated(entity(level=1, power=1), entity(power=1)), **members) is on_attribute_delete
    assert told(deleted(entity(level=1)), **members) is on_delete


def test_5_2_12_entity_triggers_heed_watched_attributes():
    members = {"notificationTrigger": ["entityCreated", "entityDeleted"], "watchedAttributes": ["power"]}
    assert told(created(entity(power=1)), **members)
    assert told(deleted(entity(power=1)), **members)
    assert not told(created(entity(level=1)), **members)
    assert not told(deleted(entity(level=1)), **members)


def test_5_2_12_an_entity_without_attributes_is_created():
    assert told(created(entity()), notificationTrigger=["entityCreated"])
    assert not told(created(entity()))


def test_5_8_6_q_counts_after_the_change():
    assert told(updated(entity(level=1), entity(level=9)), q="level>5")
    assert not told(updated(entity(level=9), entity(level=1)), q="level>5")


def test_5_8_6_geo_query_and_scope_query():
    near = {"georel": "near;maxDistance==1000", "geometry": "Point", "coordinates": [6.0, 49.0]}
    place = {"type": "GeoProperty", "geometry": {"type": "Point", "coordinates": [6.001, 49.0]}}
    here = entity(level=2)
    here = here.with_(attributes={**here.attributes, "https://uri.etsi.org/ngsi-ld/location": [place]}, scopes=["/a/b"])
    assert told(created(here), geoQ=near, scopeQ="/a/#")
    assert not told(created(here), geoQ={**near, "coordinates": [7.0, 49.0]})
    assert not told(created(here), scopeQ="/b")


def test_5_8_6_paused_and_expired_subscriptions_are_not_told():
    change = created(entity(level=1))
    assert not told(change, isActive=False)
    assert not told(change, expiresAt="1970-01-01T00:00:00Z")
    assert told(change, expiresAt="1970-01-01T00:00:01Z")


def test_5_2_33_selectors_by_type_id_and_pattern():
    change = created(entity("7", level=1))
    assert told(change, entities=[{"type": "Lamp"}, {"type": "Container", "id": "urn:ngsi-ld:Container:7"}])
    assert told(change, entities=[{"type": "*", "idPattern": "^urn:ngsi-ld:Container:.*"}])
    assert not told(change, entities=[{"type": "Lamp"}])
    assert not told(change, entities=[{"type": "Container", "id": "urn:ngsi-ld:Container:8"}])


def test_periodic_subscriptions_are_concerned_by_no_change():
    index = SubscriptionIndex()
    index.put(subscription(timeInterval=5))
    assert matching(index, created(entity(level=1)), NOW) == ()
    assert [each.id for each in index.periodic()] == ["urn:ngsi-ld:Subscription:1"]


def test_an_update_that_concerns_one_of_10000_subscriptions_looks_at_one():
    index = SubscriptionIndex()
    for number in range(10_000):
        members = {"id": f"urn:s:{number}"}
        if number % 2:
            members["entities"] = [{"type": "Container", "id": f"urn:ngsi-ld:Container:{number}"}]
        else:
            members["entities"] = [{"type": f"Container{number}"}]
        index.put(subscription(**members))
    change = created(entity("4711", level=1))
    assert list(index.candidates(change)) == ["urn:s:4711"]
    assert matching(index, change, NOW) == ("urn:s:4711",)
    index.remove("urn:s:4711")
    assert matching(index, change, NOW) == ()


SELECTORS = st.lists(
    st.sampled_from(
        [
            {"type": "Container"},
            {"type": "Lamp"},
            {"type": "Container,Lamp"},
            {"type": "Container;Lamp"},
            {"type": "*"},
            {"type": "Container", "id": "urn:ngsi-ld:Container:1"},
            {"type": "Lamp", "id": ["urn:ngsi-ld:Lamp:1", "urn:ngsi-ld:Lamp:2"]},
        ]
    ),
    min_size=1,
    max_size=3,
)
TRIGGERS = st.none() | st.lists(
    st.sampled_from(["entityCreated", "entityUpdated", "entityDeleted", "attributeDeleted"]), min_size=1
)
WATCHED = st.none() | st.lists(st.sampled_from(["level", "power"]), min_size=1)
STATES = st.fixed_dictionaries({}, optional={"level": st.integers(0, 1), "power": st.integers(0, 1)})


@given(
    st.lists(st.tuples(SELECTORS, TRIGGERS, WATCHED), max_size=6),
    st.sampled_from(["Container", "Lamp"]),
    STATES,
    STATES,
    st.sampled_from(["create", "update", "delete"]),
)
def test_the_index_finds_exactly_what_a_walk_over_all_finds(wanted, kind, before, after, what):
    subscriptions = []
    for number, (entities, triggers, watched) in enumerate(wanted):
        members = {"id": f"urn:s:{number}", "entities": entities}
        members |= {"notificationTrigger": triggers} if triggers else {}
        members |= {"watchedAttributes": watched} if watched else {}
        subscriptions.append(subscription(**members))
    index = SubscriptionIndex()
    for each in subscriptions:
        index.put(each)
    old, new = entity("1", kind, **before), entity("1", kind, **after)
    change = {"create": created(new), "update": updated(old, new), "delete": deleted(old)}[what]
    assert set(matching(index, change, NOW)) == {each.id for each in subscriptions if concerns(each, change, NOW)}
    for each in subscriptions:
        index.remove(each.id)
    assert vars(index) == vars(SubscriptionIndex())
