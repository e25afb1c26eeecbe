"""What is within an offer of an entity's history: what was recorded while the entity was within it."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence

from broker.core.federate.offered import View
from broker.core.model.draft import SCOPE
from broker.core.model.entity import Entity, Instance
from broker.core.model.instant import Instant
from broker.core.ql.geo import LOCATION
from broker.core.temporal.evolution import Evolution
from broker.core.temporal.sample import Sample, scope_instance
from broker.core.temporal.series import Series, natural_time

PLACES = frozenset((SCOPE, LOCATION))
"""What tells whether an entity was within an offer of scopes or an area."""

Places = Mapping[str, Sequence[Sample]]


class Course:
    """When an entity was within an offer, by its scopes and locations. What is first known counts for before, too."""

    def __init__(self, view: View, entity_id: str, types: list[str], places: Places) -> None:
        self._times: list[Instant] = []
        self._within: list[bool] = []
        samples = [(natural_time(each), iri, each) for iri in sorted(PLACES) for each in places.get(iri, ())]
        samples.sort(key=lambda each: each[0])
        scopes: list[str] | None = None
        locations: dict[str | None, Instance] = {}
        for time, iri, sample in samples:
            instance = sample.instance
            if iri == SCOPE:
                scopes = instance["value"] or None
            elif "deletedAt" in instance:
                locations.pop(instance.get("datasetId"), None)
            else:
                locations[instance.get("datasetId")] = instance
            attributes = {LOCATION: list(locations.values())} if locations else {}
            self._note(time, bool(view.reaches(Entity(entity_id, types, attributes, scopes))))

    def includes(self, sample: Sample) -> bool:
        """Whether the entity was within the offer at the time of the sample."""
        if not self._times:
            return False
        return self._within[max(bisect_right(self._times, natural_time(sample)) - 1, 0)]

    def _note(self, time: Instant, is_within: bool) -> None:
        if self._times and self._times[-1] == time:
            self._within[-1] = is_within
        else:
            self._times.append(time)
            self._within.append(is_within)


def places_of(evolution: Evolution, current: Entity | None) -> dict[str, list[Sample]]:
    """Where an entity was, whose series of PLACES are all loaded; of what has no history, as it is now."""
    places = {iri: series.all() for iri, series in evolution.series.items() if iri in PLACES}
    if current is not None and SCOPE not in places and current.scopes:
        places[SCOPE] = [Sample(0, 0, scope_instance(current.scopes, 0))]
    if current is not None and LOCATION not in places and LOCATION in current.attributes:
        timeless = [
            {name: each[name] for name in each if name != "observedAt"} for each in current.attributes[LOCATION]
        ]
        places[LOCATION] = [Sample(0, tie, each) for tie, each in enumerate(timeless)]
    return places


def trim(evolution: Evolution, view: View) -> None:
    """Leave the series of attributes that are offered; scopes belong to the entity."""
    if view.names:
        kept = view.names | {SCOPE}
        evolution.series = {iri: each for iri, each in evolution.series.items() if iri in kept}


def cut(evolution: Evolution, course: Course) -> None:
    """Leave what was recorded while the entity was within the offer."""
    found = {iri: list(filter(course.includes, each.all())) for iri, each in evolution.series.items()}
    evolution.series = {iri: Series(samples) for iri, samples in found.items() if samples}


def added(places: Places, samples: Mapping[str, Iterable[Sample]]) -> dict[str, list[Sample]]:
    """The places with those among some samples, by attribute."""
    return {iri: [*places.get(iri, ()), *samples.get(iri, ())] for iri in PLACES}
