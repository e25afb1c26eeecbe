"""JavaScript's view of values: numbers, texts and truth as an expression written for FIWARE's agents expects them."""

import math
from typing import Any

TEXT_LIMIT = 65_536
"""Characters of a text that an expression may make; an attribute's value is rarely a hundredth of that."""
LIST_LIMIT = 10_000
"""Members of a list that an expression may make."""
_SAFE = 2**53


class NotEvaluable(Exception):
    """The expression has no value for these measures; the message says why."""


def needed(value: Any, what: str) -> Any:
    """The value, where there is one.

    Raises:
        NotEvaluable: It is null or missing.
    """
    if value is None:
        raise NotEvaluable(f"{what} is missing or null")
    return value


def normal(number: float) -> float:
    """A number as JSON would write it: whole ones without a fraction, no infinities.

    Raises:
        NotEvaluable: It is no number that JSON can hold.
    """
    if isinstance(number, int):
        return number if -_SAFE <= number <= _SAFE else float(number)
    if not math.isfinite(number):
        raise NotEvaluable("the result is no finite number")
    return int(number) if number.is_integer() and abs(number) <= _SAFE else number


def number(value: Any) -> float:
    """A value as JavaScript's arithmetic takes it.

    Raises:
        NotEvaluable: It is no number, nor a text that reads as one.
    """
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | float):
        return value
    if isinstance(value, str):
        try:
            return normal(float(value)) if value.strip() else 0
        except ValueError:
            raise NotEvaluable(f"{value[:40]!r} is no number") from None
    raise NotEvaluable("arithmetic needs numbers")


def text(value: Any) -> str:  # noqa: PLR0911  one return for each kind of value
    """A value as JavaScript turns it into text."""
    if isinstance(value, str):
        return value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        value = normal(value)
        return repr(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        return bounded(",".join("" if each is None else text(each) for each in value))
    return "[object Object]"


def truth(value: Any) -> bool:
    """Whether JavaScript takes it for true: empty lists and objects are."""
    return isinstance(value, list | dict) or bool(value)


def equal(left: Any, right: Any) -> bool:
    """JavaScript's `==` for JSON values: a number equals the text that reads as it."""
    if isinstance(left, str) != isinstance(right, str) and left is not None and right is not None:
        try:
            return number(left) == number(right)
        except NotEvaluable:
            return False
    return bool(left == right)


def bounded(made: str) -> str:
    """The text, where it is not too long.

    Raises:
        NotEvaluable: It is.
    """
    if len(made) > TEXT_LIMIT:
        raise NotEvaluable(f"the expression makes a text of more than {TEXT_LIMIT} characters")
    return made
