"""Laws of planning, whatever is registered and asked (clauses 4.3.6.1 to 4.3.6.4, 5.6, 5.7, 5.8.1.4, 5.12)."""

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from broker.core.federate.match import Wanted, matching, wanted_by
from broker.core.federate.passing import concerned as concerned_by
from broker.core.federate.passing import reduced, wanted_of
from broker.core.federate.plan import Journey, admitted, narrowed, plan_questions, split
from broker.core.federate.registration import AUXILIARY, EXCLUSIVE, INCLUSIVE, REDIRECT
from broker.core.federate.temporal_plan import admitted_evolution, concerned
from broker.core.model.entity import Entity
from broker.core.model.instant import parse_instant
from broker.core.ql.ast import EntityQuery
from broker.core.ql.geo import LOCATION, parse_geo
from broker.core.ql.scope import parse_scope
from broker.core.ql.temporal import TemporalQuery
from broker.core.temporal.evolution import Evolution
from broker.core.temporal.sample import Sample
from broker.core.temporal.series import Series
from tests.core.subscribe.building import subscription
from tests.federation.building import iri, prop
from tests.federation.planning import (
    FACTS,
    IDS,
    KINDS,
    NOW,
    attributes,
    boxes,
    covers,
    intervals,
    is_about,
    registrations,
    selected,
    selectors,
)

READS = ("queryEntity", "queryBatch")
ALONE, NONE = Journey((), "here", NOW), frozenset[str]()
journeys = st.builds(
    lambda via: Journey(tuple(via), "here", NOW), st.lists(st.sampled_from(("near", "far", "here")), max_size=2)
)
reading = registrations(("queryEntity", "queryBatch", "retrieveEntity", "createEntity"))


def looped(source, journey) -> bool:
    return bool(journey.via) and ("here" in journey.via or source.alias in journey.via)


@given(reading, selectors, attributes, journeys)
def test_4_3_6_1_what_is_asked_is_registered_and_what_is_registered_is_asked(found, selector, names, journey):
    """Attribute by attribute, entity by entity."""
    wanted = wanted_by(EntityQuery(selectors=(selector,)), attributes=names)
    asked = plan_questions(found, wanted, names, READS, journey)
    for question in asked:
        source = question.registration
        assert question.operation == next(each for each in READS if each in source.operations)
        assert question.is_loop == looped(source, journey)
        assert not question.is_loop or source.mode in (EXCLUSIVE, REDIRECT)
        for fact in FACTS:
            if selected(question.selector, fact) and (question.attributes is None or fact.name in question.attributes):
                # Attributes that are asked for by name are covered with any entity that the question finds.
                assert covers(source, fact)
        assert not names or (question.attributes is not None and question.attributes <= names)
    for source in found:
        is_lost = source.operations.isdisjoint(READS) or (looped(source, journey) and not source.is_proxied)
        for fact in FACTS:
            if not covers(source, fact) or not selected(selector, fact) or (names and fact.name not in names):
                continue
            is_asked = any(
                each.registration is source
                and selected(each.selector, fact)
                and (each.attributes is None or fact.name in each.attributes)
                for each in asked
            )
            assert is_asked is not is_lost


@given(reading, selectors, boxes)
def test_4_3_6_1_sources_of_elsewhere_are_not_asked(found, selector, box):
    west, south, east, north = box
    ring = f"[[[{west},{south}],[{east},{south}],[{east},{north}],[{west},{north}],[{west},{south}]]]"
    anywhere = EntityQuery(selectors=(selector,))
    there = EntityQuery(selectors=(selector,), geo=parse_geo("within", "Polygon", ring, LOCATION))
    asked, without = (
        {
            each.registration.id
            for each in plan_questions(found, replace(wanted_by(each), attributes=NONE), NONE, READS, ALONE)
        }
        for each in (there, anywhere)
    )
    for source in found:
        place = source.document.get("location")
        meets = True
        if place is not None:
            left, low = place["coordinates"][0][0]
            right, high = place["coordinates"][0][2]
            meets = left <= east and west <= right and low <= north and south <= high
        assert (source.id in asked) == (source.id in without and meets)


@given(reading, st.sampled_from(("/a", "/a/b", "/c", "/d", "/a/#", "/+/b", "/#")))
def test_4_3_6_1_sources_of_other_scopes_are_not_asked(found, text):
    wanted = Wanted(scope=parse_scope(text))
    asked = {each.registration.id for each in plan_questions(found, wanted, NONE, READS, ALONE)}
    meeting = {
        "/a": {"/a"},
        "/a/b": {"/a/b"},
        "/c": {"/c"},
        "/d": set(),
        "/a/#": {"/a", "/a/b"},
        "/+/b": {"/a/b"},
        "/#": {"/a", "/a/b", "/c"},
    }[text]
    for source in found:
        if not source.operations.isdisjoint(READS):
            assert (source.id in asked) == (source.document.get("scope") is None or source.document["scope"] in meeting)


@given(reading, st.frozensets(st.sampled_from(("urn:d:1", "urn:d:2", "@none"))))
def test_5_12_sources_of_other_datasets_are_not_asked(found, datasets):
    wanted = Wanted(dataset_ids=datasets)
    for source in found:
        known = source.document.get("datasetId")
        may = not datasets or known is None or not datasets.isdisjoint(known)
        assert bool(matching(source, wanted)) is may


CHANGES = ("createEntity", "mergeEntity")
writing = registrations((*CHANGES, "queryEntity"))


@given(writing, st.sampled_from(IDS), st.sampled_from(KINDS), attributes, journeys)
def test_4_3_6_3_each_attribute_goes_to_those_who_hold_it(found, entity_id, kind, names, journey):
    """Exclusively where it is exclusive, else to all that it is redirected to, else here and to inclusive sources."""
    plan = split(found, entity_id, [iri(kind)], names, ("mergeEntity",), journey)
    sent: dict[str, set[str]] = {}
    for part in plan.parts:
        assert part.is_supported == ("mergeEntity" in part.registration.operations)
        assert part.is_loop == looped(part.registration, journey)
        sent.setdefault(part.registration.id, set()).update(part.attributes)
    for fact in (each for each in FACTS if each.entity_id == entity_id and each.kind == iri(kind)):
        holders = [each for each in found if covers(each, fact)]
        expected = [each for each in holders if each.mode == EXCLUSIVE] or [
            each for each in holders if each.mode == REDIRECT
        ]
        stays = not expected
        if stays:
            expected = [
                each
                for each in holders
                if each.mode == INCLUSIVE and "mergeEntity" in each.operations and not looped(each, journey)
            ]
        told = {each for each in sent if fact.name in sent[each]}
        assert told == ({each.id for each in expected} if fact.name in names else set())
        assert (fact.name in plan.remaining) == (stays and fact.name in names)
    assert all(part.registration.mode != AUXILIARY for part in plan.parts)


@given(writing, st.sampled_from(IDS), st.sampled_from((None, *KINDS)), journeys)
def test_5_6_6_a_deletion_reaches_those_who_may_have_the_entity_and_nobody_else(found, entity_id, kind, journey):
    types = None if kind is None else [iri(kind)]
    plan = split(found, entity_id, types, frozenset(), ("mergeEntity",), journey, whole=True)
    assert plan.stays
    asked = {part.registration.id for part in plan.parts}
    for source in found:
        about = any(
            covers(source, fact)
            for fact in FACTS
            if fact.entity_id == entity_id and (kind is None or fact.kind == iri(kind))
        )
        able = source.is_proxied or ("mergeEntity" in source.operations and not looped(source, journey))
        assert (source.id in asked) == (about and able and source.mode != AUXILIARY)


temporal = registrations(
    ("queryTemporal", "retrieveTemporal", "upsertTemporal", "queryEntity"),
    intervals,
)
MIDDLE_OF_2025, MIDDLE_OF_2026 = (parse_instant(f"{year}-07-01T00:00:00Z") for year in (2025, 2026))


@given(temporal, selectors, attributes, st.sampled_from((None, MIDDLE_OF_2025, MIDDLE_OF_2026)))
def test_5_10_2_4_histories_are_asked_of_sources_of_their_time_within_what_is_registered(found, selector, names, start):
    query = None if start is None else TemporalQuery(start, None)
    whole = EntityQuery(selectors=(selector,))
    wanted = replace(wanted_by(whole, attributes=names, temporal=query), evolution=True)
    asked = plan_questions(found, wanted, names, ("queryTemporal",), ALONE)
    for question in asked:
        assert "queryTemporal" in question.registration.operations
        interval = question.registration.document.get("observationInterval", {})
        assert start is None or "endAt" not in interval
        for fact in FACTS:
            if selected(question.selector, fact) and (question.attributes is None or fact.name in question.attributes):
                assert covers(question.registration, fact)
    latest = plan_questions(found, wanted_by(whole), names, READS, ALONE)
    assert all("observationInterval" not in each.registration.document for each in latest)


@given(temporal, st.sampled_from(IDS), st.sampled_from(KINDS), attributes)
def test_5_6_11_changes_of_histories_stay_within_what_is_registered(found, entity_id, kind, names):
    plan = split(concerned(found), entity_id, [iri(kind)], names, ("upsertTemporal",), ALONE, evolution=True)
    taken = set()
    for part in plan.parts:
        for fact in FACTS:
            if fact.entity_id == entity_id and fact.kind == iri(kind) and fact.name in part.attributes:
                assert covers(part.registration, fact)
        if part.registration.is_proxied:
            taken |= part.attributes
    assert taken | plan.remaining == names
    assert not taken & plan.remaining


@given(reading, st.sampled_from(IDS), st.sampled_from(KINDS), attributes)
def test_4_3_6_1_of_what_a_source_tells_no_more_is_believed_than_is_registered(found, entity_id, kind, names):
    instances = [{**prop(1), "datasetId": "urn:d:1"}, {**prop(2), "datasetId": "urn:d:2"}, prop(3)]
    sent = Entity(entity_id, [iri(kind)], dict.fromkeys(names, instances))
    series = {name: Series([Sample(1, number, each) for number, each in enumerate(instances)]) for name in names}
    history = Evolution(entity_id, [iri(kind)], series, 1, 1)
    for source in found:
        datasets = source.document.get("datasetId")
        believed, past = admitted(source, sent), admitted_evolution(source, history)
        expected: dict[str, list[Any]] = {}
        for fact in FACTS:
            if fact.entity_id == entity_id and fact.kind == iri(kind) and fact.name in names and covers(source, fact):
                kept = [each for each in instances if datasets is None or each.get("datasetId", "@none") in datasets]
                if kept:
                    expected[fact.name] = kept
        assert (believed.attributes if believed else {}) == expected
        told = (
            {} if past is None else {iri_: [each.instance for each in one.samples] for iri_, one in past.series.items()}
        )
        assert told == expected


passing = registrations(("createSubscription", "queryEntity"))


@given(
    passing,
    st.sampled_from(KINDS),
    st.sampled_from((None, {"id": IDS[0]}, {"id": list(IDS[:2])}, {"idPattern": "1$"})),
    st.sampled_from((None, ["level"], ["power", "label"])),
    st.sampled_from((None, ["level"], ["label"])),
)
def test_5_8_1_4_a_source_is_subscribed_to_within_what_is_registered(found, kind, ids, watched, shown):
    members: dict[str, Any] = {"entities": [{"type": kind, **(ids or {})}]}
    if watched:
        members["watchedAttributes"] = watched
    if shown:
        members["notification"] = {"endpoint": {"uri": "http://127.0.0.1:9"}, "attributes": shown}
    made = subscription(**members)
    wanted = wanted_of(made)
    for source in found:
        information = concerned_by(source, made, wanted, "here", NOW)
        if not information:
            continue
        assert source.mode != AUXILIARY
        assert "createSubscription" in source.operations
        for selector in narrowed(information, wanted):
            for fact in FACTS:
                assert not selected(selector, fact) or any(is_about(each, fact) for each in information)
        names = reduced(made.watched, information)
        if names is None:
            assert any(each.attributes is None for each in information)
        else:
            assert all(
                any(each.attributes is None or name in each.attributes for each in information) for name in names
            )
