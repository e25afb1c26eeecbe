"""Which registrations concern temporal evolutions, and what of one is covered (clauses 4.3.6.1, 5.6.11, 5.9.1).

A source that has both the latest state and the evolution of entities registers twice.
"""

from collections.abc import Iterable

from broker.core.federate.names import EVOLUTION_CHANGES, EVOLUTION_READS
from broker.core.federate.plan import coverage
from broker.core.federate.registration import Registration
from broker.core.model.draft import SCOPE
from broker.core.temporal.evolution import Evolution
from broker.core.temporal.series import Series

OPERATIONS = EVOLUTION_CHANGES | EVOLUTION_READS


def offers_evolutions(registration: Registration) -> bool:
    """Whether a source has anything to do with evolutions: it says when, or names an operation on them."""
    return registration.is_temporal or not OPERATIONS.isdisjoint(registration.operations)


def concerned(registrations: Iterable[Registration]) -> list[Registration]:
    """The registrations to look at for a change of an evolution.

    One of the latest state alone counts, too, since what it holds exclusively nobody else may hold, unless its source
    has registered separately for evolutions.
    """
    found = list(registrations)
    temporal = {each.endpoint for each in found if offers_evolutions(each)}
    return [each for each in found if offers_evolutions(each) or each.endpoint not in temporal]


def admitted_evolution(registration: Registration, evolution: Evolution) -> Evolution | None:
    """What of an evolution that a source sent is covered by its registration; None where nothing is."""
    covered = coverage(registration, evolution.id, frozenset(evolution.types))
    if not covered:
        return None
    series = evolution.series
    if None not in covered:
        names = frozenset[str]().union(*(each for each in covered if each is not None))
        series = {iri: each for iri, each in series.items() if iri in names or iri == SCOPE}
    datasets = registration.dataset_ids
    if datasets is not None:
        kept = {
            iri: [each for each in one.samples if each.instance.get("datasetId", "@none") in datasets or iri == SCOPE]
            for iri, one in series.items()
        }
        series = {iri: Series(samples) for iri, samples in kept.items() if samples}
    return Evolution(
        evolution.id, evolution.types, series, evolution.created_at, evolution.modified_at, evolution.deleted_at
    )
