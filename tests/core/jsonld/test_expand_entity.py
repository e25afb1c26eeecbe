"""Creation bodies (clauses 4.5, 5.5.4): what becomes of them and what is refused."""

from copy import deepcopy
from typing import Any

import pytest

from broker.core.jsonld.context import DEFAULT_VOCABULARY, ActiveContext
from broker.core.jsonld.expand import expand_entity
from broker.core.jsonld.limits import MAX_ATTRIBUTE_DEPTH, MAX_ATTRIBUTES, MAX_VALUE_DEPTH
from broker.core.model.entity import NGSILD_NULL, Entity
from broker.core.model.errors import BadRequestData, InvalidRequest

V = DEFAULT_VOCABULARY
POINT = {"type": "Point", "coordinates": [5.95, 49.47]}


def _entity(core: ActiveContext, **attributes: Any) -> Entity:
    return expand_entity({"id": "urn:ngsi-ld:T:1", "type": "T", **attributes}, core)


def _instance(core: ActiveContext, attribute: Any) -> dict[str, Any]:
    (instance,) = _entity(core, a=attribute).attributes[V + "a"]
    return instance


@pytest.mark.parametrize(
    ("given", "expanded"),
    [
        ({"type": "Property", "value": 1}, {"type": "Property", "value": 1}),
        ({"value": 1}, {"type": "Property", "value": 1}),
        (1, {"type": "Property", "value": 1}),
        (False, {"type": "Property", "value": False}),
        ([1, {"b": 2}], {"type": "Property", "value": [1, {"b": 2}]}),
        ({"street": "x"}, {"type": "Property", "value": {"street": "x"}}),
        ({"@type": "Property", "value": "x"}, {"type": "Property", "value": "x"}),
        (
            {"value": 1, "unitCode": "CEL", "observedAt": "1970-01-01T00:00:01Z", "datasetId": "urn:d:1"},
            {"type": "Property", "value": 1, "unitCode": "CEL", "observedAt": 1_000_000, "datasetId": "urn:d:1"},
        ),
        ({"value": 1, "expiresAt": "1970-01-01T00:00:01,5Z"}, {"type": "Property", "value": 1, "expiresAt": 1_500_000}),
        ({"value": 1, "datasetId": "@none"}, {"type": "Property", "value": 1}),
        (
            {"value": 1, "valueType": "DateTime"},
            {"type": "Property", "value": 1, "valueType": "https://uri.etsi.org/ngsi-ld/DateTime"},
        ),
        (POINT, {"type": "GeoProperty", "geometry": POINT}),
        ({"value": POINT}, {"type": "GeoProperty", "geometry": POINT}),
        ({"type": "Property", "value": POINT}, {"type": "Property", "value": POINT}),
        (
            {"type": "GeoProperty", "value": '{"type": "Point", "coordinates": [5.95, 49.47]}'},
            {"type": "GeoProperty", "geometry": POINT},
        ),
        ({"object": "urn:x:1"}, {"type": "Relationship", "object": "urn:x:1"}),
        (
            {"type": "Relationship", "object": ["urn:x:1", "urn:x:2"], "objectType": "Room"},
            {"type": "Relationship", "object": ["urn:x:1", "urn:x:2"], "objectType": [V + "Room"]},
        ),
        (
            {"languageMap": {"fr": "oui", "@none": ["a"]}},
            {"type": "LanguageProperty", "languageMap": {"fr": "oui", "@none": ["a"]}},
        ),
        ({"vocab": ["x", "urn:y:1"]}, {"type": "VocabProperty", "vocab": [V + "x", "urn:y:1"]}),
        ({"json": {"id": None}}, {"type": "JsonProperty", "json": {"id": None}}),
        ({"valueList": [1, [2]]}, {"type": "ListProperty", "valueList": [1, [2]]}),
        (
            {"objectList": [{"object": "urn:x:1"}, "urn:x:2", ["urn:x:3"]]},
            {"type": "ListRelationship", "objectList": ["urn:x:1", "urn:x:2", ["urn:x:3"]]},
        ),
        (
            {"value": 1, "b": {"type": "Relationship", "object": "urn:x:1", "c": 2}},
            {
                "type": "Property",
                "value": 1,
                "attributes": {
                    V + "b": [
                        {
                            "type": "Relationship",
                            "object": "urn:x:1",
                            "attributes": {V + "c": [{"type": "Property", "value": 2}]},
                        }
                    ]
                },
            },
        ),
        ({"value": 1, "createdAt": "nonsense", "modifiedAt": 5, "previousValue": 3}, {"type": "Property", "value": 1}),
        ({"value": 2**70, "b": {"value": {"c": [2**64]}}}, None),
    ],
)
def test_4_5_attribute_kinds_normalized_and_concise(core: ActiveContext, given: Any, expanded: Any) -> None:
    instance = _instance(core, given)
    if expanded is None:
        assert instance["value"] == 2.0**70
        assert isinstance(instance["value"], float)
        assert isinstance(instance["attributes"][V + "b"][0]["value"]["c"][0], float)
    else:
        assert instance == expanded


@pytest.mark.parametrize(
    "given",
    [
        None,
        NGSILD_NULL,
        {"value": None},
        {"value": NGSILD_NULL},
        {"value": {"b": [{"c": NGSILD_NULL}]}},
        {"value": 1, "b": NGSILD_NULL},
        {"value": 1, "b": {"object": NGSILD_NULL}},
        {"object": NGSILD_NULL},
        {"languageMap": {"@none": NGSILD_NULL}},
        {"vocab": NGSILD_NULL},
        {"json": NGSILD_NULL},
        {"valueList": [NGSILD_NULL]},
        {"objectList": [NGSILD_NULL]},
        {"type": "Property"},
        {"type": "Temperature", "value": 5},
        {"type": ["Property"], "value": 5},
        {"type": "Property", "object": "urn:x:1"},
        {"type": "Property", "value": 1, "object": "urn:x:1"},
        {"type": "Relationship", "value": "urn:x:1"},
        {"type": "Relationship", "object": "not a uri"},
        {"type": "Relationship", "object": []},
        {"type": "Relationship", "object": "urn:x:1", "unitCode": "CEL"},
        {"type": "GeoProperty", "value": "49.47,5.95"},
        {"type": "GeoProperty", "value": {"type": "GeometryCollection", "geometries": []}},
        {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [49.47, 105.95]}},
        {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [float("nan"), 0]}},
        {"type": "GeoProperty", "value": {"type": "Point", "coordinates": ["5", "49"]}},
        {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [5, 49, 10**30]}},
        {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [5, 49], "note": {"a\0b": 1}}},
        {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [5, 49], "crs": {}}},
        {"type": "GeoProperty", "value": {"type": "LineString", "coordinates": [[0, 0]]}},
        {"type": "GeoProperty", "value": {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1]]]}},
        {"languageMap": {}},
        {"languageMap": {"not a tag": "x"}},
        {"languageMap": {"fr": 5}},
        {"vocab": 5},
        {"valueList": 5},
        {"objectList": [{"object": "urn:x:1", "b": 1}]},
        {"value": 1, "observedAt": "yesterday"},
        {"value": 1, "observedAt": NGSILD_NULL},
        {"value": 1, "datasetId": "not a uri"},
        {"value": 1, "unitCode": 5},
        {"value": 1, "@context": {}},
        {"value": {"a\0b": 1}},
        {"observedAt": "2026-01-01T00:00:00Z"},
        [{"value": 1}, {"value": 2}],
        [{"value": 1, "datasetId": "urn:d:1"}, {"value": 2, "datasetId": "urn:d:1"}],
        {"value": 1, "a b": 2},
    ],
)
def test_5_5_4_attributes_that_are_refused(core: ActiveContext, given: Any) -> None:
    with pytest.raises(BadRequestData, match=r"^a: "):
        _entity(core, a=given)


def test_4_5_5_several_instances_keep_their_datasets(core: ActiveContext) -> None:
    entity = _entity(core, a=[{"value": 1}, {"type": "Property", "value": 2, "datasetId": "urn:d:1"}])
    assert [each.get("datasetId") for each in entity.attributes[V + "a"]] == [None, "urn:d:1"]


def test_4_5_1_members_of_the_entity(core: ActiveContext) -> None:
    document = {
        "@id": "urn:ngsi-ld:T:1",
        "@type": ["T", "U", "T"],
        "scope": ["/Moselle/Aumetz", "Lorraine"],
        "expiresAt": "1970-01-01T00:00:02Z",
        "createdAt": "ignored",
        "@context": "https://example.org/ignored-here",
    }
    entity = expand_entity(document, core)
    assert entity == Entity(
        "urn:ngsi-ld:T:1", [V + "T", V + "U"], {}, ["/Moselle/Aumetz", "Lorraine"], expires_at=2_000_000
    )


@pytest.mark.parametrize(
    "document",
    [
        {"type": "T"},
        {"id": "urn:x:1"},
        {"id": "no uri", "type": "T"},
        {"id": 5, "type": "T"},
        {"id": "urn:x:1", "type": []},
        {"id": "urn:x:1", "type": "a b"},
        {"id": "urn:x:1", "type": [5]},
        {"id": "urn:x:1", "type": NGSILD_NULL},
        {"id": "urn:x:1", "type": "T", "scope": "/a//b"},
        {"id": "urn:x:1", "type": "T", "scope": NGSILD_NULL},
        {"id": "urn:x:1", "type": "T", "expiresAt": "soon"},
        {"id": "urn:x:1", "type": "T", "datasetId": "urn:x:2"},
        {"id": "urn:x:1", "type": "T", "a<b": 1},
        {"id": "urn:x:1", "type": "T", "a": 1, V + "a": 2},
        {"id": "urn:x:1", "type": "T", **{f"a{i}": i for i in range(MAX_ATTRIBUTES + 1)}},
    ],
)
def test_5_5_4_entities_that_are_refused(core: ActiveContext, document: Any) -> None:
    with pytest.raises(BadRequestData):
        expand_entity(document, core)


@pytest.mark.parametrize("document", [None, [], "x", 5])
def test_a_body_that_is_no_object_is_an_invalid_request(core: ActiveContext, document: Any) -> None:
    with pytest.raises(InvalidRequest):
        expand_entity(document, core)


def test_nesting_is_bounded(core: ActiveContext) -> None:
    value: Any = 1
    attribute: Any = {"value": 1}
    for _ in range(MAX_VALUE_DEPTH + 1):
        value = [value]
    for _ in range(MAX_ATTRIBUTE_DEPTH):
        attribute = {"value": 1, "b": attribute}
    for given in (value, attribute):
        with pytest.raises(BadRequestData, match="deeper"):
            _entity(core, a=given)
    assert _entity(core, a=value[0], b=attribute["b"]).attributes


def test_errors_say_what_was_expected(core: ActiveContext) -> None:
    with pytest.raises(BadRequestData, match="longitude"):
        _entity(core, location={"type": "GeoProperty", "value": "49.4, 5.9"})
    with pytest.raises(BadRequestData, match="expected one of Property"):
        _entity(core, address={"type": "PostalAddress", "street": "x"})


def test_the_body_is_not_changed(core: ActiveContext) -> None:
    document = {"id": "urn:x:1", "type": "T", "a": {"value": {"n": 2**70}, "b": [1, {"c": 2}]}}
    before = deepcopy(document)
    expand_entity(document, core)
    assert document == before


def test_4_5_4_a_simplified_entity_is_typed_and_has_no_nulls(core: ActiveContext) -> None:
    document = {"id": "urn:x:1", "type": "T", "a": {"type": "b"}, "c": {"vocab": "d"}, "location": POINT}
    assert expand_entity(document, core, simplified=True).attributes == {
        V + "a": [{"type": "Property", "value": {"type": "b"}}],
        V + "c": [{"type": "VocabProperty", "vocab": V + "d"}],
        "https://uri.etsi.org/ngsi-ld/location": [{"type": "GeoProperty", "geometry": POINT}],
    }
    with pytest.raises(BadRequestData):
        expand_entity({"id": "urn:x:1", "type": "T", "a": NGSILD_NULL}, core, simplified=True)
