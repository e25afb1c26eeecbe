"""The temporal evolution of one entity, and the excerpt of it that a request asks for (clauses 4.5.6, 5.7.3, 5.7.4)."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

from broker.core.model.draft import SCOPE
from broker.core.model.entity import Attributes, Entity
from broker.core.model.instant import Instant
from broker.core.ql.temporal import TemporalQuery
from broker.core.temporal.sample import Sample, time_of
from broker.core.temporal.series import Series, natural_time


@dataclass(slots=True)
class Evolution:
    """All series of one entity that were asked for. `deleted_at`: when the entity itself was deleted."""

    id: str
    types: list[str]
    series: dict[str, Series] = field(default_factory=dict)
    created_at: Instant | None = None
    modified_at: Instant | None = None
    deleted_at: Instant | None = None


@dataclass(slots=True)
class Excerpt:
    """The samples of an evolution that are to be shown, by attribute, in order of time.

    `kinds`: the kind (Property ...) of each attribute, also of one whose samples are all beyond a page.
    """

    evolution: Evolution
    samples: dict[str, list[Sample]]
    kinds: dict[str, str] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether nothing of it is left."""
        return not any(self.samples.values())

    def as_entity(self) -> Entity:
        """An entity that has all shown instances at once, so that queries can be asked of it (clause 5.7.4.4)."""
        attributes: Attributes = {
            iri: [each.instance for each in samples if "deletedAt" not in each.instance]
            for iri, samples in self.samples.items()
            if iri != SCOPE
        }
        return Entity(
            self.evolution.id, self.evolution.types, {iri: found for iri, found in attributes.items() if found}
        )


@dataclass(frozen=True, slots=True)
class Demand:
    """What a request asks of each evolution: the range, the last so many of an attribute, and how many in one answer.

    `timeproperty` is that of the range, or what orders the samples where no range is given.
    """

    query: TemporalQuery | None = None
    last: int | None = None
    page: int | None = None
    attributes: frozenset[str] | None = None
    dataset_ids: frozenset[str] | None = None

    def admits(self, sample: Sample) -> bool:
        """Whether the sample is of a dataset asked for."""
        return self.dataset_ids is None or sample.instance.get("datasetId", "@none") in self.dataset_ids

    def time(self, sample: Sample) -> Instant:
        """What orders the sample."""
        if self.query is None:
            return natural_time(sample)
        time = time_of(sample, self.query.timeproperty)
        return sample.at if time is None else time


@dataclass(frozen=True, slots=True)
class Cut:
    """What one answer holds of a longer range: the first and the last instant in it (clause 6.3.10)."""

    first: Instant
    last: Instant


def excerpt(evolution: Evolution, demand: Demand) -> Excerpt:
    """What the demand finds in it, not yet cut to the last ones or to a page."""
    names = evolution.series if demand.attributes is None else demand.attributes & evolution.series.keys()
    admits = None if demand.dataset_ids is None else demand.admits
    samples = {iri: evolution.series[iri].select(demand.query, admits) for iri in evolution.series if iri in names}
    samples = {iri: found for iri, found in samples.items() if found}
    return Excerpt(evolution, samples, {iri: found[0].instance["type"] for iri, found in samples.items()})


def scopes_in_force(evolution: Evolution, query: TemporalQuery | None) -> list[list[str]]:
    """The scopes that the entity had at any time of a range: set within it, or before and still valid (C.5.16)."""
    series = evolution.series.get(SCOPE)
    if series is None:
        return []
    if query is None or query.start is None:
        found = series.select(query)
    else:
        known = series.select(TemporalQuery(None, query.end, query.timeproperty))
        times = [time_of(each, query.timeproperty) or 0 for each in known]
        found = known[max(bisect_right(times, query.start) - 1, 0) :]
    return [each.instance["value"] for each in found if each.instance["value"]]


def shorten(excerpts: Sequence[Excerpt], demand: Demand, edge: Instant | None = None) -> Cut | None:
    """Leave only the last ones of each attribute, then what fits into one answer; None where all of that fits.

    Beyond the `edge` there is more that is not known: it does not fit either.

    An answer is cut at one instant for all attributes of all its entities, so that no gaps come about: one whose
    samples all lie beyond stays, with none. `lastN` pages backwards, from the most recent samples.
    """
    if demand.last is not None:
        for each in excerpts:
            each.samples = {iri: samples[-demand.last :] for iri, samples in each.samples.items()}
    if demand.page is None:
        return None
    backwards = demand.last is not None
    bound = edge
    for each in excerpts:
        for samples in each.samples.values():
            if len(samples) > demand.page:
                times = [demand.time(sample) for sample in samples]
                mine = _backward_bound(times, demand.page) if backwards else _forward_bound(times, demand.page)
                if mine is not None:
                    bound = mine if bound is None else (max if backwards else min)(bound, mine)
    if bound is None:
        return None
    for each in excerpts:
        each.samples = {
            iri: [s for s in samples if (demand.time(s) >= bound if backwards else demand.time(s) <= bound)]
            for iri, samples in each.samples.items()
        }
    times = [demand.time(sample) for each in excerpts for samples in each.samples.values() for sample in samples]
    return Cut(min(times, default=bound), max(times, default=bound))


def _forward_bound(times: list[Instant], page: int) -> Instant | None:
    """The last instant of a page: full, but for what shares its instant with the next page; None: it all goes in."""
    following = times[page]
    kept = [time for time in times[:page] if time < following]
    # So many of one instant can't be told apart by time: they go out together.
    bound = kept[-1] if kept else following
    return bound if bound < times[-1] else None


def _backward_bound(times: list[Instant], page: int) -> Instant | None:
    following = times[-page - 1]
    kept = [time for time in times[-page:] if time > following]
    bound = kept[0] if kept else following
    return bound if bound > times[0] else None
