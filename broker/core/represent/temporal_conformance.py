"""Temporal evolutions as earlier versions of the specification knew them (clauses 4.3.6.8, 6.18.3.2, 6.19.3.1)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from broker.core.jsonld.context import ActiveContext
from broker.core.model.draft import SCOPE
from broker.core.model.entity import Instance
from broker.core.represent.conformance import (
    SCOPES_SINCE,
    SEVERAL_SINCE,
    Version,
    conforming_instance,
    kinds_since,
    older_kind,
)
from broker.core.temporal.aggregates import Aggregated
from broker.core.temporal.evolution import Evolution, Excerpt
from broker.core.temporal.sample import Sample

T = TypeVar("T")


def conforming_evolution(evolution: Evolution, version: Version) -> Evolution:
    """The evolution with the one type that an entity had once; its series as they are."""
    return replace(evolution, types=evolution.types[:1]) if version < SEVERAL_SINCE else evolution


def conforming_excerpt(excerpt: Excerpt, version: Version, context: ActiveContext, *, spoken: bool = False) -> Excerpt:
    """The excerpt with what came later left out, or told as a Property or Relationship; `spoken` as for entities.

    `observedAt` stays, whatever the version: without it a history would not tell when.
    """
    since = kinds_since(spoken=spoken)

    def amended(instance: Instance) -> Instance:
        known = conforming_instance(instance, version, context, since)
        return {**known, "observedAt": instance["observedAt"]} if "observedAt" in instance else known

    samples = {
        iri: [replace(each, instance=amended(each.instance)) for each in _of_one_dataset(found, version)]
        for iri, found in excerpt.samples.items()
        if _is_known(iri, version)
    }
    kinds = {iri: older_kind(kind, version, since) for iri, kind in excerpt.kinds.items()}
    return Excerpt(conforming_evolution(excerpt.evolution, version), samples, kinds)


def conforming_aggregates(found: Aggregated, version: Version, *, spoken: bool = False) -> Aggregated:
    """The aggregated values, in the same way."""
    since = kinds_since(spoken=spoken)
    return {
        iri: {
            dataset: (older_kind(kind, version, since), cells)
            for dataset, (kind, cells) in _of_one_track(datasets, version).items()
        }
        for iri, datasets in found.items()
        if _is_known(iri, version)
    }


def _is_known(iri: str, version: Version) -> bool:
    return iri != SCOPE or version >= SCOPES_SINCE


def _of_one_dataset(samples: list[Sample], version: Version) -> list[Sample]:
    """Those of the default dataset if there are any, where an attribute has one instance at a time alone."""
    if version >= SEVERAL_SINCE or not samples:
        return samples
    datasets = [each.instance.get("datasetId") for each in samples]
    kept = None if None in datasets else datasets[0]
    return [each for each, dataset in zip(samples, datasets, strict=True) if dataset == kept]


def _of_one_track(datasets: Mapping[str | None, T], version: Version) -> Mapping[str | None, T]:
    """The same for what is told of each dataset."""
    if version >= SEVERAL_SINCE or not datasets:
        return datasets
    kept = None if None in datasets else next(iter(datasets))
    return {None: datasets[kept]}
