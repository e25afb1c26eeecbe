"""Which registrations concern a request, and which part of each (clauses 5.10.2.4 and 5.12).

Matching errs towards more: what possibly provides something matches.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from broker.core.federate.registration import EntityInfo, Information, Interval, Registration
from broker.core.jsonld.context import ActiveContext
from broker.core.model.entity import Entity
from broker.core.ql.ast import EntityQuery, EntitySelector
from broker.core.ql.evaluate import compile_query
from broker.core.ql.geo import GeoQuery
from broker.core.ql.geometry import compile_geo, distance
from broker.core.ql.nodes import And, Linked, Not, Or, QNode
from broker.core.ql.q import parse_q
from broker.core.ql.regex import Pattern, compile_pattern
from broker.core.ql.scope import ScopeQuery
from broker.core.ql.temporal import TemporalQuery

SourceFilter = Callable[[Entity], object]
"""A context source filter (`csf`, clause 4.9) as a predicate on `Registration.described`."""

_MANAGED = frozenset(("createdAt", "modifiedAt", "deletedAt"))


@dataclass(frozen=True, slots=True)
class Wanted:
    """The specification of entities and attributes of a request (clause 5.12), every name expanded.

    No attributes: all. `temporal` None: the latest state is wanted, or with `evolution` all that was ever known; then
    sources that tell no time are asked as well. `filter` is the context source filter.
    """

    selectors: tuple[EntitySelector, ...] = ()
    attributes: frozenset[str] = frozenset()
    dataset_ids: frozenset[str] = frozenset()
    geo: GeoQuery | None = None
    scope: ScopeQuery | None = None
    temporal: TemporalQuery | None = None
    evolution: bool = False
    filter: SourceFilter | None = None
    patterns: Mapping[str, Pattern] = field(default_factory=dict, compare=False)


def source_filter(text: str | None, context: ActiveContext) -> SourceFilter | None:
    """A context source filter (clause 4.9) as a predicate on `Registration.described`. Raises BadRequestData."""
    return None if text is None else compile_query(EntityQuery(q=parse_q(text, context.expand_term)))


def wanted_by(
    query: EntityQuery,
    *,
    attributes: frozenset[str] = frozenset(),
    temporal: TemporalQuery | None = None,
    source_filter: SourceFilter | None = None,
) -> Wanted:
    """What a query wants, with further attributes. Those of `q` and of the geoquery count as named (5.10.2.4)."""
    named = attributes.union(query.attributes, () if query.q is None else attributes_of(query.q))
    if query.geo is not None:
        named |= {query.geo.geoproperty}
    patterns = {each.id_pattern for each in query.selectors if each.id_pattern is not None}
    return Wanted(
        selectors=query.selectors,
        attributes=named,
        dataset_ids=frozenset(query.dataset_ids),
        geo=query.geo,
        scope=query.scope,
        temporal=temporal,
        filter=source_filter,
        patterns={text: compile_pattern(text) for text in patterns},
    )


def matching(registration: Registration, wanted: Wanted) -> tuple[Information, ...]:
    """The elements of the registration's information that the request concerns; none: it does not match."""
    if not _matches_as_a_whole(registration, wanted):
        return ()
    return tuple(each for each in registration.information if _concerns(each, wanted))


def attributes_of(node: QNode) -> frozenset[str]:
    """The attributes of the entity itself that a `q` names."""
    match node:
        case And(terms) | Or(terms):
            return frozenset[str]().union(*map(attributes_of, terms))
        case Not(term):
            return attributes_of(term)
        case Linked():
            return frozenset((node.relationship,))
        case _:
            return frozenset(node.path.attributes[:1])


def _matches_as_a_whole(registration: Registration, wanted: Wanted) -> bool:
    if not (wanted.evolution and (wanted.temporal is None or not registration.is_temporal)) and not _matches_in_time(
        registration, wanted.temporal
    ):
        return False
    datasets = registration.dataset_ids
    if datasets is not None and wanted.dataset_ids and datasets.isdisjoint(wanted.dataset_ids):
        return False
    if wanted.scope is not None and registration.scopes and not _may_hold(wanted.scope, registration.scopes):
        return False
    if wanted.geo is not None and not _may_lie(wanted.geo, registration):
        return False
    return wanted.filter is None or bool(wanted.filter(registration.described))


def _matches_in_time(registration: Registration, temporal: TemporalQuery | None) -> bool:
    if temporal is None:
        return not registration.is_temporal
    managed = temporal.timeproperty in _MANAGED
    interval = registration.management_interval if managed else registration.observation_interval
    return interval is not None and _overlap(interval, temporal)


def _overlap(interval: Interval, temporal: TemporalQuery) -> bool:
    if temporal.end is not None and temporal.end < interval.start:
        return False
    return temporal.start is None or interval.end is None or temporal.start <= interval.end


def _may_hold(scope: ScopeQuery, scopes: tuple[str, ...]) -> bool:
    """Whether entities with these scopes, or scopes below them, may satisfy the scope query."""
    return scope.matches(list(scopes))


def _may_lie(geo: GeoQuery, registration: Registration) -> bool:
    """Whether places within what is registered may satisfy the geoquery; where nothing is registered, they may."""
    registered = (registration.geometries or {}).get(geo.geoproperty)
    if registered is None:
        return True
    if geo.max_distance is not None:
        return distance(registered, geo.geometry) <= geo.max_distance
    if geo.min_distance is not None or geo.relation == "disjoint":
        return True
    return compile_geo(GeoQuery("intersects", geo.geometry))(registered)


def _concerns(information: Information, wanted: Wanted) -> bool:
    if (
        information.attributes is not None
        and wanted.attributes
        and information.attributes.isdisjoint(wanted.attributes)
    ):
        return False
    if not information.entities or not wanted.selectors:
        return True
    return any(
        selects(selector, info, wanted.patterns) for selector in wanted.selectors for info in information.entities
    )


def selects(selector: EntitySelector, info: EntityInfo, patterns: Mapping[str, Pattern]) -> bool:
    """Whether entities of the EntityInfo may be selected."""
    types = selector.types
    if types is not None and not any(info.types.issuperset(each) for each in types.alternatives):
        return False
    if selector.ids:
        return any(map(info.admits_id, selector.ids))
    if selector.id_pattern is not None and info.id is not None:
        return bool(patterns[selector.id_pattern].search(info.id))
    return True
