"""Clause 4.5.19: methods, periods, kinds of values."""

from typing import Any

import pytest

from broker.core.model.errors import BadRequestData, TooManyResults
from broker.core.model.instant import format_instant, parse_instant
from broker.core.temporal.aggregate import METHODS, aggregate, parse_aggregation, parse_duration
from broker.core.temporal.series import Track

HOUR = 3_600_000_000
START = parse_instant("2026-01-31T00:00:00Z") or 0


def results(
    values: list[Any], methods: str, period: str = "PT0S", kind: str = "Property", step: int = HOUR // 2
) -> Any:
    track = Track(kind, [START + index * step for index in range(len(values))], values)
    cells = aggregate(track, parse_aggregation(methods, "PT0S"), START, None)
    return {method: [value for value, _, _ in found] for method, found in cells.items()}


def test_4_5_19_numbers_by_every_method() -> None:
    assert results([1, 2, 2, 5], ",".join(METHODS)) == {
        "avg": [2.5],
        "distinctCount": [3],
        "max": [5],
        "min": [1],
        "stddev": [1.5],
        "sum": [10],
        "sumsq": [34],
        "totalCount": [4],
    }


def test_4_5_19_periods_without_values_are_left_out() -> None:
    track = Track("Property", [START, START + 5 * HOUR], [1, 3])
    cells = aggregate(track, parse_aggregation("avg", "PT1H"), START, None)["avg"]
    assert cells == [(1.0, START, START + HOUR), (3.0, START + 5 * HOUR, START + 6 * HOUR)]


def test_4_5_19_booleans_count_as_numbers_and_differ_from_them() -> None:
    found = results([True, False, True, True], "avg,sum,distinctCount")
    assert found == {"avg": [0.75], "sum": [3], "distinctCount": [2]}
    assert results([1, True], "distinctCount") == {"distinctCount": [2]}


def test_4_5_19_arrays_count_by_their_size_where_the_table_says_so() -> None:
    assert results([[1, 2], [1, 2, 3, 4]], "avg,min,max,sum,stddev,sumsq") == {
        "avg": [3.0],
        "min": [2],
        "max": [4],
        "sum": [6],
    }


def test_4_5_19_texts_have_first_and_last_but_no_mean() -> None:
    assert results(["b", "a", "b"], "min,max,avg,totalCount,distinctCount") == {
        "min": ["a"],
        "max": ["b"],
        "totalCount": [3],
        "distinctCount": [2],
    }


def test_4_5_19_times_of_day_have_a_mean() -> None:
    assert results(["08:00:00", "10:00:00"], "avg") == {"avg": ["09:00:00"]}


def test_4_5_19_relationships_are_only_counted() -> None:
    found = results(["urn:a:1", "urn:a:2", "urn:a:1"], "avg,max,distinctCount,totalCount", kind="Relationship")
    assert found == {"distinctCount": [2], "totalCount": [3]}


def test_4_5_19_months_follow_the_calendar() -> None:
    period = parse_duration("P1M")
    moments = [format_instant(period.after(START, count))[:10] for count in (0, 1, 2, -1)]
    assert moments == ["2026-01-31", "2026-02-28", "2026-03-31", "2025-12-31"]
    track = Track("Property", [START, period.after(START, 1), period.after(START, 13)], [1, 2, 3])
    cells = aggregate(track, parse_aggregation("sum", "P1M"), START, None)["sum"]
    assert [value for value, _, _ in cells] == [1, 2, 3]


def test_more_periods_than_an_answer_takes_are_refused() -> None:
    track = Track("Property", list(range(0, 200_001)), [1] * 200_001)
    with pytest.raises(TooManyResults):
        aggregate(track, parse_aggregation("sum", "PT0.000001S"), 0, None)


def test_no_period_reaches_beyond_the_calendar() -> None:
    for text in ("P9999Y", "P1000000W", "P1000000Y"):
        ends = [parse_duration(text).after(START, count) for count in (1, -1)]
        assert [format_instant(end)[:4] for end in ends] == ["9999", "1000"]


@pytest.mark.parametrize("text", ["", "P", "PT", "1H", "PT1", "P1H", "P-1D", "P1DT", "P99999999Y", "2026-01-01"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(BadRequestData):
        parse_duration(text)


@pytest.mark.parametrize("methods", [None, "", "avg,", "median"])
def test_what_is_no_method_is_refused(methods: str | None) -> None:
    with pytest.raises(BadRequestData):
        parse_aggregation(methods, "PT1H")


def test_4_5_19_typed_times_have_a_first_and_a_last() -> None:
    late, early = ({"@type": "DateTime", "@value": f"2020-01-01T{text}"} for text in ("06:00:00Z", "10:00:00+05:00"))
    assert results([late, early], "max,min") == {"max": [late], "min": [early]}
    assert results([late, early], "avg,sum,stddev") == {}
    hours = [{"@type": "Time", "@value": text} for text in ("10:00:00", "12:00:00")]
    assert results(hours, "avg,max") == {"avg": ["11:00:00"], "max": [hours[1]]}
    assert results([late, hours[0]], "max") == {}
    assert results([{"value": 1}], "max,totalCount") == {"totalCount": [1]}


def test_4_5_19_targets_of_relationships_are_counted_each() -> None:
    counted = results([["urn:x:a", "urn:x:b"], "urn:x:a"], "distinctCount", kind="Relationship")
    assert counted == {"distinctCount": [2]}


@pytest.mark.parametrize("kind", [["DateTime"], {"a": 1}, None, "Duration"])
def test_4_5_19_values_that_only_look_like_times_are_counted_alone(kind: Any) -> None:
    values = [{"@type": kind, "@value": "2026-01-01T10:00:00Z"}, {"@type": kind, "@value": "2026-01-01T11:00:00Z"}]
    found = results(values, "max,avg,totalCount,distinctCount")
    assert found == {"totalCount": [2], "distinctCount": [2]}
