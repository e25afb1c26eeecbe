"""Update and append attributes: clauses 5.5.8, 5.6.2, 5.6.3, 4.5.5, 4.16, 4.18."""

import pytest

from broker.core.model.change import Trigger
from broker.core.model.entity import NGSILD_NULL
from broker.core.model.errors import BadRequestData, ResourceNotFound
from broker.core.model.patch_update import append, create_or_update, update
from tests.core.model.examples import (
    ADDRESS,
    ID,
    NAME,
    PROVIDER,
    ROOM,
    T0,
    T1,
    T2,
    TEMPERATURE,
    fragment,
    iri,
    kept,
    prop,
    relation,
    room,
)

NULLS = (
    prop(NGSILD_NULL),
    {"value": NGSILD_NULL},
    relation(NGSILD_NULL),
    {"type": "GeoProperty", "geometry": NGSILD_NULL},
    {"type": "LanguageProperty", "languageMap": {"@none": NGSILD_NULL}},
    {"type": "LanguageProperty", "languageMap": NGSILD_NULL},
    {"type": "VocabProperty", "vocab": NGSILD_NULL},
    {"type": "JsonProperty", "json": NGSILD_NULL},
    {"type": "ListProperty", "valueList": [NGSILD_NULL]},
    {"type": "ListRelationship", "objectList": [NGSILD_NULL]},
)


def test_5_6_2_update_replaces_the_whole_instance_and_nothing_else():
    old = room(temperature=prop(25, unitCode="CEL", observedAt=1), name=prop("a"))
    change = update(old, ID, fragment(temperature=prop(100, observedAt=2)), T2)
    assert change.entity.attributes[TEMPERATURE] == [kept(prop(100, observedAt=2), T0, T2)]
    assert change.entity.attributes[NAME] is old.attributes[NAME]
    assert (change.entity.created_at, change.entity.modified_at) == (T0, T2)
    assert change.attributes == {TEMPERATURE: Trigger.ATTRIBUTE_UPDATED}
    assert change.previous == {TEMPERATURE: old.attributes[TEMPERATURE]}


def test_5_6_2_update_adds_attributes_and_datasets_that_are_not_there():
    old = room(temperature=prop(25))
    change = update(old, ID, fragment(name=prop("b"), temperature=prop(7, datasetId="urn:d:1")), T2)
    assert change.entity.attributes[NAME] == [kept(prop("b"), T2, T2)]
    assert change.entity.attributes[TEMPERATURE] == [kept(prop(25)), kept(prop(7, datasetId="urn:d:1"), T2, T2)]
    assert change.attributes == {NAME: Trigger.ATTRIBUTE_CREATED, TEMPERATURE: Trigger.ATTRIBUTE_UPDATED}


def test_4_5_5_an_instance_of_another_dataset_is_left_alone():
    old = room(temperature=[prop(1), prop(2, datasetId="urn:d:1")])
    change = update(old, ID, fragment(temperature=prop(3, datasetId="urn:d:1")), T2)
    assert change.entity.attributes[TEMPERATURE] == [kept(prop(1)), kept(prop(3, datasetId="urn:d:1"), T0, T2)]


@pytest.mark.parametrize("null", NULLS)
def test_5_5_8_every_encoding_of_null_deletes_the_attribute(null):
    old = room(temperature=prop(25), name=prop("a"))
    change = update(old, ID, fragment(temperature=null), T2)
    assert set(change.entity.attributes) == {NAME}
    assert change.attributes == {TEMPERATURE: Trigger.ATTRIBUTE_DELETED}
    assert change.previous == {TEMPERATURE: old.attributes[TEMPERATURE]}


def test_5_6_2_null_with_a_dataset_deletes_that_instance_only():
    old = room(temperature=[prop(1), prop(2, datasetId="urn:d:1")])
    change = update(old, ID, fragment(temperature=prop(NGSILD_NULL, datasetId="urn:d:1")), T2)
    assert change.entity.attributes[TEMPERATURE] == [kept(prop(1))]
    assert change.attributes == {TEMPERATURE: Trigger.ATTRIBUTE_DELETED}


def test_5_5_8_null_for_what_is_not_there_changes_nothing():
    old = room(name=prop("a"))
    change = update(old, ID, fragment(temperature=prop(NGSILD_NULL)), T2)
    assert change.is_void
    assert change.entity.modified_at == T1


def test_5_5_4_null_inside_of_a_value_is_refused_outside_of_merges():
    for value in ({"city": NGSILD_NULL}, {"a": [{"b": NGSILD_NULL}]}):
        for rule in (update, append):
            with pytest.raises(BadRequestData, match="merge"):
                rule(room(address=prop({})), ID, fragment(address=prop(value)), T2)


def test_4_5_24_what_a_json_property_holds_is_not_interpreted():
    given = {"type": "JsonProperty", "json": {"a": NGSILD_NULL}}
    assert update(room(), ID, fragment(address=given), T2).entity.attributes[ADDRESS] == [kept(given, T2, T2)]


def test_4_16_types_are_added_and_never_removed():
    change = update(room(), ID, fragment(types=[iri("Hall"), ROOM]), T2)
    assert change.entity.types == [ROOM, iri("Hall")]
    assert change.attributes == {}
    assert not change.is_void
    assert update(room(), ID, fragment(types=[ROOM]), T2).is_void


def test_5_6_2_update_replaces_scopes_only_where_there_are_any():
    assert update(room(scopes=["/a"]), ID, fragment(scopes=["/b"]), T2).entity.scopes == ["/b"]
    assert update(room(scopes=["/a"]), ID, fragment(scopes=[NGSILD_NULL]), T2).entity.scopes is None
    assert update(room(), ID, fragment(scopes=["/b"]), T2).is_void


def test_4_22_update_moves_the_expiry():
    assert update(room(), ID, fragment(expires_at=T2 + 1), T2).entity.expires_at == T2 + 1


def test_5_6_3_append_overwrites_by_default():
    old = room(temperature=prop(25, unitCode="CEL"))
    change = append(old, ID, fragment(temperature=prop(1), name=prop("a")), T2)
    assert change.entity.attributes[TEMPERATURE] == [kept(prop(1), T0, T2)]
    assert change.entity.attributes[NAME] == [kept(prop("a"), T2, T2)]


def test_5_6_3_append_without_overwrite_leaves_what_is_there():
    old = room(temperature=prop(25), scopes=["/a"])
    new = fragment(temperature=[prop(1), prop(2, datasetId="urn:d:1")], name=prop("a"), scopes=["/a", "/b"])
    change = append(old, ID, new, T2, overwrite=False)
    assert change.entity.attributes[TEMPERATURE] == [kept(prop(25)), kept(prop(2, datasetId="urn:d:1"), T2, T2)]
    assert change.entity.attributes[NAME] == [kept(prop("a"), T2, T2)]
    assert change.entity.scopes == ["/a", "/b"]
    assert append(old, ID, fragment(temperature=prop(1)), T2, overwrite=False).is_void


def test_5_6_3_append_overwrites_scopes_where_allowed():
    assert append(room(scopes=["/a"]), ID, fragment(scopes=["/b"]), T2).entity.scopes == ["/b"]
    assert append(room(), ID, fragment(scopes=["/b"]), T2).entity.scopes == ["/b"]


def test_5_5_4_null_cannot_be_appended():
    with pytest.raises(BadRequestData, match="DELETE"):
        append(room(temperature=prop(1)), ID, fragment(temperature=prop(NGSILD_NULL)), T2)


def test_an_absent_or_expired_entity_cannot_be_changed():
    for current in (None, room(expires_at=T2)):
        for rule in (update, append):
            with pytest.raises(ResourceNotFound, match=ID):
                rule(current, ID, fragment(name=prop(1)), T2)


def test_replaced_sub_attributes_keep_their_creation_time_and_lose_their_nulls():
    nested = {PROVIDER: [kept(relation("urn:x:1"))], ADDRESS: [kept(prop("b"))]}
    old = room(temperature=prop(1, attributes=nested))
    given = {PROVIDER: [relation("urn:x:2")], ADDRESS: [prop(NGSILD_NULL)]}
    change = update(old, ID, fragment(temperature=prop(2, attributes=given)), T2)
    assert change.entity.attributes[TEMPERATURE][0]["attributes"] == {PROVIDER: [kept(relation("urn:x:2"), T0, T2)]}


def test_a_new_attribute_without_a_value_is_refused():
    with pytest.raises(BadRequestData, match="value"):
        update(room(), ID, fragment(temperature={"type": "Property", "unitCode": "CEL"}), T2)


def test_5_6_8_upsert_in_update_mode_creates_or_updates():
    assert create_or_update(None, room(name=prop("a")), T2).trigger is Trigger.ENTITY_CREATED
    change = create_or_update(room(temperature=prop(1)), room(name=prop("a")), T2)
    assert set(change.entity.attributes) == {TEMPERATURE, NAME}
