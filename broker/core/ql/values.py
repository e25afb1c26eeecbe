"""Values of query terms as text, and dates and times inside stored strings (clauses 4.6.3, 4.9)."""

import json
import math
import re
from typing import Any

from broker.core.model.errors import BadRequestData
from broker.core.model.instant import parse_instant
from broker.core.ql.nodes import Value

_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_DATE = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])", re.ASCII)
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:[.,](\d{1,6}))?Z", re.ASCII)
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+", re.ASCII)
_INT64 = 2**63


def read_value(text: str) -> Value | None:
    """The value that an unquoted text stands for; None where it is none of the kinds (a bare word)."""
    if text in {"true", "false"}:
        return Value("boolean", text == "true")
    if _NUMBER.fullmatch(text):
        return Value("number", _number(text))
    if (instant := parse_instant(text)) is not None:
        return Value("dateTime", instant)
    if (micros := time_of_day(text)) is not None:
        return Value("time", micros)
    if _DATE.fullmatch(text):
        return Value("date", text)
    return Value("string", storable(text)) if _URI.fullmatch(text) else None


def read_quoted(text: str) -> Value:
    """The value of a JSON string with its quotes."""
    try:
        value = json.loads(text)
    except ValueError:
        raise BadRequestData(f"{text!r} is no JSON string: escape quotes and backslashes with a backslash.") from None
    return Value("string", storable(value))


def storable(text: str) -> str:
    """The text, if it is valid Unicode. Raises BadRequestData for a lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadRequestData("The query holds half of a surrogate pair: send valid Unicode.") from None
    return text


def is_date(text: Any) -> bool:
    """Whether a stored value is a Date."""
    return isinstance(text, str) and _DATE.fullmatch(text) is not None


def time_of_day(text: Any) -> int | None:
    """Microseconds since midnight of a Time; None where it is none."""
    match = _TIME.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None
    hour, minute, second, fraction = match.groups()
    seconds = (int(hour) * 60 + int(minute)) * 60 + int(second)
    return seconds * 1_000_000 + int((fraction or "").ljust(6, "0"))


def _number(text: str) -> int | float:
    if not any(sign in text for sign in ".eE") and len(text) <= 20:
        whole = int(text)
        if -_INT64 <= whole < _INT64:
            return whole
    number = float(text)
    if not math.isfinite(number):
        raise BadRequestData(f"{text} is beyond the range of numbers (about 1.8e308).")
    return number
