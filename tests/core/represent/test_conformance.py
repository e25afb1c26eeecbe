"""Entities for receivers that know an earlier version of the specification (clause 4.3.6.8)."""

from typing import Any

import pytest

from broker.core.jsonld.context import ActiveContext
from broker.core.model.entity import Entity
from broker.core.represent import Representation, Version, conforming, represent

V = "https://example.org/vocabulary/"
CONTEXT = ActiveContext({name: V + name for name in ("T", "U", "a", "b", "red")}, {}, "https://c.example", None)


def _shown(version: Version, *instances: dict[str, Any]) -> Any:
    entity = Entity("urn:x:1", [V + "T", V + "U"], {V + "a": list(instances)}, ["/s"], expires_at=5_000_000)
    return represent(conforming(entity, version, CONTEXT), CONTEXT, Representation(sys_attrs=True))


def test_4_3_6_8_what_the_version_knows_stays() -> None:
    instance = {"type": "LanguageProperty", "languageMap": {"fr": "x"}, "expiresAt": 9_000_000}
    shown = _shown((1, 9), instance)
    assert shown["a"]["type"] == "LanguageProperty"
    assert shown["expiresAt"] == "1970-01-01T00:00:05Z"
    assert "expiresAt" not in _shown((1, 8), instance)
    assert "expiresAt" not in _shown((1, 8), instance)["a"]


@pytest.mark.parametrize(
    ("instance", "told"),
    [
        ({"type": "JsonProperty", "json": {"k": None}}, {"type": "Property", "value": {"k": None}}),
        ({"type": "VocabProperty", "vocab": V + "red"}, {"type": "Property", "value": "red"}),
        ({"type": "ListProperty", "valueList": [1, 2]}, {"type": "Property", "value": [1, 2]}),
        ({"type": "ListRelationship", "objectList": ["urn:y"]}, {"type": "Relationship", "object": ["urn:y"]}),
        (
            {"type": "Relationship", "object": "urn:y", "objectType": [V + "T"]},
            {"type": "Relationship", "object": "urn:y"},
        ),
    ],
)
def test_4_3_6_8_kinds_that_came_later_are_told_as_properties_and_relationships(
    instance: dict[str, Any], told: dict[str, Any]
) -> None:
    before = repr(instance)
    assert _shown((1, 8), instance)["a"]["type"] == instance["type"]
    assert _shown((1, 7), instance)["a"] == told
    assert repr(instance) == before


def test_4_3_6_8_a_language_map_is_a_value_before_1_4() -> None:
    instance = {"type": "LanguageProperty", "languageMap": {"fr": "x"}, "previousLanguageMap": {"fr": "y"}}
    assert _shown((1, 3), instance)["a"] == {"type": "Property", "value": {"fr": "x"}, "previousValue": {"fr": "y"}}
    assert "scope" not in _shown((1, 3), instance)
    assert "scope" in _shown((1, 4), instance)


def test_4_3_6_8_at_first_there_was_one_type_and_one_instance() -> None:
    named = {"type": "Property", "value": 1, "datasetId": "urn:d"}
    default = {"type": "Property", "value": 2, "unitCode": "C62", "observedAt": 1}
    shown = _shown((1, 0), named, default)
    assert shown["type"] == "T"
    assert shown["a"] == {"type": "Property", "value": 2}
    assert len(_shown((1, 3), named, default)["a"]) == 2


def test_4_3_6_8_sub_attributes_conform_as_well() -> None:
    inner = {V + "b": [{"type": "JsonProperty", "json": 1}]}
    assert _shown((1, 7), {"type": "Property", "value": 1, "attributes": inner})["a"]["b"]["type"] == "Property"


def test_4_3_6_8_a_deleted_attribute_of_a_later_kind_is_a_deleted_property() -> None:
    gone = {"type": "LanguageProperty", "languageMap": {"@none": "urn:ngsi-ld:null"}, "deletedAt": 7}
    assert _shown((1, 3), gone)["a"]["value"] == "urn:ngsi-ld:null"
