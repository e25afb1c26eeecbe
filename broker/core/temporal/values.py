"""The values of a series as a column: decimals and whole numbers by their differences, few distinct ones by number.

```
column = form (1 byte) length (uint32) content
```

A decimal is kept as the integer that it is after shifting its point, where that gives the same float back.
"""

import struct
import sys
import zlib
from array import array
from typing import Any

import orjson

from broker.core.temporal.integers import column_size, fits, pack_integers, pack_planes, unpack_integers, unpack_planes

_HEAD = struct.Struct("<cI")
_WHOLE, _FLOATS, _DISTINCT = b"i", b"d", b"v"
_DECIMALS = b"0123456789"
_MIXED = b"ABCDEFGHIJ"
"""As decimals; where the result is whole it was an integer, as JavaScript writes numbers."""


def pack_values(values: list[Any]) -> bytes:
    """At least one JSON value as a column; each comes back with the type it had."""
    kinds = set(map(type, values))
    packed = None
    if kinds == {float}:
        packed = _packed_decimals(values, _DECIMALS) or _packed_floats(values)
    elif kinds == {int} and fits(values):
        packed = _WHOLE, pack_integers(values)
    elif kinds == {int, float} and not any(type(value) is float and value.is_integer() for value in values):
        packed = _packed_decimals(values, _MIXED)
    form, content = packed or (_DISTINCT, _packed_distinct(values))
    return _HEAD.pack(form, len(content)) + content


def unpack_values(data: memoryview, offset: int, count: int) -> list[Any]:
    """The `count` values of the column that begins at that offset."""
    form, length = _HEAD.unpack_from(data, offset)
    begin = offset + _HEAD.size
    if form == _WHOLE:
        return unpack_integers(data, begin, count)
    if form == _FLOATS:
        return _unpacked_floats(data[begin : begin + length])
    if form == _DISTINCT:
        size = column_size(data, begin)
        distinct = orjson.loads(zlib.decompress(data[begin + size : begin + length]))
        return [distinct[number] for number in unpack_integers(data, begin, count)]
    numbers = unpack_integers(data, begin, count)
    if form in _DECIMALS:
        scale = 10 ** _DECIMALS.index(form)
        return [number / scale for number in numbers]
    scale = 10 ** _MIXED.index(form)
    return [number / scale if number % scale else number // scale for number in numbers]


def values_size(data: memoryview, offset: int) -> int:
    """The bytes of the column that begins at that offset."""
    length: int = _HEAD.unpack_from(data, offset)[1]
    return _HEAD.size + length


def _packed_decimals(values: list[Any], forms: bytes) -> tuple[bytes, bytes] | None:
    """With as few decimals as they need; None where a float needs more than there are forms."""
    places = 0
    for value in values:
        # Beyond 2**53 not every integer is a float; a negative zero would lose its sign.
        if not abs(value) < 2**53 or (value == 0 and str(value)[0] == "-"):
            return None
        while round(value * 10**places) / 10**places != value:
            places += 1
            if places == len(forms):
                return None
    shifted = [round(value * 10**places) for value in values]
    if max(map(abs, shifted)) >= 2**53 or any(n / 10**places != v for n, v in zip(shifted, values, strict=True)):
        return None
    return forms[places : places + 1], pack_integers(shifted)


def _packed_floats(values: list[float]) -> tuple[bytes, bytes]:
    raw = array("d", values)
    if sys.byteorder == "big":
        raw.byteswap()
    return _FLOATS, pack_planes(raw.tobytes(), 8)


def _unpacked_floats(data: memoryview) -> list[float]:
    raw: array[float] = array("d")
    raw.frombytes(unpack_planes(zlib.decompress(data), 8))
    if sys.byteorder == "big":
        raw.byteswap()
    return raw.tolist()


def _packed_distinct(values: list[Any]) -> bytes:
    numbers: dict[bytes, int] = {}
    column = [numbers.setdefault(orjson.dumps(value), len(numbers)) for value in values]
    return pack_integers(column) + zlib.compress(b"[" + b",".join(numbers) + b"]", 9)
