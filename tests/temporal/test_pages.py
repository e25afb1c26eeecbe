"""Clause 6.3.10: one answer holds a part of the range, cut at one instant for all attributes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.ql.temporal import TemporalQuery
from broker.core.temporal.chunk import Chunk, pack
from broker.core.temporal.evolution import Demand, Evolution, Excerpt, excerpt, shorten
from broker.core.temporal.sample import Sample
from broker.core.temporal.series import Series


def series(times: list[int]) -> Series:
    instances = [{"type": "Property", "value": time, "observedAt": time} for time in times]
    return Series([Sample(1, tie, instance) for tie, instance in enumerate(instances)])


def evolution(**attributes: list[int]) -> Evolution:
    return Evolution("urn:x:1", ["T"], {name: series(times) for name, times in attributes.items()})


def times(found: Excerpt) -> dict[str, list[int]]:
    return {name: [each.instance["observedAt"] for each in samples] for name, samples in found.samples.items()}


def ask(demand: Demand, **attributes: list[int]) -> tuple[dict[str, list[int]], tuple[int, int] | None]:
    found = excerpt(evolution(**attributes), demand)
    cut = shorten([found], demand)
    return times(found), None if cut is None else (cut.first, cut.last)


def test_6_3_10_what_fits_is_not_cut() -> None:
    assert ask(Demand(page=3), a=[3, 1, 2]) == ({"a": [1, 2, 3]}, None)


def test_6_3_10_forwards_an_attribute_beyond_the_cut_stays_empty() -> None:
    assert ask(Demand(page=3), a=[1, 2, 3, 4], b=[9, 10], c=[2, 9]) == ({"a": [1, 2, 3], "b": [], "c": [2]}, (1, 3))


def test_6_3_10_with_last_n_backwards() -> None:
    demand = Demand(last=5, page=3)
    assert ask(demand, a=[1, 2, 3, 4, 5, 6], b=[1, 2]) == ({"a": [4, 5, 6], "b": []}, (4, 6))


def test_6_3_10_last_n_alone_is_no_cut() -> None:
    assert ask(Demand(last=2, page=3), a=[1, 2, 3, 4]) == ({"a": [3, 4]}, None)


def test_6_3_10_samples_of_one_instant_are_not_parted() -> None:
    assert ask(Demand(page=2), a=[1, 2, 2, 3]) == ({"a": [1]}, (1, 1))
    assert ask(Demand(page=2), a=[1, 1, 1, 3]) == ({"a": [1, 1, 1]}, (1, 1))
    assert ask(Demand(page=2), a=[1, 1, 1]) == ({"a": [1, 1, 1]}, None)


@given(
    st.dictionaries(st.sampled_from("abc"), st.lists(st.integers(0, 9), min_size=1), min_size=1),
    st.integers(1, 5),
    st.booleans(),
)
def test_6_3_10_following_the_cuts_shows_every_sample(given_times: dict[str, list[int]], page: int, back: bool) -> None:
    seen: dict[str, set[int]] = {name: set() for name in given_times}
    start, end = 0, 100
    for _ in range(100):
        demand = Demand(TemporalQuery(start, end), 1000 if back else None, page)
        found = excerpt(evolution(**given_times), demand)
        cut = shorten([found], demand)
        for name, shown in times(found).items():
            seen[name].update(shown)
        if cut is None:
            break
        start, end = (start, cut.first) if back else (cut.last + 1, end)
    else:
        pytest.fail("the pages never end")
    assert seen == {name: set(every) for name, every in given_times.items()}


def test_4_11_bounds_and_entities_without_the_temporal_property() -> None:
    assert ask(Demand(TemporalQuery(2, 4)), a=[1, 2, 3, 4]) == ({"a": [2, 3]}, None)
    assert ask(Demand(TemporalQuery(0, 4, "deletedAt")), a=[1, 2]) == ({}, None)


@given(st.lists(st.integers(0, 20)), st.integers(0, 20), st.integers(0, 20))
def test_4_11_a_series_reaches_what_a_query_selects_from_it(times_: list[int], start: int, end: int) -> None:
    query = TemporalQuery(start, end)
    loose = series(times_)
    packed = Series([], [Chunk(pack(loose.samples), len(times_))] if times_ else [])
    for each in (loose, packed):
        assert each.reaches(query) is bool(each.select(query))
        assert not each.reaches(TemporalQuery(None, None, "deletedAt"))
