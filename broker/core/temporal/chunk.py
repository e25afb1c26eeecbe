"""A stretch of one series, of one dataset, as columns (ADR 11).

An instance falls apart into when it was recorded, its times, its value, and the rest of it. The rest (type, unit,
dataset, sub-attributes) is the same for most instances of a series, so the distinct ones are kept and numbered.
Inside of it, times that repeat those of the instance are left out by writing null.
"""

import zlib
from collections.abc import Collection, Iterable
from functools import cached_property
from typing import Any

import orjson

from broker.core.model.entity import VALUE_MEMBER, Instance
from broker.core.temporal.integers import column_size, pack_integers, unpack_integers
from broker.core.temporal.sample import Sample
from broker.core.temporal.values import pack_values, unpack_values, values_size

COLUMN_TIMES = ("observedAt", "createdAt", "modifiedAt")
"""The Temporal Properties that have a column of their own."""
_COLUMNS = ("at", "tie", "observedAt", "createdAt", "modifiedAt", "rest", "values")
_NOT_REST = frozenset(("value", "tie", "observedAt", "createdAt", "modifiedAt", *VALUE_MEMBER.values()))


class Chunk:
    """Packed samples; each column is unpacked when it is asked for."""

    def __init__(self, data: bytes, count: int) -> None:
        self._data = memoryview(data)
        self.count = count
        self._offsets: dict[str, int] = {}
        offset = 0
        for name in _COLUMNS:
            self._offsets[name] = offset
            size = values_size if name == "values" else column_size
            offset += size(self._data, offset)
        self._rests_at = offset

    def times(self, name: str) -> list[int]:
        """`at`, or the instants of `observedAt`, `createdAt` or `modifiedAt`; meaningless where `rests` say so."""
        return unpack_integers(self._data, self._offsets[name], self.count)

    @cached_property
    def values(self) -> list[Any]:
        """What the instances hold."""
        return unpack_values(self._data, self._offsets["values"], self.count)

    @cached_property
    def rests(self) -> list[Instance]:
        """The distinct rests of the instances. `observedAt` is false in those that have none."""
        found: list[Instance] = orjson.loads(zlib.decompress(self._data[self._rests_at :]))
        return found

    @property
    def numbers(self) -> list[int]:
        """For each sample, which of the rests is its."""
        return unpack_integers(self._data, self._offsets["rest"], self.count)

    @property
    def keys(self) -> list[tuple[int, int]]:
        """The keys of the samples."""
        return list(zip(self.times("at"), unpack_integers(self._data, self._offsets["tie"], self.count), strict=True))

    def samples(self, without: Collection[tuple[int, int]] = ()) -> list[Sample]:
        """All samples but those with these keys."""
        rests = self.rests
        columns = (self.keys, *map(self.times, COLUMN_TIMES), self.numbers, self.values)
        return [
            Sample(key[0], key[1], _whole(rests[number], value, observed, created, modified))
            for key, observed, created, modified, number, value in zip(*columns, strict=True)
            if key not in without
        ]


def pack(samples: Iterable[Sample]) -> bytes:
    """At least one sample, in the order given, as the data of a `Chunk`."""
    numbers: dict[bytes, int] = {}
    columns: dict[str, list[Any]] = {name: [] for name in _COLUMNS}
    for sample in samples:
        instance = sample.instance
        created, modified = instance.get("createdAt", sample.at), instance.get("modifiedAt", sample.at)
        columns["at"].append(sample.at)
        columns["tie"].append(sample.tie)
        columns["observedAt"].append(instance.get("observedAt", modified))
        columns["createdAt"].append(created)
        columns["modifiedAt"].append(modified)
        columns["values"].append(instance[VALUE_MEMBER[instance["type"]]])
        rest = orjson.dumps(_rest(instance, created, modified), option=orjson.OPT_SORT_KEYS)
        columns["rest"].append(numbers.setdefault(rest, len(numbers)))
    packed = [pack_values(columns[name]) if name == "values" else pack_integers(columns[name]) for name in _COLUMNS]
    return b"".join(packed) + zlib.compress(b"[" + b",".join(numbers) + b"]", 9)


def _rest(instance: Instance, created: int, modified: int) -> Instance:
    rest: Instance = {member: value for member, value in instance.items() if member not in _NOT_REST}
    if "observedAt" not in instance:
        rest["observedAt"] = False
    if rest.get("deletedAt") == modified:
        rest["deletedAt"] = None
    if "attributes" in instance:
        rest["attributes"] = _without_times(instance["attributes"], _owned(instance, created, modified))
    return rest


def _whole(rest: Instance, value: Any, observed: int, created: int, modified: int) -> Instance:
    instance: Instance = dict(rest)
    instance[VALUE_MEMBER[rest["type"]]] = value
    if rest.get("observedAt", True):
        instance["observedAt"] = observed
    else:
        del instance["observedAt"]
    instance["createdAt"] = created
    instance["modifiedAt"] = modified
    if "deletedAt" in rest and rest["deletedAt"] is None:
        instance["deletedAt"] = modified
    if "attributes" in rest:
        instance["attributes"] = _with_times(rest["attributes"], _owned(instance, created, modified))
    return instance


def _owned(instance: Instance, created: int, modified: int) -> dict[str, int]:
    """The times that sub-attributes may repeat."""
    times = {"createdAt": created, "modifiedAt": modified}
    if "observedAt" in instance:
        times["observedAt"] = instance["observedAt"]
    return times


def _without_times(attributes: dict[str, list[Instance]], times: dict[str, int]) -> dict[str, list[Instance]]:
    return {iri: [_bared(each, times) for each in instances] for iri, instances in attributes.items()}


def _bared(instance: Instance, times: dict[str, int]) -> Instance:
    bared: Instance = {
        name: None if name in times and value == times[name] else value for name, value in instance.items()
    }
    if "attributes" in bared:
        bared["attributes"] = _without_times(bared["attributes"], times)
    return bared


def _with_times(attributes: dict[str, list[Instance]], times: dict[str, int]) -> dict[str, list[Instance]]:
    return {iri: [_timed(each, times) for each in instances] for iri, instances in attributes.items()}


def _timed(instance: Instance, times: dict[str, int]) -> Instance:
    timed: Instance = {
        name: times[name] if value is None and name in times else value for name, value in instance.items()
    }
    if "attributes" in timed:
        timed["attributes"] = _with_times(timed["attributes"], times)
    return timed
