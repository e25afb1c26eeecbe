"""How one target value stands to the values of a query term (clause 4.9).

Values of different data types never are equal nor ordered. A Date, Time or DateTime is a string of that form, or the
`@value` of a JSON-LD typed value. Texts compare by code point (RFC 8259, 8.3).
"""

import operator
from collections.abc import Callable
from typing import Any, TypeAlias

from broker.core.model.instant import parse_instant
from broker.core.ql.nodes import Operator, Range, Value, ValueKind
from broker.core.ql.values import is_date, time_of_day

ValueTest: TypeAlias = Callable[[Any], bool]

_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


def equals_any(values: tuple[Value | Range, ...]) -> ValueTest:
    """Whether a target is one of the values, holds one of them as a member of an array, or lies in a range."""
    if len(values) == 1:
        one = values[0]
        return _in_range(one) if isinstance(one, Range) else _equals(one)
    tests = [equals_any((value,)) for value in values]
    return lambda target: any(test(target) for test in tests)


def stands(relation: Operator, value: Value) -> ValueTest:
    """Whether a target is of the value's type and stands in this order to it."""
    read, compare, bound = _READERS[value.kind], _ORDERS[relation], value.value

    def test(target: Any) -> bool:
        found = read(target)
        return found is not None and compare(found, bound)

    return test


def _equals(value: Value) -> ValueTest:
    read, wanted = _READERS[value.kind], value.value

    def test(target: Any) -> bool:
        if isinstance(target, list):
            return any(read(each) == wanted for each in target)
        return bool(read(target) == wanted)

    return test


def _in_range(bounds: Range) -> ValueTest:
    read, low, high = _READERS[bounds.low.kind], bounds.low.value, bounds.high.value

    def test(target: Any) -> bool:
        found = read(target)
        return found is not None and low <= found <= high

    return test


def _number(target: Any) -> int | float | None:
    return target if isinstance(target, int | float) and not isinstance(target, bool) else None


def _string(target: Any) -> str | None:
    return target if isinstance(target, str) else None


def _boolean(target: Any) -> bool | None:
    return target if isinstance(target, bool) else None


def _typed(target: Any) -> Any:
    return target.get("@value") if isinstance(target, dict) else target


def _date_time(target: Any) -> int | None:
    text = _typed(target)
    return parse_instant(text) if isinstance(text, str) else None


def _date(target: Any) -> str | None:
    text = _typed(target)
    return text if is_date(text) else None


def _time(target: Any) -> int | None:
    return time_of_day(_typed(target))


_READERS: dict[ValueKind, Callable[[Any], Any]] = {
    "number": _number,
    "string": _string,
    "boolean": _boolean,
    "dateTime": _date_time,
    "date": _date,
    "time": _time,
}
"""What a target is to a value of this kind; None where it is of another type."""
