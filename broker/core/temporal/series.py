"""The series of an entity's attributes, from samples just recorded and from chunks (clauses 4.5.6 to 4.5.9)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import compress, islice
from operator import gt, itemgetter
from typing import Any, TypeAlias

from broker.core.model.entity import VALUE_MEMBER
from broker.core.model.instant import Instant
from broker.core.ql.evaluate import DEFAULT_INSTANCE
from broker.core.ql.temporal import TemporalQuery
from broker.core.temporal.chunk import COLUMN_TIMES, Chunk
from broker.core.temporal.sample import Sample, time_of

Select: TypeAlias = Callable[[Sample], bool]


@dataclass(slots=True)
class Track:
    """What aggregation needs of a series: its kind, and instants and values in the order of the instants."""

    kind: str
    times: Sequence[Instant]
    values: Sequence[Any]


@dataclass(slots=True)
class Series:
    """All that is known of one attribute of one entity, in no order."""

    samples: list[Sample] = field(default_factory=list)
    chunks: list[Chunk] = field(default_factory=list)

    def all(self) -> list[Sample]:
        """Every sample once. What was recorded apart wins over its copy in a chunk (while it is being moved)."""
        keys = {sample.key for sample in self.samples}
        found = list(self.samples)
        for chunk in self.chunks:
            found += chunk.samples(keys)
        return found

    def select(self, query: TemporalQuery | None, admits: Select | None = None) -> list[Sample]:
        """The samples that a temporal query finds, by the time it asks about (clause 4.11).

        Without a query all are found; those that have no `observedAt` stand where they were recorded.
        """
        if query is None:
            found = self.all() if admits is None else list(filter(admits, self.all()))
            return sorted(found, key=natural_time)
        timed = [(time_of(each, query.timeproperty), each) for each in self.all() if admits is None or admits(each)]
        inside = [(time, each) for time, each in timed if time is not None and _within(time, query)]
        inside.sort(key=itemgetter(0))
        return [each for _, each in inside]

    def reaches(self, query: TemporalQuery | None) -> bool:
        """Whether a temporal query finds anything, looked up without building what it finds."""
        if query is None:
            return bool(self.samples or self.chunks)
        for sample in self.samples:
            time = time_of(sample, query.timeproperty)
            if time is not None and _within(time, query):
                return True
        return any(_reaches(chunk, query) for chunk in self.chunks)

    def tracks(self, query: TemporalQuery, dataset_ids: frozenset[str] | None = None) -> dict[str | None, Track]:
        """The values that a temporal query finds, deletions left out, for each dataset that has any."""
        found: dict[str | None, _Pairs] = {}
        keys = {sample.key for sample in self.samples}
        loose = list(self.samples)
        for chunk in self.chunks:
            if keys and not keys.isdisjoint(chunk.keys):
                loose += chunk.samples(keys)
            else:
                dataset = chunk.rests[0].get("datasetId")
                if dataset_ids is None or (dataset or DEFAULT_INSTANCE) in dataset_ids:
                    _take(chunk, query, found.setdefault(dataset, _Pairs()))
        for sample in loose:
            dataset = sample.instance.get("datasetId")
            if dataset_ids is None or (dataset or DEFAULT_INSTANCE) in dataset_ids:
                _take_one(sample, query, found.setdefault(dataset, _Pairs()))
        return {dataset: pairs.track() for dataset, pairs in found.items() if pairs.times}


@dataclass(slots=True)
class _Pairs:
    """Instants and values side by side, and the kinds of the instances they are from."""

    kinds: set[str] = field(default_factory=set)
    times: list[Instant] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)

    def track(self) -> Track:
        times, values = self.times, self.values
        if any(map(gt, times, islice(times, 1, None))):
            order = sorted(range(len(times)), key=times.__getitem__)
            times, values = [times[place] for place in order], [values[place] for place in order]
        return Track(min(self.kinds), times, values)


def natural_time(sample: Sample) -> Instant:
    """Where a sample stands when no query names a time: when it was observed, else when it was recorded."""
    time: Instant = sample.instance.get("observedAt", sample.at)
    return time


def _within(time: Instant, query: TemporalQuery) -> bool:
    return (query.start is None or time >= query.start) and (query.end is None or time < query.end)


def _take_one(sample: Sample, query: TemporalQuery, pairs: _Pairs) -> None:
    instance = sample.instance
    time = time_of(sample, query.timeproperty)
    if time is None or "deletedAt" in instance or not _within(time, query):
        return
    pairs.kinds.add(instance["type"])
    pairs.times.append(time)
    pairs.values.append(instance[VALUE_MEMBER[instance["type"]]])


def _take(chunk: Chunk, query: TemporalQuery, pairs: _Pairs) -> None:
    """Add what the query finds in a chunk, without building instances."""
    fine = ["deletedAt" not in rest and _has(rest, query.timeproperty) for rest in chunk.rests]
    if not any(fine):
        return
    times: Sequence[Instant] = chunk.times(query.timeproperty)
    values: Sequence[Any] = chunk.values
    if not all(fine):
        chosen = [fine[number] for number in chunk.numbers]
        times, values = list(compress(times, chosen)), list(compress(values, chosen))
    if not (_within(min(times), query) and _within(max(times), query)):
        chosen = [_within(time, query) for time in times]
        times, values = list(compress(times, chosen)), list(compress(values, chosen))
    if times:
        pairs.kinds.update(rest["type"] for rest, good in zip(chunk.rests, fine, strict=True) if good)
        pairs.times += times
        pairs.values += values


def _reaches(chunk: Chunk, query: TemporalQuery) -> bool:
    if query.timeproperty not in COLUMN_TIMES or not all(_has(rest, query.timeproperty) for rest in chunk.rests):
        return bool(Series([], [chunk]).select(query))
    return any(_within(time, query) for time in chunk.times(query.timeproperty))


def _has(rest: dict[str, Any], timeproperty: str) -> bool:
    return timeproperty != "observedAt" or rest.get("observedAt", True) is not False
