"""The aggregated values of an evolution (clause 4.5.19)."""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from broker.core.model.draft import SCOPE
from broker.core.model.instant import Instant
from broker.core.ql.temporal import TemporalQuery
from broker.core.temporal.aggregate import Aggregation, Cell, aggregate, not_eligible
from broker.core.temporal.evolution import Demand, Evolution
from broker.core.temporal.series import Track

Aggregated: TypeAlias = Mapping[str, Mapping[str | None, tuple[str, Mapping[str, list[Cell]]]]]
"""Attribute IRI, then dataset, to the kind of attribute and the cells of each method."""


def aggregated(evolution: Evolution, demand: Demand, aggregation: Aggregation) -> Aggregated:
    """The cells of each attribute that a method suits; scopes only where they are asked for.

    Raises InvalidRequest where no method suits an attribute asked for.
    """
    query = demand.query or TemporalQuery(None, None)
    tracks = {
        iri: series.tracks(query, demand.dataset_ids)
        for iri, series in evolution.series.items()
        if (iri != SCOPE if demand.attributes is None else iri in demand.attributes)
    }
    start = query.start if query.start is not None else _earliest(tracks.values())
    results: dict[str, dict[str | None, tuple[str, Mapping[str, list[Cell]]]]] = {}
    for iri, by_dataset in tracks.items():
        for dataset, track in by_dataset.items():
            cells = aggregate(track, aggregation, start, query.end)
            if cells:
                results.setdefault(iri, {})[dataset] = (track.kind, cells)
            elif demand.attributes is not None:
                raise not_eligible(iri)
    return results


def _earliest(tracks: Iterable[Mapping[str | None, Track]]) -> Instant:
    return min((track.times[0] for by_dataset in tracks for track in by_dataset.values()), default=0)
