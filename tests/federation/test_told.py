"""What sources tell, read as changes (clauses 5.3.1, 5.8.6)."""

import pytest

from broker.core.federate.told import restricted, told_change
from broker.core.model.change import Trigger
from broker.core.model.errors import NgsiLdError
from tests.federation.building import CONTEXT, iri

NULL = "urn:ngsi-ld:null"
ENTITY = {"id": "urn:ngsi-ld:Container:1", "type": "Container"}
NOW = 1_700_000_000_000_000


def told(**members):
    return told_change({**ENTITY, **members}, CONTEXT, NOW, "urn:r:1")


def test_a_current_attribute_keeps_its_times_and_tells_what_was_before():
    change = told(
        level={
            "type": "Property",
            "value": 2,
            "previousValue": 1,
            "observedAt": "2026-01-01T00:00:00Z",
            "modifiedAt": "2026-01-01T00:00:01Z",
        }
    )
    assert change.trigger is Trigger.ENTITY_UPDATED
    assert change.source == "urn:r:1"
    (instance,) = change.entity.attributes[iri("level")]
    assert instance["value"] == 2
    assert instance["modifiedAt"] - instance["observedAt"] == 1_000_000
    assert "previousValue" not in str(instance)
    assert change.previous[iri("level")][0]["value"] == 1


@pytest.mark.parametrize(
    "gone",
    [
        NULL,
        {"type": "Property", "value": NULL},
        {"type": "Relationship", "object": NULL, "deletedAt": "2026-01-01T00:00:00Z"},
        {"type": "LanguageProperty", "languageMap": {"@none": NULL}},
        {"type": "ListProperty", "valueList": [NULL]},
    ],
)
def test_a_deleted_attribute_is_one_that_was_there_before(gone):
    change = told(level=gone, power={"type": "Property", "value": 1})
    assert change.attributes[iri("level")] is Trigger.ATTRIBUTE_DELETED
    assert iri("level") not in change.entity.attributes
    assert len(change.previous[iri("level")]) == 1
    assert iri("power") in change.entity.attributes


def test_of_several_instances_one_is_deleted():
    one = {"type": "Property", "value": 1, "datasetId": "urn:d:1"}
    gone = {"type": "Property", "value": NULL, "previousValue": 7, "datasetId": "urn:d:2"}
    change = told(level=[one, gone])
    assert [each["datasetId"] for each in change.entity.attributes[iri("level")]] == ["urn:d:1"]
    (was,) = change.previous[iri("level")]
    assert (was["datasetId"], was["value"]) == ("urn:d:2", 7)


def test_a_deleted_entity_has_the_attributes_it_had():
    change = told(deletedAt="2026-01-01T00:00:00Z", level={"type": "Property", "value": NULL, "previousValue": 7})
    assert change.trigger is Trigger.ENTITY_DELETED
    assert change.entity.deleted_at is not None
    assert change.entity.attributes[iri("level")][0]["value"] == 7


def test_previous_objects_geometries_and_words_are_read_as_current_ones_are():
    point = {"type": "Point", "coordinates": [1.0, 2.0]}
    change = told(
        location={"type": "GeoProperty", "value": point, "previousValue": point},
        owner={"type": "Relationship", "object": "urn:a:2", "previousObject": "urn:a:1"},
    )
    previous = {name.rpartition("/")[2]: instances for name, instances in change.previous.items()}
    assert previous["location"][0]["geometry"] == point
    assert previous["owner"][0]["object"] == "urn:a:1"


def test_only_what_is_registered_is_left():
    change = restricted(told(level=NULL, power={"type": "Property", "value": 1}), frozenset((iri("power"),)))
    assert change.attributes.keys() == change.entity.attributes.keys() == {iri("power")}
    assert change.previous == {}
    assert change.source == "urn:r:1"


@pytest.mark.parametrize("wrong", [{"id": "x y"}, {"type": 7}, {"level": {"type": "Relationship", "value": 1}}])
def test_what_is_no_entity_is_refused(wrong):
    with pytest.raises(NgsiLdError):
        told(**wrong)
