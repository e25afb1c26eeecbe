"""Fragments (clause 5.4): NGSI-LD Nulls stay, and what is not said stays open."""

from typing import Any

import pytest

from broker.core.jsonld.context import DEFAULT_VOCABULARY, ActiveContext
from broker.core.jsonld.expand import expand_attribute_fragment, expand_fragment
from broker.core.model.entity import NGSILD_NULL
from broker.core.model.errors import BadRequestData, InvalidRequest

V = DEFAULT_VOCABULARY


@pytest.mark.parametrize(
    ("given", "expanded"),
    [
        (NGSILD_NULL, {"value": NGSILD_NULL}),
        ({"type": "Property", "value": NGSILD_NULL}, {"type": "Property", "value": NGSILD_NULL}),
        ({"type": "GeoProperty", "value": NGSILD_NULL}, {"type": "GeoProperty", "geometry": NGSILD_NULL}),
        ({"object": NGSILD_NULL, "datasetId": "urn:d:1"}, {"object": NGSILD_NULL, "datasetId": "urn:d:1"}),
        ({"languageMap": NGSILD_NULL}, {"languageMap": {"@none": NGSILD_NULL}}),
        ({"languageMap": {"@none": NGSILD_NULL}}, {"languageMap": {"@none": NGSILD_NULL}}),
        ({"vocab": NGSILD_NULL}, {"vocab": NGSILD_NULL}),
        ({"json": NGSILD_NULL}, {"json": NGSILD_NULL}),
        ({"valueList": [NGSILD_NULL]}, {"valueList": [NGSILD_NULL]}),
        ({"objectList": NGSILD_NULL}, {"objectList": [NGSILD_NULL]}),
        ({"value": 1, "observedAt": NGSILD_NULL}, {"value": 1, "observedAt": NGSILD_NULL}),
        ({"value": 1, "unitCode": NGSILD_NULL}, {"value": 1, "unitCode": NGSILD_NULL}),
        ({"value": {"b": NGSILD_NULL}}, {"value": {"b": NGSILD_NULL}}),
        ({"value": 1, "b": NGSILD_NULL}, {"value": 1, "attributes": {V + "b": [{"value": NGSILD_NULL}]}}),
    ],
)
def test_5_5_8_nulls_stay_in_fragments(core: ActiveContext, given: Any, expanded: Any) -> None:
    assert expand_fragment({"a": given}, core).attributes == {V + "a": [expanded]}


def test_5_4_id_and_type_are_optional(core: ActiveContext) -> None:
    assert expand_fragment({"a": 1}, core).id == ""
    fragment = expand_fragment({"id": "urn:x:1", "type": "T", "scope": NGSILD_NULL}, core, entity_id="urn:x:1")
    assert (fragment.id, fragment.types, fragment.scopes) == ("urn:x:1", [V + "T"], [NGSILD_NULL])


@pytest.mark.parametrize("document", [{"id": "no uri"}, {"a": None}, {"a": {"value": 1, "datasetId": NGSILD_NULL}}])
def test_5_5_8_fragments_that_are_refused(core: ActiveContext, document: Any) -> None:
    with pytest.raises(BadRequestData):
        expand_fragment(document, core)


def test_5_5_12_only_a_merge_may_leave_the_value_out(core: ActiveContext) -> None:
    document = {"a": {"type": "Property", "observedAt": "1970-01-01T00:00:01Z"}}
    assert expand_fragment(document, core, merge=True).attributes[V + "a"] == [
        {"type": "Property", "observedAt": 1_000_000}
    ]
    with pytest.raises(BadRequestData):
        expand_fragment(document, core)


def test_4_5_4_simplified_fragment(core: ActiveContext) -> None:
    document = {
        "a": {"type": "looks like an instance", "value": 1},
        "b": {"languageMap": {"fr": "x"}},
        "c": {"dataset": {"@none": 1, "urn:d:1": NGSILD_NULL}},
        "d": {"type": "Point", "coordinates": [0, 0]},
        "e": ["urn:x:1"],
    }
    assert expand_fragment(document, core, simplified=True).attributes == {
        V + "a": [{"value": {"type": "looks like an instance", "value": 1}}],
        V + "b": [{"languageMap": {"fr": "x"}}],
        V + "c": [{"value": 1}, {"value": NGSILD_NULL, "datasetId": "urn:d:1"}],
        V + "d": [{"geometry": {"type": "Point", "coordinates": [0, 0]}}],
        V + "e": [{"value": ["urn:x:1"]}],
    }


@pytest.mark.parametrize(
    ("document", "instances"),
    [
        ({"value": 5}, [{"value": 5}]),
        ({"unitCode": "CEL"}, [{"unitCode": "CEL"}]),
        ({"type": "Property", "observedAt": "1970-01-01T00:00:01Z"}, [{"type": "Property", "observedAt": 1_000_000}]),
        ({"a": {"value": 5}, "@context": "https://example.org/"}, [{"value": 5}]),
        ([{"value": 5}, {"value": 6, "datasetId": "urn:d:1"}], [{"value": 5}, {"value": 6, "datasetId": "urn:d:1"}]),
    ],
)
def test_5_6_4_partial_attribute_fragments(core: ActiveContext, document: Any, instances: Any) -> None:
    assert expand_attribute_fragment(document, V + "a", core) == instances


def test_5_6_19_a_replacing_attribute_is_whole(core: ActiveContext) -> None:
    assert expand_attribute_fragment({"value": 5}, V + "a", core, partial=False) == [{"type": "Property", "value": 5}]
    for document in ({"unitCode": "CEL"}, {"value": NGSILD_NULL}):
        with pytest.raises(BadRequestData):
            expand_attribute_fragment(document, V + "a", core, partial=False)


def test_an_attribute_fragment_that_is_no_object_is_an_invalid_request(core: ActiveContext) -> None:
    with pytest.raises(InvalidRequest):
        expand_attribute_fragment("x", V + "a", core)
    with pytest.raises(BadRequestData):
        expand_attribute_fragment({}, V + "a", core)
