"""FIWARE's transforms, by the names in which provisioning uses them.

The names and what they give are those of the IoT agents' documentation. A transform that cannot work on its input gives
null, and the attribute is skipped. `replaceallstr` is documented there and was never there; here it is.
"""

import math
import re
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from urllib.parse import quote, unquote

import orjson

from agents.core.instant import format_instant, parse_instant
from agents.core.jexl.locale import locale_number, locale_time
from agents.core.jexl.patterns import replace
from agents.core.jexl.values import LIST_LIMIT, NotEvaluable, bounded, normal, number, text

NULL_TAKING = frozenset({"typeof", "isarray", "isnan", "jsonstringify", "addset", "concatarr"})
"""Transforms that have an answer where their input is missing."""
_LEADING_INTEGER = re.compile(r"\s*([+-]?\d{1,300})")
_LEADING_NUMBER = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?)")
_NOT_QUOTED = ";/?:@&=+$,#-_.!~*'()"  # what encodeURI leaves alone, ECMA-262 19.2.6
_WORD = 0xFFFFFFFF


def _jsonparse(value: Any) -> Any:
    try:
        return orjson.loads(text(value))
    except orjson.JSONDecodeError:
        return None


def _substr(value: Any, start: Any, length: Any = None) -> str:
    whole = text(value)
    first = int(number(start))
    first = max(len(whole) + first, 0) if first < 0 else first
    return whole[first:] if length is None else whole[first : first + max(int(number(length)), 0)]


def _addreduce(members: Any) -> Any:
    if not isinstance(members, list) or not members:
        return None
    if any(isinstance(each, str) for each in members):
        return bounded("".join(text(each) for each in members))
    return normal(math.fsum(number(each) for each in members))


def _typeof(value: Any) -> str:
    if value is None:
        return "undefined"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "string" if isinstance(value, str) else "object"


def _isnan(value: Any) -> bool:
    try:
        number(value)
    except NotEvaluable:
        return True
    return False


def _parseint(value: Any) -> Any:
    match = _LEADING_INTEGER.match(text(value))
    return normal(int(match[1])) if match else None


def _parsefloat(value: Any) -> Any:
    match = _LEADING_NUMBER.match(text(value))
    return normal(float(match[1])) if match else None


def _instant(value: Any) -> int | None:
    """Microseconds of what JavaScript's Date takes: milliseconds or ISO text."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return round(value * 1000) if abs(value) <= 8_640_000_000_000_000 else None
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        value += "T00:00Z"
    return parse_instant(value)


def _toisodate(value: Any) -> str | None:
    instant = _instant(value)
    if instant is None or not -62_135_596_800 <= instant // 1_000_000 < 253_402_300_800:  # the years 1 to 9999
        return None
    written = format_instant(instant - instant % 1000)
    return written if "." in written else written[:-1] + ".000Z"


def _gettime(value: Any) -> int | None:
    instant = _instant(value)
    return None if instant is None else instant // 1000


def _split(value: Any, separator: Any) -> list[Any]:
    whole, mark = text(value), text(separator)
    return _listed(whole.split(mark) if mark else list(whole))


def _listed(members: list[Any]) -> list[Any]:
    if len(members) > LIST_LIMIT:
        raise NotEvaluable(f"the expression makes a list of more than {LIST_LIMIT} members")
    return members


def _joined(members: Any, separator: Any = ",") -> str | None:
    if not isinstance(members, list):
        return None
    return bounded(text(separator).join("" if each is None else text(each) for each in members))


def _concatarr(members: Any, others: Any) -> list[Any] | None:
    if not isinstance(members, list):
        return None
    return _listed(members + (others if isinstance(others, list) else [others]))


def _same(left: Any, right: Any) -> bool:
    """JavaScript's `===`."""
    return _typeof(left) == _typeof(right) and bool(left == right)


def _mapper(value: Any, values: Any, choices: Any) -> Any:
    for position, each in enumerate(values):
        if _same(each, value):
            return choices[position] if position < len(choices) else None
    return None


def _thmapper(value: Any, thresholds: Any, choices: Any) -> Any:
    measured = number(value)
    for position, each in enumerate(thresholds):
        if measured <= number(each):
            return choices[position] if position < len(choices) else None
    return None


def _signed(word: int) -> int:
    word &= _WORD
    return word - 2**32 if word >= 2**31 else word


def _bitwisemask(value: Any, mask: Any, operator: str, shift: Any = 0) -> Any:
    whole, bits = _parseint(value), int(number(mask))
    if whole is None:
        return None
    whole = int(whole)
    masked = {"&": whole & bits, "|": whole | bits, "^": whole ^ bits}.get(operator, whole)
    return _signed(masked) >> (int(number(shift)) & 31)


def _sliced(members: Any, start: Any, end: Any = None) -> Any:
    if not isinstance(members, list | str):
        return None
    return members[int(number(start)) : None if end is None else int(number(end))]


def _addset(members: Any, member: Any) -> list[Any]:
    return _listed(_unique([*(members if isinstance(members, list) else []), member]))


def _unique(members: list[Any]) -> list[Any]:
    kept: list[Any] = []
    seen: set[str] = set()
    for each in members:
        key = _typeof(each) + text(each) if not isinstance(each, list | Mapping) else orjson.dumps(each).decode()
        if key not in seen:
            seen.add(key)
            kept.append(each)
    return kept


def _removeset(members: Any, member: Any) -> list[Any] | None:
    if not isinstance(members, list):
        return None
    return [each for each in _unique(members) if not _same(each, member)]


def _round(value: Any) -> Any:
    return normal(math.floor(number(value) + 0.5))  # JavaScript rounds halves up


def _tofixed(value: Any, decimals: Any) -> str | None:
    measured, places = _parsefloat(value), _parseint(decimals)
    if measured is None or places is None or not 0 <= places <= 100:
        return None
    # The digits of the number as it is in binary, as JavaScript does it.
    exact = Decimal(measured).quantize(Decimal(1).scaleb(-int(places)), ROUND_HALF_UP) if abs(measured) < 1e21 else None
    return None if exact is None else f"{exact:f}"


def _hextostring(value: Any) -> str | None:
    if not isinstance(value, str) or not value:
        return None
    try:
        return bytes.fromhex(value).decode("utf-8", "replace")
    except ValueError:
        return None


def _picked(value: Any, wanted: list[Any]) -> list[str] | None:
    if not isinstance(value, Mapping):
        return None
    return [name for name, each in value.items() if any(_same(each, one) for one in wanted)]


def _hash(value: Any) -> str:
    result = 0
    encoded = text(value).encode("utf-16-le", "surrogatepass")
    for at in range(0, len(encoded), 2):
        result = _signed((result << 5) - result + int.from_bytes(encoded[at : at + 2], "little"))
    return f"{abs(result):08X}"


def _localestring(value: Any, locale: Any = None, options: Any = None) -> str | None:
    instant = _instant(value)
    return None if instant is None else locale_time(instant, locale, options)


def _localestringnumber(value: Any, locale: Any = None, options: Any = None) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return locale_number(value, locale, options)


def _replaceall(value: Any, old: Any, new: Any) -> str:
    whole, searched, other = text(value), text(old), text(new)
    if len(whole) * max(len(other), 1) > 2**24:
        raise NotEvaluable("the replacement makes too long a text")
    return bounded(whole.replace(searched, other))


TRANSFORMS: Mapping[str, Callable[..., Any]] = {
    "jsonparse": _jsonparse,
    "jsonstringify": lambda value: orjson.dumps(value).decode(),
    "indexOf": lambda value, searched: text(value).find(text(searched)),
    "length": lambda value: len(text(value)),
    "trim": lambda value: text(value).strip(),
    "substr": _substr,
    "addreduce": _addreduce,
    "lengtharray": lambda members: len(members) if isinstance(members, list | str) else None,
    "typeof": _typeof,
    "isarray": lambda value: isinstance(value, list),
    "isnan": _isnan,
    "parseint": _parseint,
    "parsefloat": _parsefloat,
    "toisodate": _toisodate,
    "toisostring": _toisodate,
    # The agents live in UTC.
    "timeoffset": lambda value: None if _instant(value) is None else 0,
    "gettime": _gettime,
    "tostring": text,
    "urlencode": lambda value: bounded(quote(text(value), safe=_NOT_QUOTED)),
    "urldecode": lambda value: unquote(text(value), errors="replace"),
    "replacestr": lambda value, old, new: bounded(text(value).replace(text(old), text(new), 1)),
    "replaceallstr": _replaceall,
    "replaceregexp": lambda value, pattern, new: replace(text(value), text(pattern), text(new), all_of_them=False),
    "replaceallregexp": lambda value, pattern, new: replace(text(value), text(pattern), text(new), all_of_them=True),
    "split": _split,
    "joinarrtostr": _joined,
    "concatarr": _concatarr,
    "mapper": _mapper,
    "thmapper": _thmapper,
    "bitwisemask": _bitwisemask,
    "slice": _sliced,
    "addset": _addset,
    "removeset": _removeset,
    "touppercase": lambda value: text(value).upper(),
    "tolowercase": lambda value: text(value).lower(),
    "round": _round,
    "floor": lambda value: normal(math.floor(number(value))),
    "ceil": lambda value: normal(math.ceil(number(value))),
    "tofixed": _tofixed,
    "localestring": _localestring,
    "localestringnumber": _localestringnumber,
    "hextostring": _hextostring,
    "valuePicker": lambda value, pick: _picked(value, [pick]),
    "valuePickerMulti": lambda value, picks: _picked(value, picks if isinstance(picks, list) else []),
    "hash": _hash,
}
"""Every transform but `now`, which needs the present instant."""
