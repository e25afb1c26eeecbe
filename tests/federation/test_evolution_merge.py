"""Evolutions of several sources made one: laws that hold whatever the sources say (clauses 4.5.5, 5.7.3.4)."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from broker.core.federate.temporal_merge import identity, merge_evolutions
from broker.core.federate.temporal_received import received_evolution
from broker.core.model.errors import BadRequestData
from broker.core.temporal.evolution import Evolution
from broker.core.temporal.sample import Sample
from broker.core.temporal.series import Series
from tests.federation.building import CONTEXT

IRI = "https://example.org/level"
OTHER = "https://example.org/power"


def sample(observed: int | None, modified: int, value: int, name: str | None, dataset: str | None) -> Sample:
    instance: dict[str, Any] = {"type": "Property", "value": value, "modifiedAt": modified, "instanceId": name}
    if observed is not None:
        instance["observedAt"] = observed
    if dataset is not None:
        instance["datasetId"] = dataset
    return Sample(modified, 0, instance)


samples = st.builds(
    sample,
    st.none() | st.integers(0, 5),
    st.integers(0, 5),
    st.integers(0, 2),
    st.none() | st.sampled_from(["urn:i:1", "urn:i:2", "urn:i:3"]),
    st.none() | st.just("urn:d:1"),
)
series = st.dictionaries(st.sampled_from([IRI, OTHER]), st.lists(samples, max_size=5), max_size=2)
evolutions = st.builds(
    lambda types, by_name: Evolution("urn:x:1", types, {iri: Series(each) for iri, each in by_name.items()}, 1, 2),
    st.lists(st.sampled_from(["urn:t:a", "urn:t:b"]), min_size=1, max_size=2, unique=True),
    series,
)
sources = st.dictionaries(st.sampled_from(["a", "b", "c"]), evolutions, min_size=1, max_size=3)


def moment(one: Sample) -> tuple[str | None, int | None]:
    return one.instance.get("datasetId"), one.instance.get("observedAt")


def told(evolution: Evolution | None) -> Any:
    assert evolution is not None
    content = {
        iri: sorted(repr(sorted(s.instance.items())) for s in each.all()) for iri, each in evolution.series.items()
    }
    return sorted(evolution.types), content, evolution.created_at, evolution.modified_at


@given(sources, st.sampled_from(["observedAt", "modifiedAt"]))
def test_4_5_5_the_order_of_sources_changes_nothing(versions: dict[str, Evolution], timeproperty: str) -> None:
    backwards = dict(zip(versions, reversed(versions.values()), strict=True))
    assert told(merge_evolutions(versions, {}, timeproperty)) == told(merge_evolutions(backwards, {}, timeproperty))


@given(evolutions, st.sampled_from(["observedAt", "modifiedAt"]))
def test_4_5_5_what_two_sources_tell_alike_is_told_once(evolution: Evolution, timeproperty: str) -> None:
    unnamed = {
        iri: Series([each for each in one.samples if each.instance["instanceId"] is None])
        for iri, one in evolution.series.items()
    }
    only = Evolution(evolution.id, evolution.types, unnamed, 1, 2)
    assert told(merge_evolutions({"a": only, "b": only}, {}, timeproperty)) == told(only)


@given(sources)
def test_4_5_5_no_observation_is_lost_and_no_instance_is_told_twice(versions: dict[str, Evolution]) -> None:
    merged = merge_evolutions(versions, {}, "observedAt")
    assert merged is not None
    for iri in (IRI, OTHER):
        several = [each.series[iri] for each in versions.values() if iri in each.series]
        held = merged.series.get(iri, Series()).all()
        unnamed = {moment(each) for one in several for each in one.samples if identity(each) is None}
        named = {identity(each) for one in several for each in one.samples}
        if named == {None}:
            assert unnamed <= {moment(each) for each in held}
        if len(several) > 1:
            names = [(identity(each), each.instance.get("datasetId")) for each in held if identity(each) is not None]
            assert len(names) == len(set(names))


@given(sources, sources)
def test_5_7_3_4_auxiliary_sources_only_add(versions: dict[str, Evolution], extra: dict[str, Evolution]) -> None:
    plain, both = merge_evolutions(versions, {}, "observedAt"), merge_evolutions(versions, extra, "observedAt")
    assert plain is not None
    assert both is not None
    for iri, one in plain.series.items():
        held, all_of_it = one.all(), both.series[iri].all()
        assert [each for each in all_of_it if any(each is kept for kept in held)] == held
        times = set(map(moment, held))
        added = [each for each in all_of_it if not any(each is kept for kept in held)]
        assert times.isdisjoint(map(moment, added))


_MEMBERS = st.sampled_from(["id", "type", "level", "scope", "value", "deletedAt", "observedAt"])
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["Property", "2026-01-01T00:00:00Z", "urn:x:1", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_MEMBERS, inner, max_size=4),
    max_leaves=12,
)


@given(anything)
def test_6_3_17_whatever_a_source_sends_is_an_evolution_or_refused(document: Any) -> None:
    for given_document in (document, {"id": "urn:x:1", "type": "T", "level": document, "scope": document}):
        try:
            evolution = received_evolution(given_document, CONTEXT)
        except BadRequestData:
            continue
        assert evolution.types
