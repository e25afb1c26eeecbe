"""What is planned stays within what is registered; what sources say merges in any order (4.3.6.1, 4.5.5)."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from broker.core.federate.loop import is_loop, read_via, write_via
from broker.core.federate.match import wanted_by
from broker.core.federate.merge import merge_versions
from broker.core.federate.plan import Journey, admitted, coverage, plan_questions, split
from broker.core.ql.ast import EntityQuery, EntitySelector
from broker.core.ql.types import TypeSelection
from tests.federation.building import entity, iri, prop, registration

KINDS, NAMES, IDS = ("Container", "Lamp"), ("level", "power", "label"), ("urn:a:1", "urn:a:2", "urn:b:1")
HERE = Journey((), "me", 10)
EVERYTHING = ["redirectionOps", "federationOps"]

infos = st.one_of(
    st.fixed_dictionaries({"type": st.sampled_from(KINDS)}),
    st.fixed_dictionaries({"type": st.sampled_from(KINDS), "id": st.sampled_from(IDS)}),
    st.fixed_dictionaries({"type": st.sampled_from(KINDS), "idPattern": st.sampled_from(("^urn:a", "1$"))}),
)
elements = st.fixed_dictionaries(
    {"entities": st.lists(infos, min_size=1, max_size=3)},
    optional={"propertyNames": st.lists(st.sampled_from(NAMES), min_size=1, max_size=2)},
)
sources = st.builds(
    lambda information, mode: registration(information=information, mode=mode, operations=EVERYTHING),
    st.lists(elements, min_size=1, max_size=2),
    st.sampled_from(("inclusive", "redirect")),
)
selectors = st.builds(
    lambda ids, pattern, kinds: EntitySelector(
        tuple(ids), None if ids else pattern, TypeSelection(tuple((iri(kind),) for kind in kinds)) if kinds else None
    ),
    st.lists(st.sampled_from(IDS), max_size=2, unique=True),
    st.sampled_from((None, "2$")),
    st.lists(st.sampled_from(KINDS), max_size=2, unique=True),
)


@given(st.lists(sources, max_size=4), selectors, st.sets(st.sampled_from(NAMES)))
def test_4_3_6_1_no_question_goes_beyond_what_is_registered(registrations, selector, names):
    projected = frozenset(map(iri, names))
    wanted = wanted_by(EntityQuery(selectors=(selector,)), attributes=projected)
    for question in plan_questions(registrations, wanted, projected, ("queryEntity",), HERE):
        types = {name for each in question.selector.types.alternatives for name in each}
        for entity_id in question.selector.ids:
            assert coverage(question.registration, entity_id, frozenset(types))
            assert not selector.ids or entity_id in selector.ids
        registered = [
            each for each in question.registration.information for info in each.entities if info.types == types
        ]
        assert registered
        if not question.selector.ids:
            texts = {info.id_pattern for each in registered for info in each.entities}
            assert question.selector.id_pattern in texts or None in texts
        if question.attributes is None:
            assert any(each.attributes is None for each in registered)
        else:
            assert any(each.attributes is None or question.attributes <= each.attributes for each in registered)


@given(st.lists(sources, max_size=4), st.sampled_from(IDS), st.sampled_from(KINDS), st.sets(st.sampled_from(NAMES)))
def test_4_3_6_3_a_change_is_divided_without_loss_and_within_what_is_registered(registrations, entity_id, kind, names):
    wanted = frozenset(map(iri, names))
    plan = split(registrations, entity_id, [iri(kind)], wanted, ("mergeEntity",), HERE)
    for part in plan.parts:
        covered = coverage(part.registration, entity_id, frozenset((iri(kind),)))
        assert covered
        assert part.attributes <= wanted
        assert None in covered or part.attributes <= frozenset().union(*covered)
    taken = frozenset().union(*(part.attributes for part in plan.parts if part.registration.is_proxied))
    assert taken | plan.remaining == wanted
    assert not taken & plan.remaining
    assert plan.stays or not plan.remaining


@given(sources, st.sampled_from(IDS), st.sampled_from(KINDS), st.sets(st.sampled_from(NAMES)))
def test_4_3_6_1_an_answer_is_cut_to_what_is_registered(source, entity_id, kind, names):
    sent = entity(kind=kind, **dict.fromkeys(names, 1)).with_(id=entity_id)
    taken = admitted(source, sent)
    covered = coverage(source, entity_id, frozenset(sent.types))
    assert (taken is None) is (not covered)
    if taken is not None and None not in covered:
        assert taken.attributes.keys() <= frozenset().union(*covered)


def test_5_6_exclusive_goes_before_redirect_and_unsupported_operations_are_told():
    exclusive = registration(
        mode="exclusive",
        information=[{"entities": [{"type": "Container", "id": "urn:a:1"}], "propertyNames": ["level"]}],
    )
    redirect = registration(
        mode="redirect", operations=["redirectionOps"], information=[{"propertyNames": ["level", "power"]}]
    )
    inclusive = registration(operations=["redirectionOps"])
    names = frozenset(map(iri, NAMES))
    plan = split([inclusive, redirect, exclusive], "urn:a:1", [iri("Container")], names, ("createEntity",), HERE)
    assert [(each.registration, each.attributes, each.is_supported) for each in plan.parts] == [
        (exclusive, {iri("level")}, False),
        (redirect, {iri("power")}, True),
        (inclusive, {iri("label")}, True),
    ]
    assert plan.remaining == {iri("label")}
    assert plan.stays


def test_5_6_6_a_deletion_concerns_every_source_and_this_broker():
    plan = split(
        [registration(operations=["deleteEntity"])], "urn:a:1", None, frozenset(), ("deleteEntity",), HERE, whole=True
    )
    assert [each.attributes for each in plan.parts] == [None]
    assert plan.stays


def test_4_3_6_4_sources_already_passed_are_left_out_or_make_a_loop():
    via = read_via("1.1 first, 1.1 me")
    assert via == ("first", "me")
    assert read_via("nonsense,, 1.0 other.example") == ("other.example",)
    assert read_via(write_via("1.1 first", "me")) == via
    back = Journey(via, "me", 10)
    inclusive, redirect = registration(operations=EVERYTHING), registration(mode="redirect", operations=EVERYTHING)
    assert is_loop(registration(contextSourceAlias="first"), ("first",), "other")
    assert not is_loop(inclusive, ("first",), "other")
    plan = split(
        [inclusive, redirect], "urn:a:1", [iri("Container")], frozenset((iri("level"),)), ("mergeEntity",), back
    )
    assert [(each.registration, each.is_loop) for each in plan.parts] == [(redirect, True)]
    query = wanted_by(EntityQuery())
    asked = plan_questions([inclusive, redirect], query, frozenset(), ("queryEntity",), back)
    assert [(each.registration, each.is_loop) for each in asked] == [(redirect, True)]


instances = st.builds(
    lambda value, observed, modified, dataset: {
        **prop(value),
        **({"observedAt": observed} if observed else {}),
        "modifiedAt": modified,
        **({"datasetId": dataset} if dataset else {}),
    },
    st.integers(0, 3),
    st.sampled_from((0, 5, 6)),
    st.integers(1, 3),
    st.sampled_from((None, "urn:d:1")),
)
versions = st.dictionaries(
    st.sampled_from(NAMES), st.lists(instances, min_size=1, max_size=2, unique_by=lambda each: each.get("datasetId"))
)


@given(st.lists(versions, min_size=1, max_size=3), st.randoms())
def test_4_5_5_merging_does_not_depend_on_the_order_of_answers(found, random):
    named = [(f"source {number}", entity(**attributes)) for number, attributes in enumerate(found)]
    results = []
    for order in itertools.permutations(named):
        merged = merge_versions(dict(order), {}, 10)
        results.append({name: sorted(map(repr, each)) for name, each in merged.attributes.items()})
    assert all(each == results[0] for each in results)
    for instances in merged.attributes.values():
        assert len({each.get("datasetId") for each in instances}) == len(instances)


def _comparable(found):
    return {name: sorted(map(repr, each)) for name, each in found.attributes.items()}


@given(st.lists(versions, min_size=2, max_size=4))
def test_4_5_5_merging_is_idempotent_and_does_not_depend_on_who_merges_first(found):
    named = {f"source {number}": entity(**attributes) for number, attributes in enumerate(found)}
    whole = merge_versions(named, {}, 10)
    assert _comparable(merge_versions({**named, "again": whole}, {}, 10)) == _comparable(whole)
    assert _comparable(merge_versions({**named, "twice": named["source 0"]}, {}, 10)) == _comparable(whole)
    first, *rest = named
    others = merge_versions({each: named[each] for each in rest}, {}, 10)
    assert _comparable(merge_versions({first: named[first], "others": others}, {}, 10)) == _comparable(whole)


@given(st.lists(versions, min_size=1, max_size=3), st.lists(versions, min_size=1, max_size=3))
def test_4_3_6_2_auxiliary_versions_change_nothing_that_others_have(found, auxiliary):
    named = {f"source {number}": entity(**attributes) for number, attributes in enumerate(found)}
    extra = {f"extra {number}": entity(**attributes) for number, attributes in enumerate(auxiliary)}
    alone, both = merge_versions(named, {}, 10), merge_versions(named, extra, 10)
    for name, instances in alone.attributes.items():
        assert both.attributes[name] == instances
    backwards = merge_versions(named, dict(reversed(extra.items())), 10)
    assert _comparable(both) == _comparable(backwards)


def test_4_5_5_3_the_newest_observation_wins_then_the_newest_change():
    observed = entity(level=[prop(1, observedAt=5, modifiedAt=1)])
    changed = entity(level=[prop(2, modifiedAt=9)])
    later = entity(level=[prop(3, observedAt=6, modifiedAt=0)])
    assert merge_versions({"a": observed, "b": changed, "c": later}, {}, 10).attributes[iri("level")][0]["value"] == 3
    older = entity(level=[prop(4, modifiedAt=8)])
    assert merge_versions({"a": older, "b": changed}, {}, 10).attributes[iri("level")][0]["value"] == 2


def test_4_3_6_2_auxiliary_data_only_adds_attributes():
    merged = merge_versions({"": entity(level=1)}, {"aux": entity(level=2, label="x")}, 10)
    assert merged.attributes[iri("level")][0]["value"] == 1
    assert merged.attributes[iri("label")][0]["value"] == "x"
    assert merge_versions({}, {"aux": entity(level=2)}, 10) is not None
    assert merge_versions({}, {}, 10) is None


def test_4_5_5_2_expired_versions_do_not_count_and_expiry_is_carried_down():
    gone, lasting = entity(level=1).with_(expires_at=9), entity(power=2)
    assert merge_versions({"a": gone, "b": lasting}, {}, 10).attributes.keys() == {iri("power")}
    passing = entity(level=1).with_(expires_at=50)
    merged = merge_versions({"a": passing, "b": lasting}, {}, 10)
    assert merged.expires_at is None
    assert merged.attributes[iri("level")][0]["expiresAt"] == 50
    assert "expiresAt" not in merged.attributes[iri("power")][0]
