"""One temporal evolution out of those that several sources have (clauses 4.5.5, 5.7.3.4, 5.7.4.4).

The instances of all sources are united. What several of them tell of one observation, known by its dataset and its
time, is taken from one of them. The order in which sources come changes nothing.
"""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import orjson

from broker.core.model.instant import Instant
from broker.core.temporal.evolution import Evolution
from broker.core.temporal.sample import Sample, instance_id, time_of
from broker.core.temporal.series import Series

_Moment: TypeAlias = tuple[str | None, Instant | None]
"""The dataset and the time of an observation."""


def merge_evolutions(
    versions: Mapping[str, Evolution], supplements: Mapping[str, Evolution], timeproperty: str
) -> Evolution | None:
    """The evolution that those of equal sources make, by source; None where there is not one.

    Of `supplements`, the evolutions of auxiliary sources, only instances are taken at whose time of `timeproperty` no
    other source has one of that attribute and dataset.
    """
    merged = _united(versions, timeproperty)
    extra = _united(supplements, timeproperty)
    if merged is None or extra is None:
        return merged or extra
    for iri, series in extra.series.items():
        held = merged.series.get(iri)
        taken = set() if held is None else {_moment(each, timeproperty) for each in held.all()}
        added = [each for each in series.samples if _moment(each, timeproperty) not in taken]
        if added:
            merged.series[iri] = Series([*(held.all() if held is not None else ()), *added])
    return merged


def _united(versions: Mapping[str, Evolution], timeproperty: str) -> Evolution | None:
    found = [versions[name] for name in sorted(versions)]
    if not found:
        return None
    if len(found) == 1:
        only = found[0]
        return Evolution(only.id, only.types, dict(only.series), only.created_at, only.modified_at, only.deleted_at)
    names = dict.fromkeys(iri for each in found for iri in each.series)
    created = [each.created_at for each in found if each.created_at is not None]
    modified = [each.modified_at for each in found if each.modified_at is not None]
    gone = [each.deleted_at for each in found if each.deleted_at is not None]
    return Evolution(
        found[0].id,
        list(dict.fromkeys(name for each in found for name in each.types)),
        {
            iri: _united_series([each.series[iri] for each in found if iri in each.series], timeproperty)
            for iri in names
        },
        min(created, default=None),
        max(modified, default=None),
        max(gone) if len(gone) == len(found) else None,
    )


def _united_series(several: list[Series], timeproperty: str) -> Series:
    if len(several) == 1:
        return several[0]
    chosen: dict[_Moment, list[Sample]] = {}
    for series in several:
        groups: dict[_Moment, list[Sample]] = {}
        for sample in series.all():
            groups.setdefault(_observation(sample, timeproperty), []).append(sample)
        for moment, group in groups.items():
            other = chosen.get(moment)
            if other is None or _weight(group) > _weight(other):
                chosen[moment] = group
    by_id: dict[tuple[Any, str | None], Sample] = {}
    for sample in (each for group in chosen.values() for each in group):
        key = identity(sample) or id(sample), sample.instance.get("datasetId")
        former = by_id.get(key)
        if former is None or _age(sample) > _age(former):
            by_id[key] = sample
    return Series(list(by_id.values()))


def identity(sample: Sample) -> str | None:
    """The `instanceId` of a sample: what its source calls it (None: it has no name for it), else this broker."""
    instance = sample.instance
    given: str | None = instance["instanceId"] if "instanceId" in instance else instance_id(sample.at, sample.tie)
    return given


def _observation(sample: Sample, timeproperty: str) -> _Moment:
    """What tells an observation from others, wherever it was recorded."""
    instance = sample.instance
    observed: Instant | None = instance.get("observedAt")
    return instance.get("datasetId"), time_of(sample, timeproperty) if observed is None else observed


def _moment(sample: Sample, timeproperty: str) -> _Moment:
    return sample.instance.get("datasetId"), time_of(sample, timeproperty)


def _weight(group: Iterable[Sample]) -> tuple[int, list[tuple[int, bytes]]]:
    """Who recorded more of an observation has what it was corrected to as well; of as many the newest wins."""
    ages = sorted(map(_age, group), reverse=True)
    return len(ages), ages


def _age(sample: Sample) -> tuple[int, bytes]:
    content: dict[str, Any] = {**sample.instance, "instanceId": identity(sample)}
    return sample.instance.get("modifiedAt", -1), orjson.dumps(content, option=orjson.OPT_SORT_KEYS, default=str)
