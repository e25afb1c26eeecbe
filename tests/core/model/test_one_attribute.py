"""One attribute: clauses 5.6.4, 5.6.5, 5.6.19."""

import pytest

from broker.core.model.change import Trigger
from broker.core.model.draft import SCOPE
from broker.core.model.entity import NGSILD_NULL
from broker.core.model.errors import BadRequestData, ResourceNotFound
from broker.core.model.patch_attribute import delete_attribute, partial_update, replace_attribute
from tests.core.model.examples import (
    ADDRESS,
    ID,
    NAME,
    PLACE,
    PROVIDER,
    T0,
    T2,
    TEMPERATURE,
    kept,
    prop,
    relation,
    room,
)

POINT = {"type": "Point", "coordinates": [1.0, 2.0]}


def test_5_6_4_partial_update_keeps_the_members_it_does_not_name():
    old = room(temperature=prop(25, unitCode="CEL", observedAt=1), name=prop("a"))
    change = partial_update(old, ID, TEMPERATURE, [prop(100, observedAt=2)], T2)
    assert change.entity.attributes[TEMPERATURE] == [kept(prop(100, unitCode="CEL", observedAt=2), T0, T2)]
    assert change.entity.attributes[NAME] is old.attributes[NAME]
    assert change.attributes == {TEMPERATURE: Trigger.ATTRIBUTE_UPDATED}
    assert old.attributes[TEMPERATURE][0]["value"] == 25


def test_5_6_4_partial_update_replaces_the_value_as_a_whole():
    old = room(address=prop({"city": "Berlin", "street": "x"}))
    change = partial_update(old, ID, ADDRESS, [{"value": {"city": "Bonn"}}], T2)
    assert change.entity.attributes[ADDRESS][0]["value"] == {"city": "Bonn"}


def test_5_6_4_partial_update_deletes_and_replaces_sub_attributes():
    nested = {PROVIDER: [kept(relation("urn:x:1"))], NAME: [kept(prop("n", unitCode="C1"))]}
    old = room(temperature=prop(25, unitCode="CEL", attributes=nested))
    given = {"unitCode": NGSILD_NULL, "attributes": {PROVIDER: [{"value": NGSILD_NULL}], NAME: [prop("m")]}}
    change = partial_update(old, ID, TEMPERATURE, [given], T2)
    assert change.entity.attributes[TEMPERATURE] == [
        kept(prop(25, attributes={NAME: [kept(prop("m"), T0, T2)]}), T0, T2)
    ]
    only = {"attributes": {PROVIDER: [{"value": NGSILD_NULL}], NAME: [{"value": NGSILD_NULL}]}}
    assert "attributes" not in partial_update(old, ID, TEMPERATURE, [only], T2).entity.attributes[TEMPERATURE][0]


def test_5_6_4_partial_update_targets_the_dataset():
    old = room(temperature=[prop(1), prop(2, datasetId="urn:d:1")])
    change = partial_update(old, ID, TEMPERATURE, [prop(3, datasetId="urn:d:1")], T2)
    assert change.entity.attributes[TEMPERATURE] == [kept(prop(1)), kept(prop(3, datasetId="urn:d:1"), T0, T2)]
    with pytest.raises(ResourceNotFound, match="urn:d:2"):
        partial_update(old, ID, TEMPERATURE, [prop(3, datasetId="urn:d:2")], T2)
    with pytest.raises(ResourceNotFound, match="default instance"):
        partial_update(room(temperature=prop(2, datasetId="urn:d:1")), ID, TEMPERATURE, [prop(3)], T2)


@pytest.mark.parametrize("given", [relation("urn:x:1"), {"object": "urn:x:1"}, {"languageMap": {"en": "a"}}])
def test_5_6_4_partial_update_cannot_change_the_type(given):
    with pytest.raises(BadRequestData, match="is a Property"):
        partial_update(room(temperature=prop(1)), ID, TEMPERATURE, [given], T2)


def test_5_5_8_partial_update_with_a_null_deletes_the_instance_and_no_other():
    old = room(temperature=[prop(1), prop(2, datasetId="urn:d:1")], name=prop("a"))
    change = partial_update(old, ID, TEMPERATURE, [prop(NGSILD_NULL)], T2)
    assert change.entity.attributes[TEMPERATURE] == [kept(prop(2, datasetId="urn:d:1"))]
    assert change.attributes == {TEMPERATURE: Trigger.ATTRIBUTE_DELETED}
    last = partial_update(change.entity, ID, TEMPERATURE, [prop(NGSILD_NULL, datasetId="urn:d:1")], T2)
    assert TEMPERATURE not in last.entity.attributes
    assert last.entity.attributes[NAME] is old.attributes[NAME]
    with pytest.raises(ResourceNotFound):
        partial_update(last.entity, ID, TEMPERATURE, [prop(NGSILD_NULL)], T2)


def test_5_6_4_a_fragment_without_type_is_read_as_the_type_that_is_there():
    old = room(place={"type": "GeoProperty", "geometry": POINT})
    given = {**POINT, "coordinates": [3.0, 4.0]}
    for member in ("value", "geometry"):
        instance = partial_update(old, ID, PLACE, [{member: given}], T2).entity.attributes[PLACE][0]
        assert instance == kept({"type": "GeoProperty", "geometry": given}, T0, T2)


def test_5_6_19_replace_attribute_keeps_nothing_but_its_creation():
    old = room(temperature=[prop(25, unitCode="CEL"), prop(2, datasetId="urn:d:1")])
    change = replace_attribute(old, ID, TEMPERATURE, [relation("urn:x:1")], T2)
    assert change.entity.attributes[TEMPERATURE] == [
        kept(relation("urn:x:1"), T0, T2),
        kept(prop(2, datasetId="urn:d:1")),
    ]
    assert change.previous == {TEMPERATURE: old.attributes[TEMPERATURE]}


def test_5_6_19_replace_attribute_needs_the_instance_and_a_value():
    old = room(temperature=prop(25))
    with pytest.raises(ResourceNotFound):
        replace_attribute(old, ID, NAME, [prop(1)], T2)
    with pytest.raises(ResourceNotFound):
        replace_attribute(old, ID, TEMPERATURE, [prop(1, datasetId="urn:d:1")], T2)
    for given in (prop(NGSILD_NULL), {"unitCode": "CEL"}):
        with pytest.raises(BadRequestData):
            replace_attribute(old, ID, TEMPERATURE, [given], T2)


def test_scope_is_not_changed_as_an_attribute():
    for rule in (partial_update, replace_attribute):
        with pytest.raises(BadRequestData, match="scope"):
            rule(room(scopes=["/a"]), ID, SCOPE, [prop("/b")], T2)


def test_5_6_5_delete_attribute_by_dataset():
    old = room(temperature=[prop(1), prop(2, datasetId="urn:d:1")])
    default = delete_attribute(old, ID, TEMPERATURE, T2)
    assert default.entity.attributes[TEMPERATURE] == [kept(prop(2, datasetId="urn:d:1"))]
    assert default.attributes == {TEMPERATURE: Trigger.ATTRIBUTE_DELETED}
    one = delete_attribute(old, ID, TEMPERATURE, T2, dataset_id="urn:d:1")
    assert one.entity.attributes[TEMPERATURE] == [kept(prop(1))]
    assert delete_attribute(old, ID, TEMPERATURE, T2, dataset_id="@none").entity == default.entity
    every = delete_attribute(old, ID, TEMPERATURE, T2, delete_all=True)
    assert every.entity.attributes == {}
    assert every.previous == {TEMPERATURE: old.attributes[TEMPERATURE]}


def test_5_6_5_delete_of_what_is_not_there_is_refused():
    old = room(temperature=prop(2, datasetId="urn:d:1"))
    for arguments in ({}, {"dataset_id": "urn:d:2"}, {"dataset_id": "@none"}):
        with pytest.raises(ResourceNotFound):
            delete_attribute(old, ID, TEMPERATURE, T2, **arguments)
    with pytest.raises(ResourceNotFound):
        delete_attribute(old, ID, NAME, T2, delete_all=True)


def test_5_6_5_delete_scope():
    change = delete_attribute(room(scopes=["/a"]), ID, SCOPE, T2)
    assert change.entity.scopes is None
    assert not change.is_void
    with pytest.raises(ResourceNotFound):
        delete_attribute(room(), ID, SCOPE, T2)
