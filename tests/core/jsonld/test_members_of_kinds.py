"""What each kind of attribute never has (clauses 4.5.2 to 4.5.24), and what a DateTime is (clause 4.6.3)."""

from typing import Any

import pytest

from broker.core.jsonld.context import DEFAULT_VOCABULARY, ActiveContext
from broker.core.jsonld.expand import expand_attribute_fragment, expand_entity
from broker.core.model.errors import BadRequestData
from broker.core.model.instant import parse_date_time

KINDS: dict[str, dict[str, Any]] = {
    "Property": {"value": 1},
    "GeoProperty": {"value": {"type": "Point", "coordinates": [1, 2]}},
    "LanguageProperty": {"languageMap": {"fr": "oui"}},
    "VocabProperty": {"vocab": "x"},
    "JsonProperty": {"json": {}},
    "ListProperty": {"valueList": [1]},
    "Relationship": {"object": "urn:x:1"},
    "ListRelationship": {"objectList": ["urn:x:1"]},
}
PREVIOUS = {kind: "previous" + (name := next(iter(given)))[0].upper() + name[1:] for kind, given in KINDS.items()}
JOINED = {"entity": "Relationship", "entityList": "ListRelationship"}


def _expand(core: ActiveContext, instance: dict[str, Any]) -> dict[str, Any]:
    entity = expand_entity({"id": "urn:ngsi-ld:T:1", "type": "T", "a": instance}, core)
    (expanded,) = entity.attributes[DEFAULT_VOCABULARY + "a"]
    return expanded


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("concise", [False, True])
def test_4_5_values_before_of_another_kind_are_refused_and_those_of_its_own_ignored(core, kind, concise):
    instance = KINDS[kind] if concise else {"type": kind, **KINDS[kind]}
    assert _expand(core, {**instance, PREVIOUS[kind]: 0}) == _expand(core, instance)
    for member in set(PREVIOUS.values()) - {PREVIOUS[kind]}:
        with pytest.raises(BadRequestData, match=member):
            _expand(core, {**instance, member: 0})


@pytest.mark.parametrize("kind", KINDS)
def test_4_5_23_linked_entities_are_refused_where_no_answer_has_them_and_else_ignored(core, kind):
    instance = {"type": kind, **KINDS[kind]}
    for member, owner in JOINED.items():
        if owner == kind:
            assert _expand(core, {**instance, member: {"id": "urn:x:1"}}) == _expand(core, instance)
        else:
            with pytest.raises(BadRequestData, match=member):
                _expand(core, {**instance, member: {"id": "urn:x:1"}})


def test_5_6_4_a_fragment_without_type_and_value_may_name_members_of_any_kind(core):
    given = {"objectType": "Building", "unitCode": "CEL", "entity": {}, "previousValue": 1}
    [instance] = expand_attribute_fragment(given, DEFAULT_VOCABULARY + "a", core)
    assert instance == {"objectType": [DEFAULT_VOCABULARY + "Building"], "unitCode": "CEL"}


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31T12:00Z",
        "2026-01-31T12:00:00",
        "2026-01-31T12:00:00+01:00",
        "2026-01-31T12:00:00.1234567Z",
        "2026-01-31",
        "20260131T120000Z",
        "2026-02-30T12:00:00Z",
    ],
)
def test_4_6_3_a_date_time_is_complete_and_in_utc(core, text):
    for member in ("observedAt", "expiresAt"):
        with pytest.raises(BadRequestData, match=member):
            _expand(core, {"value": 1, member: text})


def test_4_6_3_a_date_time_may_have_a_comma_and_six_decimals():
    assert parse_date_time("1970-01-01T00:00:01,5Z") == parse_date_time("1970-01-01T00:00:01.500000Z") == 1_500_000
