"""Providing and consuming the temporal evolution of entities (clauses 5.6.11 to 5.6.16, 5.7.3, 5.7.4).

Histories are read and changed without touching current entities. Every operation but `upsert_evolution` raises
NonexistentTenant for a tenant that is not there, and ResourceNotFound for what is not there.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from broker.core.model.draft import SCOPE
from broker.core.model.entity import Attributes, Entity, Instance
from broker.core.model.entity_map import EntityMap
from broker.core.model.errors import OperationNotSupported, ResourceNotFound, TooManyResults
from broker.core.model.instances import stored
from broker.core.model.instant import Instant
from broker.core.ql.ast import EntityQuery, EntitySelector
from broker.core.ql.evaluate import compile_query
from broker.core.ql.temporal import TemporalQuery
from broker.core.temporal.aggregate import Aggregation, Cell, aggregate, not_eligible
from broker.core.temporal.evolution import Cut, Demand, Evolution, Excerpt, excerpt, scopes_in_force, shorten
from broker.core.temporal.sample import deleted, parse_instance_id, scope_instance
from broker.core.temporal.series import Track
from broker.operations.entity_maps import MAX_ENTITIES, keep_map
from broker.operations.ports import Ports, TemporalStore
from broker.operations.tenancy import require_tenant

T = TypeVar("T")


async def upsert_evolution(ports: Ports, tenant: str, entity: Entity) -> bool:
    """Clause 5.6.11; creates the tenant, too. Whether the evolution is new."""
    await ports.tenants.ensure(tenant)
    now = ports.clock.now()
    return await _store(ports).add(tenant, entity.with_(attributes=_stamped(entity.attributes, now)), now)


async def add_attributes(ports: Ports, tenant: str, entity_id: str, fragment: Entity) -> None:
    """Clause 5.6.12."""
    known = await _require(ports, tenant, entity_id)
    now = ports.clock.now()
    types = fragment.types or known.types
    added = Entity(entity_id, types, _stamped(fragment.attributes, now))
    await _store(ports).add(tenant, added, now)


async def delete_attribute(
    ports: Ports, tenant: str, entity_id: str, attribute_iri: str, dataset_id: str | None, *, delete_all: bool
) -> None:
    """Clause 5.6.13. Without `dataset_id` the default instances go, with `delete_all` those of all datasets."""
    await _require(ports, tenant, entity_id)
    if not await _store(ports).delete_attribute(tenant, entity_id, attribute_iri, dataset_id, every=delete_all):
        raise ResourceNotFound(f"The history of {entity_id} has no such instances of attribute {attribute_iri}.")


async def modify_instance(
    ports: Ports, tenant: str, entity_id: str, attribute_iri: str, instance_id: str, instance: Instance
) -> None:
    """Clause 5.6.14."""
    await _require(ports, tenant, entity_id)
    key = parse_instance_id(instance_id)
    new = stored(instance, ports.clock.now())
    if key is None or not await _store(ports).replace_instance(tenant, entity_id, attribute_iri, key, new):
        raise _no_such_instance(entity_id, attribute_iri, instance_id)


async def delete_instance(ports: Ports, tenant: str, entity_id: str, attribute_iri: str, instance_id: str) -> None:
    """Clause 5.6.15."""
    await _require(ports, tenant, entity_id)
    key = parse_instance_id(instance_id)
    if key is None or not await _store(ports).delete_instance(tenant, entity_id, attribute_iri, key):
        raise _no_such_instance(entity_id, attribute_iri, instance_id)


async def delete_evolution(ports: Ports, tenant: str, entity_id: str) -> None:
    """Clause 5.6.16. The current entity, if there is one, stays."""
    await require_tenant(ports, tenant)
    if not await _store(ports).delete_entity(tenant, entity_id):
        raise no_such_evolution(entity_id)


async def end_attribute(
    ports: Ports, tenant: str, entity_id: str, attribute_iri: str, dataset_id: str | None, *, delete_all: bool
) -> bool:
    """Record that an attribute was deleted (clause 5.6.5) of an entity that is known by its history alone.

    Whether there is such an entity with such an attribute. A current entity, or one that was deleted, is none.
    """
    if ports.history is None or await ports.entities.get(tenant, entity_id) is not None:
        return False
    known = await ports.history.about(tenant, entity_id)
    if known is None or known.deleted_at is not None:
        return False
    await ports.history.load(tenant, [known], Demand(attributes=frozenset((attribute_iri,))))
    latest: dict[str | None, Instance] = {}
    for sample in excerpt(known, Demand()).samples.get(attribute_iri, ()):
        latest[sample.instance.get("datasetId")] = sample.instance
    now = ports.clock.now()
    ended = [
        scope_instance(None, now) if attribute_iri == SCOPE else deleted(instance, now)
        for dataset, instance in latest.items()
        if "deletedAt" not in instance and (delete_all or dataset == dataset_id)
    ]
    if ended:
        await ports.history.add(tenant, Entity(entity_id, known.types, {attribute_iri: ended}), now)
    return bool(ended)


@dataclass(frozen=True, slots=True)
class EvolutionPage:
    """Some excerpts, and where they had to be cut; `total` where a count was asked for, `more` where others follow."""

    excerpts: list[Excerpt]
    cut: Cut | None = None
    total: int | None = None
    more: bool = False


async def retrieve_evolution(ports: Ports, tenant: str, entity_id: str, demand: Demand) -> EvolutionPage:
    """Clause 5.7.3. Raises ResourceNotFound also where the range that is asked for has nothing."""
    known = await recall(ports, tenant, entity_id, demand)
    if not is_within(known, demand):
        raise nothing_within(entity_id)
    found = excerpt(known, demand)
    return EvolutionPage([found], shorten([found], demand))


def is_within(evolution: Evolution, demand: Demand) -> bool:
    """Whether anything of what is concerned lies in the range asked for, if there is one (clause 5.7.3.4)."""
    query, names = demand.query, demand.attributes
    if query is None or (query.start is None and query.end is None) or (names is not None and not names):
        return True
    return any(series.reaches(query) for iri, series in evolution.series.items() if names is None or iri in names)


@dataclass(frozen=True, slots=True)
class EvolutionQuery:
    """Which evolutions (clause 5.7.4), and which page of them; `is_ordered`: an order is asked for."""

    query: EntityQuery
    limit: int
    offset: int = 0
    count: bool = False
    descending: bool = False
    is_ordered: bool = False


async def query_evolutions(ports: Ports, tenant: str, wanted: EvolutionQuery, demand: Demand) -> EvolutionPage:
    """Clause 5.7.4. Conditions are checked against the samples that the demand's temporal query finds."""
    excerpts, total, more = await _select(ports, tenant, wanted, demand, lambda each: excerpt(each, demand))
    return EvolutionPage(excerpts, shorten(excerpts, demand), total, more)


async def map_evolutions(
    ports: Ports, tenant: str, query: EntityQuery, demand: Demand, wanted: int | None
) -> EntityMap:
    """Clause 5.14.5: an entity map of the entities whose evolution the query finds; `wanted` as in `map_query`.

    Raises TooManyResults beyond MAX_ENTITIES.
    """
    found: list[str] = []
    async for each in matching(ports, tenant, query, demand):
        found.append(each.id)
        if len(found) > MAX_ENTITIES:
            raise TooManyResults(f"An entity map lists at most {MAX_ENTITIES} entities; narrow the query.")
    return await keep_map(ports, tenant, found, wanted)


async def copy_evolutions(
    ports: Ports, tenant: str, place: str, query: EntityQuery, demand: Demand, keeps: Callable[[str], bool]
) -> int:
    """Add what the query finds of the evolutions of one tenant to those of another; how many entities that were.

    Of the attributes, only those that are wanted.
    """
    demand = replace(demand, page=None)
    count = 0
    async for each in matching(ports, tenant, query, demand):
        await keep_evolution(ports, place, each, demand, keeps)
        count += 1
    return count


async def keep_evolution(
    ports: Ports, place: str, evolution: Evolution, demand: Demand, keeps: Callable[[str], bool]
) -> None:
    """Add what is demanded of an evolution to those of a tenant; of the attributes, only those that are wanted."""
    found = excerpt(evolution, demand).samples
    attributes = {iri: [one.instance for one in samples] for iri, samples in found.items() if keeps(iri)}
    await _store(ports).add(place, Entity(evolution.id, evolution.types, attributes), ports.clock.now())


Aggregated = Mapping[str, Mapping[str | None, tuple[str, Mapping[str, list[Cell]]]]]


@dataclass(frozen=True, slots=True)
class Aggregates:
    """Evolutions with their aggregated values; `total` and `more` as in an `EvolutionPage`."""

    evolutions: list[tuple[Evolution, Aggregated]]
    total: int | None = None
    more: bool = False


async def aggregate_evolution(
    ports: Ports, tenant: str, entity_id: str, demand: Demand, aggregation: Aggregation
) -> tuple[Evolution, Aggregated]:
    """Clause 5.7.3 with aggregation (4.5.19). Raises InvalidRequest where no method suits an attribute asked for."""
    known = await recall(ports, tenant, entity_id, demand)
    if not is_within(known, demand):
        raise nothing_within(entity_id)
    return known, aggregated(known, demand, aggregation)


async def aggregate_evolutions(
    ports: Ports, tenant: str, wanted: EvolutionQuery, demand: Demand, aggregation: Aggregation
) -> tuple[list[tuple[Evolution, Aggregated]], int | None, bool]:
    """Clause 5.7.4 with aggregation: what was found, how many there are (where asked for), whether others follow."""

    def show(evolution: Evolution) -> tuple[Evolution, Aggregated]:
        return evolution, aggregated(evolution, demand, aggregation)

    return await _select(ports, tenant, wanted, demand, show)


_AT_ONCE = 100
"""Evolutions looked at together where a page of each is enough: some megabytes."""
_WHOLE_AT_ONCE = 4
"""The same where everything in the range is needed, which may be a year of each."""


async def _select(
    ports: Ports, tenant: str, wanted: EvolutionQuery, demand: Demand, show: Callable[[Evolution], T]
) -> tuple[list[T], int | None, bool]:
    """The page of evolutions that the query finds, as `show` has them; the count if wanted; if others follow."""
    end = wanted.offset + wanted.limit
    shown: list[T] = []
    matched = 0
    async for each in matching(ports, tenant, wanted.query, demand, descending=wanted.descending):
        matched += 1
        if wanted.offset < matched <= end:
            shown.append(show(each))
        # What is shown is taken out; all the rest of a page of evolutions would not fit into memory.
        each.series = {}
        if matched > end and not wanted.count:
            break
    return shown, matched if wanted.count else None, matched > end


async def matching(
    ports: Ports, tenant: str, query: EntityQuery, demand: Demand, *, descending: bool = False
) -> AsyncIterator[Evolution]:
    """All evolutions that the query finds, by id."""
    await require_tenant(ports, tenant)
    store, basis = _store(ports), basis_of(query, demand)
    holds = condition(query, basis)
    attributes = frozenset(query.attributes) or None
    of_datasets = Demand(demand.query, attributes=attributes, dataset_ids=demand.dataset_ids)
    at_once = _AT_ONCE if basis.page is not None else _WHOLE_AT_ONCE
    after = None
    while group := await store.candidates(tenant, query.selectors, after, at_once, descending=descending):
        after = group[-1].id
        await store.load(tenant, group, basis)
        if query.scope is not None:
            await _load_scopes(store, tenant, group)
        for each in group:
            if holds(each) and (demand.dataset_ids is None or not excerpt(each, of_datasets).is_empty):
                yield each


async def _load_scopes(store: TemporalStore, tenant: str, group: Sequence[Evolution]) -> None:
    """Fill in all scopes that the entities ever had: one set before a range may be valid in it."""
    apart = [Evolution(each.id, each.types) for each in group]
    await store.load(tenant, apart, Demand(attributes=frozenset((SCOPE,))))
    for each, with_scopes in zip(group, apart, strict=True):
        each.series.update(with_scopes.series)


def basis_of(query: EntityQuery, demand: Demand) -> Demand:
    """What has to be known of an evolution: all in the range where conditions are checked against every sample."""
    if _has_conditions(query):
        return Demand(demand.query)
    return Demand(demand.query, demand.last, demand.page, frozenset(query.attributes) or None)


def _has_conditions(query: EntityQuery) -> bool:
    return query.q is not None or query.geo is not None or query.scope is not None


async def evolutions_of(ports: Ports, tenant: str, entity_ids: Sequence[str], demand: Demand) -> list[Evolution]:
    """Those of these entities that are known here, at least as far as the demand asks for it."""
    if not entity_ids or ports.history is None:
        return []
    selectors = (EntitySelector(tuple(entity_ids)),)
    found = await ports.history.candidates(tenant, selectors, None, len(entity_ids), descending=False)
    if found:
        await ports.history.load(tenant, found, demand)
    return found


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


def _stamped(attributes: Attributes, now: Instant) -> Attributes:
    return {iri: [stored(each, now) for each in instances] for iri, instances in attributes.items()}


async def _require(ports: Ports, tenant: str, entity_id: str) -> Evolution:
    await require_tenant(ports, tenant)
    known = await _store(ports).about(tenant, entity_id)
    if known is None:
        raise no_such_evolution(entity_id)
    return known


async def recall(ports: Ports, tenant: str, entity_id: str, demand: Demand) -> Evolution:
    """What is known here of an entity, at least as far as the demand asks for it."""
    await require_tenant(ports, tenant)
    known = await _store(ports).recall(tenant, entity_id, demand)
    if known is None:
        raise no_such_evolution(entity_id)
    return known


async def types_of(ports: Ports, tenant: str, entity_id: str) -> list[str]:
    """The types under which the history of an entity is known here; none where it is not."""
    known = None if ports.history is None else await ports.history.about(tenant, entity_id)
    return [] if known is None else known.types


def _store(ports: Ports) -> TemporalStore:
    if ports.history is None:
        raise OperationNotSupported("This broker keeps no histories.")
    return ports.history


def no_such_evolution(entity_id: str) -> ResourceNotFound:
    """The error for a history that is not there."""
    return ResourceNotFound(f"There is no history of {entity_id} in this tenant. Check its id, or record it first.")


def nothing_within(entity_id: str) -> ResourceNotFound:
    """The error for a history that has nothing in the range asked for."""
    return ResourceNotFound(f"The history of {entity_id} has nothing in this range of time. Ask for another one.")


def _no_such_instance(entity_id: str, attribute_iri: str, instance_id: str) -> ResourceNotFound:
    return ResourceNotFound(f"The history of {entity_id} has no instance {instance_id[:200]} of {attribute_iri}.")
