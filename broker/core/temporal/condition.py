"""Which evolutions a request finds: those that have something in its range and satisfy it (5.7.3.4, 5.7.4.4)."""

from collections.abc import Callable

from broker.core.model.entity import Entity
from broker.core.ql.ast import EntityQuery
from broker.core.ql.evaluate import compile_query
from broker.core.temporal.evolution import Demand, Evolution, excerpt, scopes_in_force


def is_within(evolution: Evolution, demand: Demand) -> bool:
    """Whether anything of what is concerned lies in the range asked for, if there is one (clause 5.7.3.4)."""
    query, names = demand.query, demand.attributes
    if query is None or (query.start is None and query.end is None) or (names is not None and not names):
        return True
    return any(series.reaches(query) for iri, series in evolution.series.items() if names is None or iri in names)


def basis_of(query: EntityQuery, demand: Demand) -> Demand:
    """What has to be known of an evolution: all in the range where conditions are checked against every sample."""
    if _has_conditions(query):
        return Demand(demand.query)
    return Demand(demand.query, demand.last, demand.page, frozenset(query.attributes) or None)


def _has_conditions(query: EntityQuery) -> bool:
    return query.q is not None or query.geo is not None or query.scope is not None


def condition(query: EntityQuery, basis: Demand) -> Callable[[Evolution], bool]:
    """Whether an evolution has samples in the range, and satisfies the query with them.

    Scopes are checked as they were at each time, also those that were set before the range and lasted.
    """
    satisfies = compile_query(EntityQuery(query.selectors, (), query.q, query.geo))

    def reaches(evolution: Evolution) -> bool:
        names = evolution.series if basis.attributes is None else evolution.series.keys() & basis.attributes
        if not any(evolution.series[iri].reaches(basis.query) for iri in names):
            return False
        return bool(satisfies(Entity(evolution.id, evolution.types, {})))

    def holds(evolution: Evolution) -> bool:
        found = excerpt(evolution, basis)
        if found.is_empty or (query.attributes and found.samples.keys().isdisjoint(query.attributes)):
            return False
        if query.scope is not None and not any(map(query.scope.matches, scopes_in_force(evolution, basis.query))):
            return False
        return bool(satisfies(found.as_entity()))

    return holds if _has_conditions(query) else reaches
