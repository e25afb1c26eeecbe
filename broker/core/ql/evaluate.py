"""The reference: whether an entity satisfies a query (clauses 4.9, 4.10, 4.17, 4.19, 5.7.2).

Everything else that answers queries (filters of a database) has to agree with this module. Expiry is not a matter of
queries: callers leave out what `Entity.is_expired`.
"""

from collections.abc import Callable

from broker.core.model.entity import Entity, Instance
from broker.core.ql.ast import EntityQuery, EntitySelector
from broker.core.ql.geo import GeoQuery
from broker.core.ql.geometry import compile_geo
from broker.core.ql.regex import compile_pattern
from broker.core.ql.terms import InstanceTest, Predicate, Resolver, compile_q
from broker.core.ql.types import TypeSelection

DEFAULT_INSTANCE = "@none"
"""How a query names the instances without a `datasetId` (clause 4.5.5)."""


def satisfies(entity: Entity, query: EntityQuery, resolve: Resolver | None = None) -> bool:
    """Whether the entity satisfies the query. `resolve` finds linked entities by id; without it no link holds."""
    return compile_query(query, resolve)(entity)


def compile_query(query: EntityQuery, resolve: Resolver | None = None) -> Predicate:
    """The query as one predicate: prepared once, cheap to run. Raises what a wrong pattern raises."""
    admits = _admits(query.dataset_ids)
    tests: list[Predicate] = []
    if query.selectors:
        tests.append(_any([compile_selector(selector) for selector in query.selectors]))
    if query.attributes:
        tests.append(_has_attribute(query.attributes))
    if query.scope is not None:
        scope = query.scope
        tests.append(lambda entity: scope.matches(entity.scopes))
    if query.q is not None:
        tests.append(compile_q(query.q, admits, resolve or _nowhere))
    if query.geo is not None:
        tests.append(_geo(query.geo, admits))
    return _all(tests)


def compile_selector(selector: EntitySelector) -> Predicate:
    """One selector as a predicate."""
    tests: list[Predicate] = []
    if selector.ids:
        ids = frozenset(selector.ids)
        tests.append(lambda entity: entity.id in ids)
    if selector.id_pattern is not None:
        search = compile_pattern(selector.id_pattern).search
        tests.append(lambda entity: search(entity.id))
    if selector.types is not None and not selector.types.selects_all:
        tests.append(_types(selector.types))
    return _all(tests)


def _types(selection: TypeSelection) -> Predicate:
    alternatives = selection.alternatives
    if all(len(types) == 1 for types in alternatives):
        wanted = frozenset(types[0] for types in alternatives)
        return lambda entity: not wanted.isdisjoint(entity.types)
    return lambda entity: any(all(each in entity.types for each in types) for types in alternatives)


def _has_attribute(names: tuple[str, ...]) -> Predicate:
    return lambda entity: any(name in entity.attributes for name in names)


def _geo(query: GeoQuery, admits: InstanceTest | None) -> Predicate:
    test, name = compile_geo(query), query.geoproperty

    def holds(entity: Entity) -> bool:
        for instance in entity.attributes.get(name, ()):
            geometry = instance.get("geometry")
            if geometry is not None and (admits is None or admits(instance)) and test(geometry):
                return True
        return False

    return holds


def _admits(dataset_ids: tuple[str, ...]) -> Callable[[Instance], bool] | None:
    if not dataset_ids:
        return None
    wanted = frozenset(dataset_ids)
    return lambda instance: instance.get("datasetId", DEFAULT_INSTANCE) in wanted


def _all(tests: list[Predicate]) -> Predicate:
    if len(tests) == 1:
        return tests[0]
    return lambda entity: all(test(entity) for test in tests)


def _any(tests: list[Predicate]) -> Predicate:
    if len(tests) == 1:
        return tests[0]
    return lambda entity: any(test(entity) for test in tests)


def _nowhere(_: str) -> Entity | None:
    return None
