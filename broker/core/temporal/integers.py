"""Integers that follow each other closely, in few bytes: differences, in the narrowest width, by byte planes, deflated.

```
column = first (int64) unit (int64) order (uint8) width (uint8) length (uint32) data
```

`unit` divides all differences, so that times of full seconds cost as little as small numbers. `order` is how often
differences were taken (0: all are equal to the first, and there is no data). Bytes of equal weight stand together:
the high ones hardly differ, which deflate turns into next to nothing.
"""

import struct
import sys
import zlib
from array import array
from collections.abc import Iterable
from itertools import accumulate, pairwise
from math import gcd

_HEAD = struct.Struct("<qqBBI")
_TYPECODES = {1: "b", 2: "h", 4: "i", 8: "q"}
_LIMIT = 2**62
"""Largest absolute value taken, so that differences of differences stay within 64 bits where they are used."""


def fits(values: list[int]) -> bool:
    """Whether all are in the range that `pack_integers` takes."""
    return min(values) > -_LIMIT and max(values) < _LIMIT


def pack_integers(values: list[int]) -> bytes:
    """At least one integer, each of less than 62 bits, as a column."""
    first = values[0]
    steps = [later - earlier for earlier, later in pairwise(values)]
    unit = gcd(*steps)
    if not unit:
        return _HEAD.pack(first, 1, 0, 0, 0)
    steps = [step // unit for step in steps]
    best, best_head = _planes(steps), (1, _width(steps))
    second = [steps[0], *(later - earlier for earlier, later in pairwise(steps))]
    if min(second) >= -(2**63) and max(second) < 2**63:
        other = _planes(second)
        if len(other) < len(best):
            best, best_head = other, (2, _width(second))
    return _HEAD.pack(first, unit, *best_head, len(best)) + best


def unpack_integers(data: memoryview, offset: int, count: int) -> list[int]:
    """The `count` integers of the column that begins at that offset."""
    first, unit, order, width, length = _HEAD.unpack_from(data, offset)
    if not order:
        return [first] * count
    begin = offset + _HEAD.size
    steps: Iterable[int] = _joined(zlib.decompress(data[begin : begin + length]), width)
    if order == 2:
        steps = accumulate(steps)
    if unit == 1:
        return list(accumulate(steps, initial=first))
    return [first + unit * each for each in accumulate(steps, initial=0)]


def column_size(data: memoryview, offset: int) -> int:
    """The bytes of the column that begins at that offset."""
    length: int = _HEAD.unpack_from(data, offset)[4]
    return _HEAD.size + length


def pack_planes(data: bytes, width: int) -> bytes:
    """Items of `width` bytes each, all first bytes before all second ones and so on, deflated."""
    return zlib.compress(b"".join(data[place::width] for place in range(width)), 9)


def unpack_planes(data: bytes, width: int) -> bytes:
    """The inverse, on inflated data."""
    if width == 1:
        return data
    joined, count = bytearray(len(data)), len(data) // width
    for place in range(width):
        joined[place::width] = data[place * count : (place + 1) * count]
    return bytes(joined)


def _planes(values: list[int]) -> bytes:
    width = _width(values)
    return pack_planes(_little(array(_TYPECODES[width], values)).tobytes(), width)


def _joined(data: bytes, width: int) -> "array[int]":
    values: array[int] = array(_TYPECODES[width])
    values.frombytes(unpack_planes(data, width))
    return _little(values)


def _width(values: list[int]) -> int:
    reach = max(*values, -1 - min(values))
    return next(width for width in _TYPECODES if reach < 1 << (8 * width - 1))


def _little(values: "array[int]") -> "array[int]":
    if sys.byteorder == "big":
        values.byteswap()
    return values
