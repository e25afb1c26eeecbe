"""Aggregated values of a series (clause 4.5.19): methods, periods, and what each method makes of each kind of value."""

import math
import re
from bisect import bisect_left
from calendar import monthrange
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import partial
from typing import Any, TypeAlias

import orjson

from broker.core.model.errors import BadRequestData, InvalidRequest, TooManyResults
from broker.core.model.instant import Instant, parse_instant
from broker.core.temporal.series import Track

_DURATION = re.compile(
    r"P(?:(\d+)W|(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:[.,](\d{1,6})\d*)?S)?)?)",
    re.ASCII,
)
_SECOND = 1_000_000
_DAY = 86_400 * _SECOND
_FIRST, _LAST = -30_610_224_000 * _SECOND, 253_402_300_799 * _SECOND
"""The years from 1000 to 9999: those of four digits."""
_MOST = 10**6
"""Largest number in a duration: more than any calendar has."""
MAX_PERIODS = 100_000
"""Periods in the answer for one attribute: hours of eleven years; some 10 MB of JSON."""

METHODS = ("avg", "distinctCount", "max", "min", "stddev", "sum", "sumsq", "totalCount")

Cell: TypeAlias = tuple[Any, Instant, Instant]


@dataclass(frozen=True, slots=True)
class Period:
    """A duration: months of the calendar, and microseconds. Both zero: the whole range of the query."""

    months: int
    micros: int

    def __bool__(self) -> bool:
        """Whether it divides the range at all."""
        return bool(self.months or self.micros)

    def after(self, start: Instant, count: int) -> Instant:
        """The instant so many periods after the start, in UTC; the day of the month as late as the month has it."""
        if not self.months:
            return _in_calendar(start + count * self.micros)
        moment = datetime.fromtimestamp(start // _SECOND, UTC)
        year, month = divmod(moment.year * 12 + moment.month - 1 + count * self.months, 12)
        if not 1 <= year <= 9999:
            return _FIRST if year < 1 else _LAST
        day = min(moment.day, monthrange(year, month + 1)[1])
        moved = moment.replace(year=year, month=month + 1, day=day)
        return _in_calendar(int(moved.timestamp()) * _SECOND + start % _SECOND + count * self.micros)


@dataclass(frozen=True, slots=True)
class Aggregation:
    """The methods asked for, and the period."""

    methods: tuple[str, ...]
    period: Period


def _in_calendar(instant: Instant) -> Instant:
    return min(max(instant, _FIRST), _LAST)


def parse_aggregation(methods: str | None, period: str | None) -> Aggregation:
    """Parse `aggrMethods` and `aggrPeriodDuration`; raises BadRequestData where they are missing or wrong."""
    names = tuple(dict.fromkeys(name.strip() for name in (methods or "").split(",")))
    for name in names:
        if name not in METHODS:
            raise BadRequestData(f"aggrMethods is a list of {', '.join(METHODS)}; got {name[:40]!r}.")
    return Aggregation(names, parse_duration(period or "PT0S"))


def parse_duration(text: str) -> Period:
    """An ISO 8601 duration such as `PT1H` or `P1M`; raises BadRequestData where it is none."""
    match = _DURATION.fullmatch(text)
    if match is None or text[-1] in "PT":
        raise BadRequestData(f"A duration is written like PT1H or P1DT12H (ISO 8601), not {text[:40]!r}.")
    weeks, years, months, days, hours, minutes, seconds = (int(part or 0) for part in match.groups()[:7])
    if max(weeks, years, months, days, hours, minutes, seconds) > _MOST:
        raise BadRequestData("A number in the duration is too large.")
    micros = (weeks * 7 + days) * _DAY + ((hours * 60 + minutes) * 60 + seconds) * _SECOND
    return Period(years * 12 + months, micros + int((match[8] or "").ljust(6, "0")))


def aggregate(track: Track, aggregation: Aggregation, start: Instant, end: Instant | None) -> dict[str, list[Cell]]:
    """For each method its cells (value, start and end of the period), periods without values left out.

    `start` begins the first period; `end` ends the only one where the period is the whole range (None: with the last
    value). Methods that the values are not made for are missing.

    Raises:
        TooManyResults: more than `MAX_PERIODS` periods have values.
    """
    spans = list(_spans(track.times, aggregation.period, start, end))
    results: dict[str, list[Cell]] = {}
    for method in aggregation.methods:
        rule = _rule(method, track)
        if rule is not None:
            values, function = rule
            results[method] = [(function(values[i:j]), begin, stop) for i, j, begin, stop in spans]
    return results


def _spans(
    times: Sequence[Instant], period: Period, start: Instant, end: Instant | None
) -> Iterator[tuple[int, int, Instant, Instant]]:
    """Index from and to, begin and end of each period that has values."""
    if not period:
        yield 0, len(times), start, times[-1] if end is None else end
        return
    index, count, found = 0, 0, 0
    while index < len(times):
        if not period.months:
            # Straight to the period of the next value: there may be millions of empty ones between.
            count = (times[index] - start) // period.micros
        begin, stop = period.after(start, count), period.after(start, count + 1)
        following = bisect_left(times, stop, index)
        if following > index:
            found += 1
            if found > MAX_PERIODS:
                raise TooManyResults(
                    f"More than {MAX_PERIODS} periods have values: choose a longer aggrPeriodDuration."
                )
            yield index, following, begin, stop
        index, count = following, count + 1


Rule: TypeAlias = tuple[Sequence[Any], Callable[[Sequence[Any]], Any]]


def _rule(method: str, track: Track) -> Rule | None:
    """The values as the method wants them, and the function; None where it is not for values of their kind."""
    values = track.values
    if method == "totalCount":
        return values, len
    if method == "distinctCount":
        return values, _distinct_targets if track.kind in ("Relationship", "ListRelationship") else _distinct
    return _rule_for_values(method, values) if track.kind in ("Property", "ListProperty") else None


def _rule_for_values(method: str, values: Sequence[Any]) -> Rule | None:
    types = set(map(type, values))
    if types <= {int, float, bool}:
        return _as_numbers(values) if bool in types else values, _NUMERIC[method]
    if types == {list}:
        return ([len(value) for value in values], _NUMERIC[method]) if method in _OF_SIZES else None
    if len(types) > 1:
        return None
    return _text_rule(method, values) if str in types else _typed_rule(method, values) if dict in types else None


def _typed_rule(method: str, values: Sequence[Any]) -> Rule | None:
    """Values that tell that they are times (clause 4.6.3: `@type`, `@value`): there is a first and a last of them."""
    kind = values[0].get("@type")
    if kind not in ("DateTime", "Date", "Time") or any(value.get("@type") != kind for value in values):
        return None
    if not all(isinstance(value.get("@value"), str) for value in values):
        return None
    if method in ("max", "min"):
        return values, partial(max if method == "max" else min, key=_moment)
    texts = [value["@value"] for value in values]
    return (texts, _mean_time) if method == "avg" and kind == "Time" and all(map(_is_time, texts)) else None


def _moment(value: dict[str, str]) -> tuple[int, str]:
    """What orders times: DateTimes of any zone by their instants."""
    instant = parse_instant(value["@value"]) if value["@type"] == "DateTime" else None
    return (0, value["@value"]) if instant is None else (instant, "")


def _text_rule(method: str, values: Sequence[Any]) -> Rule | None:
    if method in ("max", "min"):
        return values, _NUMERIC[method]
    return (values, _mean_time) if method == "avg" and all(map(_is_time, values)) else None


def _as_numbers(values: Sequence[Any]) -> Sequence[Any]:
    return [int(value) if value is True or value is False else value for value in values]


def _distinct_targets(values: Sequence[Any]) -> int:
    """Of relationships, several targets of one instance count each (Table 4.5.19.1-3)."""
    return _distinct([target for value in values for target in (value if type(value) is list else [value])])


def _distinct(values: Sequence[Any]) -> int:
    try:
        # true and 1 are equal in Python, and two values in JSON.
        return len({(type(value) is bool, value) for value in values})
    except TypeError:
        return len({orjson.dumps(value, option=orjson.OPT_SORT_KEYS) for value in values})


def _mean(values: Sequence[Any]) -> float:
    return math.fsum(values) / len(values)


def _deviation(values: Sequence[Any]) -> float:
    """The standard deviation of the values as a population."""
    mean = _mean(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / len(values))


def _sum(values: Sequence[Any]) -> Any:
    return math.fsum(values) if float in map(type, values) else sum(values)


def _sum_of_squares(values: Sequence[Any]) -> Any:
    return _sum([value * value for value in values])


def _is_time(text: str) -> bool:
    try:
        time.fromisoformat(text)
    except ValueError:
        return False
    return "T" not in text and ":" in text


def _mean_time(values: Sequence[Any]) -> str:
    """The mean of times of day, as a time of day."""
    moments = [time.fromisoformat(value) for value in values]
    seconds = _mean([moment.hour * 3600 + moment.minute * 60 + moment.second for moment in moments])
    return (datetime.min.replace(tzinfo=UTC) + timedelta(seconds=round(seconds))).strftime("%H:%M:%S")


_OF_SIZES = ("avg", "max", "min", "sum")
_NUMERIC: dict[str, Callable[[Sequence[Any]], Any]] = {
    "avg": _mean,
    "max": max,
    "min": min,
    "stddev": _deviation,
    "sum": _sum,
    "sumsq": _sum_of_squares,
}


def not_eligible(attribute: str) -> InvalidRequest:
    """The error for an attribute that none of the methods is made for (clause 5.7.4.4)."""
    return InvalidRequest(f"None of the aggregation methods asked for is made for the values of {attribute}.")
