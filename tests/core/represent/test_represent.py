"""How entities are given out (clauses 4.5, 4.15, 4.21, 6.3.11)."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.jsonld.context import DEFAULT_VOCABULARY, ActiveContext
from broker.core.jsonld.expand import expand_entity
from broker.core.jsonld.processing import build_context
from broker.core.model.entity import NGSILD_NULL, Entity
from broker.core.model.errors import BadRequestData
from broker.core.represent import (
    CONCISE,
    SIMPLIFIED,
    Representation,
    deleted_instance,
    feature,
    feature_collection,
    parse_languages,
    represent,
    with_previous,
)
from schemas import DEFAULT_CORE_CONTEXT, read_context

V = DEFAULT_VOCABULARY
CONTEXT: ActiveContext = build_context(
    [{"Room": "https://example.org/Room"}],
    read_context(DEFAULT_CORE_CONTEXT)["@context"],  # type: ignore[index]
    read_context,
    reference="https://example.org/context.jsonld",
    link=None,
)
POINT = {"type": "Point", "coordinates": [5.95, 49.47]}
NORMALIZED_DOCUMENT: dict[str, Any] = {
    "id": "urn:ngsi-ld:Room:1",
    "type": "Room",
    "scope": ["/a", "/b"],
    "temperature": [
        {"type": "Property", "value": 21.5, "unitCode": "CEL", "observedAt": "2026-11-23T20:22:00Z"},
        {"type": "Property", "value": 22, "datasetId": "urn:d:1"},
    ],
    "name": {"type": "LanguageProperty", "languageMap": {"fr": "salle", "en": "room"}},
    "kind": {"type": "VocabProperty", "vocab": ["Room", "big"]},
    "raw": {"type": "JsonProperty", "json": {"id": 1}},
    "isIn": {
        "type": "Relationship",
        "object": "urn:ngsi-ld:B:1",
        "objectType": "Room",
        "since": {"type": "Property", "value": 3},
    },
    "list": {"type": "ListProperty", "valueList": [1, 2]},
    "route": {"type": "ListRelationship", "objectList": [{"object": "urn:x:1"}, {"object": "urn:x:2"}]},
    "location": {"type": "GeoProperty", "value": POINT},
    "tricky": {"type": "Property", "value": {"type": "x", "value": 5}},
    "shape": {"type": "Property", "value": POINT},
    "when": {"type": "Property", "value": "2026-01-01", "valueType": "Date"},
}


def _room() -> Entity:
    return expand_entity(NORMALIZED_DOCUMENT, CONTEXT)


def _shown(entity: Entity | None = None, **members: Any) -> dict[str, Any]:
    return represent(entity or _room(), CONTEXT, Representation(**members))


def test_4_5_1_normalized_is_what_was_given() -> None:
    assert _shown() == NORMALIZED_DOCUMENT


def test_4_5_2_3_concise_is_lossless() -> None:
    shown = _shown(form=CONCISE)
    assert shown["location"] == POINT
    assert shown["temperature"][1] == {"value": 22, "datasetId": "urn:d:1"}
    assert shown["name"] == {"languageMap": {"fr": "salle", "en": "room"}}
    assert shown["isIn"] == {"object": "urn:ngsi-ld:B:1", "objectType": "Room", "since": 3}
    assert shown["route"] == {"objectList": ["urn:x:1", "urn:x:2"]}
    assert expand_entity(shown, CONTEXT) == _room()


_VALUES = st.recursive(
    st.one_of(st.integers(-5, 5), st.booleans(), st.text(max_size=3)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["type", "value", "object", "a", "observedAt", "coordinates"]), inner, max_size=3
        ),
    ),
    max_leaves=5,
)


@given(_VALUES)
def test_4_5_2_3_concise_reads_back_whatever_the_value(value: Any) -> None:
    entity = Entity("urn:x:1", [V + "T"], {V + "a": [{"type": "Property", "value": value}]})
    assert expand_entity(_shown(entity, form=CONCISE), CONTEXT) == entity
    assert expand_entity(_shown(entity), CONTEXT) == entity


def test_4_5_4_simplified() -> None:
    assert _shown(form=SIMPLIFIED) == {
        "id": "urn:ngsi-ld:Room:1",
        "type": "Room",
        "scope": ["/a", "/b"],
        "temperature": {"dataset": {"@none": 21.5, "urn:d:1": 22}},
        "name": {"languageMap": {"fr": "salle", "en": "room"}},
        "kind": {"vocab": ["Room", "big"]},
        "raw": {"json": {"id": 1}},
        "isIn": "urn:ngsi-ld:B:1",
        "list": [1, 2],
        "route": ["urn:x:1", "urn:x:2"],
        "location": POINT,
        "tricky": {"type": "x", "value": 5},
        "shape": POINT,
        "when": "2026-01-01",
    }


def test_6_3_11_system_attributes_only_when_asked_for() -> None:
    instance = {"type": "Property", "value": 1, "createdAt": 1_000_000, "modifiedAt": 2_000_000, "expiresAt": 9_000_000}
    entity = Entity("urn:x:1", [V + "T"], {V + "a": [instance]}, None, 1_000_000, 2_500_000, 9_000_000)
    assert _shown(entity) == {"id": "urn:x:1", "type": "T", "a": {"type": "Property", "value": 1}}
    times = {"createdAt": "1970-01-01T00:00:01Z", "expiresAt": "1970-01-01T00:00:09Z"}
    assert _shown(entity, sys_attrs=True) == {
        "id": "urn:x:1",
        "type": "T",
        "a": {"type": "Property", "value": 1, "modifiedAt": "1970-01-01T00:00:02Z", **times},
        "modifiedAt": "1970-01-01T00:00:02.500Z",
        **times,
    }


def test_4_5_5_only_instances_of_the_datasets_asked_for() -> None:
    shown = _shown(dataset_ids=frozenset({"urn:d:1"}))
    assert shown["temperature"] == {"type": "Property", "value": 22, "datasetId": "urn:d:1"}
    assert "name" not in shown
    assert _shown(dataset_ids=frozenset({"@none"}))["temperature"]["value"] == 21.5


def test_4_21_pick_and_omit() -> None:
    assert set(_shown(pick=frozenset({"id", V + "name"}))) == {"id", "name"}
    assert set(NORMALIZED_DOCUMENT) - set(_shown(omit=frozenset({"type", "scope", V + "raw"}))) == {
        "type",
        "scope",
        "raw",
    }


def test_names_and_types_without_a_term_stay_iris() -> None:
    entity = Entity(
        "urn:x:1",
        ["https://example.org/Room", "https://other.org/T"],
        {"https://other.org/a": [{"type": "Property", "value": 1}]},
    )
    shown = _shown(entity)
    assert shown["type"] == ["Room", "https://other.org/T"]
    assert "https://other.org/a" in shown


@pytest.mark.parametrize(
    ("lang", "text", "tag"),
    [
        ("fr", "salle", "fr"),
        ("fr-CH,en;q=0.5", "room", "en"),
        ("de,*", "salle", "fr"),
        ("de", "salle", "fr"),
        ("en;q=0.2,fr;q=0.9", "salle", "fr"),
        ("EN", "room", "en"),
    ],
)
def test_4_15_language_filter(lang: str, text: str, tag: str) -> None:
    languages = parse_languages(lang)
    assert _shown(languages=languages)["name"] == {"type": "Property", "value": text, "lang": tag}
    assert _shown(languages=languages, form=SIMPLIFIED)["name"] == text
    assert _shown(languages=languages, form=CONCISE)["name"] == {"value": text, "lang": tag}


@pytest.mark.parametrize("lang", ["", "f r", "fr;q=2x", "fr,,en", ",".join(["fr"] * 51)])
def test_4_15_a_language_filter_that_is_none(lang: str) -> None:
    with pytest.raises(BadRequestData):
        parse_languages(lang)


def test_5_8_6_deleted_attributes() -> None:
    room = _room()
    gone = {
        name: [deleted_instance(one, 5_000_000) for one in room.attributes[V + name]]
        for name in ("name", "temperature", "list")
    }
    entity = Entity("urn:x:1", [V + "T"], {V + name: instances for name, instances in gone.items()})
    assert _shown(entity)["name"] == {"type": "LanguageProperty", "languageMap": {"@none": NGSILD_NULL}}
    assert _shown(entity, form=CONCISE) == {
        "id": "urn:x:1",
        "type": "T",
        "name": NGSILD_NULL,
        "temperature": [NGSILD_NULL, {"value": NGSILD_NULL, "datasetId": "urn:d:1"}],
        "list": NGSILD_NULL,
    }
    shown = _shown(entity, sys_attrs=True)
    assert shown["name"] == {
        "type": "LanguageProperty",
        "languageMap": {"@none": NGSILD_NULL},
        "deletedAt": "1970-01-01T00:00:05Z",
    }
    assert _shown(entity, form=SIMPLIFIED)["name"] == NGSILD_NULL


def test_5_8_6_deleted_entity_tells_when() -> None:
    assert _shown(Entity("urn:x:1", [V + "T"], {}, deleted_at=5_000_000)) == {
        "id": "urn:x:1",
        "type": "T",
        "deletedAt": "1970-01-01T00:00:05Z",
    }


def test_5_2_14_previous_values_are_shown_per_dataset() -> None:
    room = _room()
    now = [{"type": "Property", "value": 1}, {"type": "Property", "value": 2, "datasetId": "urn:d:9"}]
    attributes = {
        V + "temperature": with_previous(now, room.attributes[V + "temperature"]),
        V + "kind": with_previous([{"type": "VocabProperty", "vocab": V + "x"}], room.attributes[V + "kind"]),
        V + "route": with_previous(
            [deleted_instance(room.attributes[V + "route"][0], 5_000_000)], room.attributes[V + "route"]
        ),
    }
    shown = _shown(Entity("urn:x:1", [V + "T"], attributes))
    assert shown["temperature"] == [{**now[0], "previousValue": 21.5}, now[1]]
    assert shown["kind"]["previousVocab"] == ["Room", "big"]
    assert shown["route"]["previousObjectList"] == [{"object": "urn:x:1"}, {"object": "urn:x:2"}]
    assert shown["route"]["objectList"] == [{"object": NGSILD_NULL}]


def test_4_5_16_geojson() -> None:
    shown = feature(_room(), CONTEXT, Representation(form=SIMPLIFIED, pick=frozenset({"id", "type", V + "list"})))
    assert shown == {
        "id": "urn:ngsi-ld:Room:1",
        "type": "Feature",
        "geometry": POINT,
        "properties": {"type": "Room", "list": [1, 2]},
    }
    collection = feature_collection([_room()], CONTEXT, Representation(geometry_property=V + "nowhere"))
    assert collection["type"] == "FeatureCollection"
    assert collection["features"][0]["geometry"] is None
    assert collection["features"][0]["properties"]["location"] == {"type": "GeoProperty", "value": POINT}


@pytest.mark.parametrize("form", ["normalized", CONCISE, SIMPLIFIED])
def test_rendering_changes_nothing(form: str) -> None:
    entity = _room()
    before = deepcopy(entity)
    represent(entity, CONTEXT, Representation(form=form, sys_attrs=True, languages=("fr",)))
    assert entity == before
