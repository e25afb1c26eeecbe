"""Clauses 5.10.2.4 and 5.12."""

import pytest

from broker.core.federate.conflicts import conflicting
from broker.core.federate.match import Wanted, matching, wanted_by
from broker.core.federate.notification import Reason, reason_of, source_filter
from broker.core.ql.ast import EntityQuery, EntitySelector
from broker.core.ql.geo import parse_geo
from broker.core.ql.q import parse_q
from broker.core.ql.scope import parse_scope
from broker.core.ql.temporal import parse_temporal
from broker.core.ql.types import parse_types
from tests.federation.building import CONTEXT, iri, registration


def selecting(kind=None, ids=(), pattern=None, **others) -> Wanted:
    types = None if kind is None else parse_types(kind, CONTEXT.expand_type)
    return wanted_by(EntityQuery(selectors=(EntitySelector(tuple(ids), pattern, types),)), **others)


BY_ID = {"entities": [{"type": "Container", "id": "urn:a:1"}]}
BY_PATTERN = {"entities": [{"type": "Container", "idPattern": "^urn:a:"}]}


@pytest.mark.parametrize(
    ("information", "wanted", "matches"),
    [
        ({"entities": [{"type": "Container"}]}, selecting("Container"), True),
        ({"entities": [{"type": "Container"}]}, selecting("Lamp"), False),
        ({"entities": [{"type": "Container"}]}, selecting("Lamp|Container"), True),
        ({"entities": [{"type": "Container"}]}, selecting("Lamp;Container"), False),
        ({"entities": [{"type": ["Lamp", "Container"]}]}, selecting("Lamp;Container"), True),
        ({"propertyNames": ["level"]}, selecting("Lamp"), True),
        (BY_ID, selecting("Container", ["urn:a:1"]), True),
        (BY_ID, selecting("Container", ["urn:a:2"]), False),
        (BY_ID, selecting("Container", pattern="1$"), True),
        (BY_ID, selecting("Container", pattern="2$"), False),
        (BY_PATTERN, selecting("Container", ["urn:a:7"]), True),
        (BY_PATTERN, selecting("Container", ["urn:b:7"]), False),
        (BY_PATTERN, selecting("Container", pattern="anything"), True),
        ({"propertyNames": ["level"]}, Wanted(attributes=frozenset((iri("level"), iri("label")))), True),
        ({"relationshipNames": ["near"]}, Wanted(attributes=frozenset((iri("level"),))), False),
        ({"entities": [{"type": "Container"}]}, Wanted(attributes=frozenset((iri("level"),))), True),
    ],
)
def test_5_12_information_matches_by_types_ids_and_attributes(information, wanted, matches):
    assert bool(matching(registration(information=[information]), wanted)) is matches


def test_5_10_2_4_only_matching_elements_are_told():
    found = registration(
        information=[
            {"entities": [{"type": "Lamp"}]},
            {"entities": [{"type": "Container"}]},
            {"propertyNames": ["level"]},
        ]
    )
    assert [each.place for each in matching(found, selecting("Container"))] == [1, 2]


def test_5_10_2_4_attributes_of_q_count_as_named():
    q = EntityQuery(q=parse_q("level>3", CONTEXT.expand_term))
    assert matching(registration(information=[{"propertyNames": ["level"]}]), wanted_by(q))
    assert not matching(registration(information=[{"propertyNames": ["label"]}]), wanted_by(q))


@pytest.mark.parametrize(
    ("timerel", "at", "end", "matches"),
    [
        ("before", "2026-01-01T00:00:00Z", None, False),
        ("before", "2026-03-01T00:00:00Z", None, True),
        ("after", "2026-03-01T00:00:00Z", None, True),
        ("after", "2026-06-01T00:00:00Z", None, False),
        ("between", "2026-01-01T00:00:00Z", "2026-03-01T00:00:00Z", True),
        ("between", "2026-06-01T00:00:00Z", "2026-07-01T00:00:00Z", False),
    ],
)
def test_5_10_2_4_a_temporal_query_has_to_overlap_the_interval(timerel, at, end, matches):
    interval = {"startAt": "2026-02-01T00:00:00Z", "endAt": "2026-05-01T00:00:00Z"}
    wanted = selecting("Container", temporal=parse_temporal(timerel, at, end))
    assert bool(matching(registration(observationInterval=interval), wanted)) is matches
    assert not matching(registration(managementInterval=interval), wanted)
    assert not matching(registration(), wanted)
    assert not matching(registration(observationInterval=interval), selecting("Container"))


def test_5_10_2_4_a_registered_location_has_to_come_near_the_geoquery():
    aumetz = registration(location={"type": "Point", "coordinates": [5.94, 49.42]})
    near = parse_geo("near;maxDistance==2000", "Point", [5.95, 49.42])
    far = parse_geo("near;maxDistance==2000", "Point", [6.5, 49.42])
    types = parse_types("Container", CONTEXT.expand_type)
    for geo, matches in ((near, True), (far, False)):
        query = EntityQuery(selectors=(EntitySelector((), None, types),), geo=geo)
        assert bool(matching(aumetz, wanted_by(query))) is matches
        assert matching(registration(), wanted_by(query))


def test_4_9_a_context_source_filter_asks_about_the_source_itself():
    wanted = selecting("Container", source_filter=source_filter('kind=="public"', CONTEXT))
    assert matching(registration(kind="public"), wanted)
    assert not matching(registration(kind="private"), wanted)
    assert not matching(registration(), wanted)


def test_4_19_a_scope_query_is_matched_against_registered_scopes():
    wanted = wanted_by(EntityQuery(selectors=selecting("Container").selectors, scope=parse_scope("/Moselle/#")))
    assert matching(registration(scope=["/Moselle/Aumetz"]), wanted)
    assert not matching(registration(scope="/Vosges"), wanted)


def test_4_3_6_3_exclusive_registrations_exclude_what_overlaps():
    def proxied(mode, names, entity_id="urn:a:1"):
        info = {"entities": [{"type": "Container", "id": entity_id}], "propertyNames": names}
        return registration(mode=mode, information=[info])

    exclusive = proxied("exclusive", ["level"])
    assert conflicting(exclusive, proxied("exclusive", ["level", "label"]))
    assert conflicting(proxied("redirect", ["level"]), exclusive)
    assert conflicting(exclusive, registration(mode="redirect"))
    assert not conflicting(exclusive, proxied("exclusive", ["label"]))
    assert not conflicting(exclusive, proxied("exclusive", ["level"], "urn:a:2"))
    assert not conflicting(exclusive, registration())
    assert not conflicting(registration(mode="redirect"), registration(mode="redirect"))


def test_5_3_3_reasons():
    assert reason_of(False, True) is Reason.NEWLY_MATCHING
    assert reason_of(True, True) is Reason.UPDATED
    assert reason_of(True, False) is Reason.NO_LONGER_MATCHING
    assert reason_of(False, False) is None
