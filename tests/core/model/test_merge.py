"""Merge entity: clauses 5.5.12, 5.6.17."""

import pytest

from broker.core.model.change import Trigger
from broker.core.model.entity import NGSILD_NULL
from broker.core.model.errors import BadRequestData, ResourceNotFound
from broker.core.model.patch_merge import MergeOptions, merge, merge_json
from tests.core.model.examples import (
    ADDRESS,
    ID,
    NAME,
    OWNER,
    PLACE,
    PROVIDER,
    ROOM,
    T0,
    T2,
    TEMPERATURE,
    fragment,
    iri,
    kept,
    prop,
    relation,
    room,
    untimed,
)

# RFC 7396, appendix A, with the NGSI-LD Null in the place of null and without what NGSI-LD has no place for.
RFC_7396 = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": NGSILD_NULL}, {}),
    ({"a": "b", "b": "c"}, {"a": NGSILD_NULL}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": NGSILD_NULL}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ([1, 2], {"a": "b", "c": NGSILD_NULL}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": NGSILD_NULL}}}, {"a": {"bb": {}}}),
]


@pytest.mark.parametrize(("target", "patch", "expected"), RFC_7396)
def test_5_5_12_values_merge_as_rfc_7396_says(target, patch, expected):
    change = merge(room(address=prop(target)), ID, fragment(address=prop(patch)), T2)
    assert change.entity.attributes[ADDRESS][0]["value"] == expected


def test_5_6_17_merge_entity_keeps_unmentioned_members_and_attributes():
    old = room(temperature=prop(25, unitCode="CEL", observedAt=1), name=prop("a"))
    change = merge(old, ID, fragment(temperature=prop(100, observedAt=2)), T2)
    assert change.entity.attributes[TEMPERATURE] == [kept(prop(100, unitCode="CEL", observedAt=2), T0, T2)]
    assert change.entity.attributes[NAME] is old.attributes[NAME]
    assert change.attributes == {TEMPERATURE: Trigger.ATTRIBUTE_UPDATED}
    assert old.attributes[TEMPERATURE][0]["value"] == 25


def test_5_6_17_merge_adds_what_is_new_without_its_nulls():
    given = prop(
        {"a": {"b": NGSILD_NULL, "c": 1}}, attributes={PROVIDER: [prop(NGSILD_NULL)], NAME: [prop({"d": NGSILD_NULL})]}
    )
    change = merge(room(), ID, fragment(address=given, temperature=prop(NGSILD_NULL)), T2)
    assert set(change.entity.attributes) == {ADDRESS}
    assert change.entity.attributes[ADDRESS] == [
        kept(prop({"a": {"c": 1}}, attributes={NAME: [kept(prop({}), T2, T2)]}), T2, T2)
    ]
    assert change.attributes == {ADDRESS: Trigger.ATTRIBUTE_CREATED}


def test_5_4_example_2_merge_deletes_attributes_and_sub_attributes():
    nested = {PROVIDER: [kept(relation("urn:x:1"))]}
    old = room(temperature=prop(9, attributes=nested), name=prop("a"))
    given = prop(7, observedAt=5, attributes={PROVIDER: [{"value": NGSILD_NULL}]})
    change = merge(old, ID, fragment(temperature=given, name=prop(NGSILD_NULL)), T2)
    assert change.entity.attributes == {TEMPERATURE: [kept(prop(7, observedAt=5), T0, T2)]}
    assert change.attributes == {TEMPERATURE: Trigger.ATTRIBUTE_UPDATED, NAME: Trigger.ATTRIBUTE_DELETED}


def test_5_6_17_merge_goes_into_sub_attributes():
    nested = {NAME: [kept(prop({"a": 1, "b": 2}, unitCode="C1"))], OWNER: [kept(relation("urn:x:1"))]}
    change = merge(
        room(temperature=prop(9, attributes=nested)),
        ID,
        fragment(temperature={"attributes": {NAME: [prop({"a": NGSILD_NULL})]}}),
        T2,
    )
    instance = change.entity.attributes[TEMPERATURE][0]
    assert instance["value"] == 9
    assert instance["attributes"] == {NAME: [kept(prop({"b": 2}, unitCode="C1"), T0, T2)], OWNER: nested[OWNER]}
    assert nested[NAME][0]["value"] == {"a": 1, "b": 2}


def test_5_6_17_merge_targets_the_dataset():
    old = room(temperature=[prop(1, unitCode="CEL"), prop(2, datasetId="urn:d:1", unitCode="FAH")])
    change = merge(old, ID, fragment(temperature=[prop(3, datasetId="urn:d:1"), prop(4, datasetId="urn:d:2")]), T2)
    assert change.entity.attributes[TEMPERATURE] == [
        kept(prop(1, unitCode="CEL")),
        kept(prop(3, datasetId="urn:d:1", unitCode="FAH"), T0, T2),
        kept(prop(4, datasetId="urn:d:2"), T2, T2),
    ]


def test_5_6_17_language_maps_merge_by_tag():
    old = room(name={"type": "LanguageProperty", "languageMap": {"en": "a", "fr": "b"}})
    given = {"type": "LanguageProperty", "languageMap": {"en": NGSILD_NULL, "de": "c"}}
    change = merge(old, ID, fragment(name=given), T2)
    assert change.entity.attributes[NAME][0]["languageMap"] == {"fr": "b", "de": "c"}


def test_5_6_17_a_common_language_sets_its_key_only():
    old = room(name={"type": "LanguageProperty", "languageMap": {"en": "a", "fr": "b"}}, owner=prop("x"))
    given = fragment(name=prop("c"), owner=prop("y"))
    change = merge(old, ID, given, T2, MergeOptions(lang="fr"))
    assert untimed(change.entity.attributes) == {
        NAME: [{"type": "LanguageProperty", "languageMap": {"en": "a", "fr": "c"}}],
        OWNER: [prop("y")],
    }


def test_5_6_17_a_common_observed_at_reaches_only_instances_that_had_one():
    old = room(temperature=prop(1, observedAt=5), name=prop("a"), owner=prop("o", observedAt=5))
    given = fragment(temperature=prop(2), name=prop("b"), owner=prop("p", observedAt=6), address=prop("new"))
    change = merge(old, ID, given, T2, MergeOptions(observed_at=9))
    assert untimed(change.entity.attributes) == {
        TEMPERATURE: [prop(2, observedAt=9)],
        NAME: [prop("b")],
        OWNER: [prop("p", observedAt=6)],
        ADDRESS: [prop("new")],
    }


def test_5_6_17_a_simplified_fragment_keeps_types():
    point = {"type": "Point", "coordinates": [1.0, 2.0]}
    old = room(owner=relation("urn:x:1"), place={"type": "GeoProperty", "geometry": {}}, name=prop("a"))
    given = fragment(owner={"value": "urn:x:2"}, place={"value": point}, name={"value": "b"})
    change = merge(old, ID, given, T2, MergeOptions(simplified=True))
    assert untimed(change.entity.attributes)[OWNER] == [relation("urn:x:2")]
    assert untimed(change.entity.attributes)[PLACE][0]["type"] == "GeoProperty"
    assert untimed(change.entity.attributes)[PLACE][0]["geometry"] == point
    assert untimed(change.entity.attributes)[NAME] == [prop("b")]
    with pytest.raises(BadRequestData, match="Relationship"):
        merge(old, ID, fragment(owner={"value": 5}), T2, MergeOptions(simplified=True))
    with pytest.raises(BadRequestData, match="Relationship"):
        merge(old, ID, fragment(owner={"geometry": point}), T2, MergeOptions(simplified=True))


def test_5_6_17_a_normalized_fragment_may_change_the_type_and_leaves_nothing_of_the_old_one():
    change = merge(room(owner=prop("x", unitCode="C1")), ID, fragment(owner=relation("urn:x:1")), T2)
    assert untimed(change.entity.attributes) == {OWNER: [relation("urn:x:1")]}
    with pytest.raises(BadRequestData, match="value"):
        merge(room(owner=prop("x")), ID, fragment(owner={"type": "Relationship", "observedAt": 1}), T2)


def test_5_6_17_metadata_alone_leaves_value_and_type():
    old = room(owner=relation("urn:x:1", observedAt=1))
    change = merge(old, ID, fragment(owner={"type": "Relationship", "observedAt": 3}), T2)
    assert untimed(change.entity.attributes) == {OWNER: [relation("urn:x:1", observedAt=3)]}
    with pytest.raises(BadRequestData, match="value"):
        merge(old, ID, fragment(name={"unitCode": "C1"}), T2)


def test_5_6_17_types_scopes_and_expiry():
    change = merge(room(scopes=["/a"]), ID, fragment(types=[iri("Hall")], scopes=["/b"], expires_at=T2 + 5), T2)
    assert change.entity.types == [ROOM, iri("Hall")]
    assert change.entity.scopes == ["/b"]
    assert change.entity.expires_at == T2 + 5
    assert merge(room(scopes=["/a"]), ID, fragment(scopes=[NGSILD_NULL]), T2).entity.scopes is None


def test_5_5_12_a_value_object_of_json_ld_replaces_as_a_whole():
    assert merge_json({"city": "x"}, {"@type": "DateTime", "@value": "now"}) == {"@type": "DateTime", "@value": "now"}


def test_5_6_17_merge_into_nothing_is_refused():
    with pytest.raises(ResourceNotFound):
        merge(None, ID, fragment(name=prop("a")), T2)
