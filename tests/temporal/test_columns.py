"""Columns and chunks give back what went in, in few bytes."""

import random

from hypothesis import given
from hypothesis import strategies as st

from broker.core.temporal.chunk import Chunk, pack
from broker.core.temporal.integers import pack_integers, unpack_integers
from broker.core.temporal.sample import Sample
from broker.core.temporal.values import pack_values, unpack_values

integers = st.integers(-(2**61), 2**61)
instants = st.integers(0, 2**51)
scalars = st.booleans() | st.text() | integers | st.floats(allow_nan=False, allow_infinity=False)
json = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=2))
decimals = st.decimals(-1000, 1000, places=2).map(float)


@given(st.lists(integers, min_size=1, max_size=50))
def test_integers_come_back(values: list[int]) -> None:
    assert unpack_integers(memoryview(pack_integers(values)), 0, len(values)) == values


@given(st.lists(json, min_size=1) | st.lists(decimals, min_size=1) | st.lists(decimals | integers, min_size=1))
def test_values_come_back_with_their_types(values: list[object]) -> None:
    back = unpack_values(memoryview(pack_values(values)), 0, len(values))
    assert repr(back) == repr(values)


def nested(times: st.SearchStrategy[int]) -> st.SearchStrategy[dict[str, object]]:
    return st.fixed_dictionaries(
        {"type": st.just("Property"), "value": decimals, "createdAt": times, "modifiedAt": times},
        optional={"observedAt": times, "unitCode": st.sampled_from(["CEL", "C62"])},
    )


@st.composite
def samples(draw: st.DrawFn) -> list[Sample]:
    times = st.sampled_from([5, 6, 7]) | instants
    instances = st.fixed_dictionaries(
        {"type": st.just("Property"), "value": json, "createdAt": times, "modifiedAt": times},
        optional={
            "observedAt": times,
            "deletedAt": times,
            "datasetId": st.just("urn:x:1"),
            "attributes": st.dictionaries(st.sampled_from(["urn:a", "urn:b"]), st.lists(nested(times), max_size=2)),
        },
    )
    return draw(st.lists(st.builds(Sample, instants, st.integers(0, 3), instances), min_size=1, max_size=8))


@given(samples())
def test_samples_come_back_from_a_chunk(given_samples: list[Sample]) -> None:
    back = Chunk(pack(given_samples), len(given_samples)).samples()
    assert [(each.key, each.instance) for each in back] == [(each.key, each.instance) for each in given_samples]


def test_a_sensors_samples_take_less_than_twelve_bytes() -> None:
    chance = random.Random(1)
    listed = []
    for minute in range(1000):
        observed = 1_790_000_000_000_000 + minute * 60_000_000 + chance.randrange(4) * 1_000_000
        at = observed + chance.randrange(200_000, 2_000_000)
        value = round(20 + chance.gauss(0, 0.3), 1)
        times = {"observedAt": observed, "createdAt": 1_790_000_000_000_000, "modifiedAt": at}
        listed.append(Sample(at, 0, {"type": "Property", "value": value, "unitCode": "CEL", **times}))
    assert len(pack(listed)) < 9 * len(listed)
