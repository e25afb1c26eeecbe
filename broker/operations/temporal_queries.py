"""Consuming the temporal evolution of entities (clauses 5.7.3, 5.7.4, 5.14.5).

Every operation raises NonexistentTenant for a tenant that is not there.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from broker.core.model.draft import SCOPE
from broker.core.model.entity_map import EntityMap
from broker.core.model.errors import ResourceNotFound
from broker.core.ql.ast import EntityQuery, EntitySelector
from broker.core.temporal.aggregate import Aggregation
from broker.core.temporal.aggregates import Aggregated, aggregated
from broker.core.temporal.condition import basis_of, condition, is_within
from broker.core.temporal.evolution import Cut, Demand, Evolution, Excerpt, excerpt, shorten
from broker.operations.entity_maps import MAX_ENTITIES, keep_map, too_many
from broker.operations.ports import Ports, TemporalStore
from broker.operations.temporal import no_such_evolution, store_of
from broker.operations.tenancy import require_tenant

T = TypeVar("T")

_AT_ONCE = 100
"""Evolutions looked at together where a page of each is enough: some megabytes."""
_WHOLE_AT_ONCE = 4
"""The same where everything in the range is needed, which may be a year of each."""


@dataclass(frozen=True, slots=True)
class EvolutionPage:
    """Some excerpts, and where they had to be cut; `total` where a count was asked for, `more` where others follow."""

    excerpts: list[Excerpt]
    cut: Cut | None = None
    total: int | None = None
    more: bool = False


@dataclass(frozen=True, slots=True)
class Aggregates:
    """Evolutions with their aggregated values; `total` and `more` as in an `EvolutionPage`."""

    evolutions: list[tuple[Evolution, Aggregated]]
    total: int | None = None
    more: bool = False


Histories: TypeAlias = EvolutionPage | Aggregates
"""What an answer is made of."""


@dataclass(frozen=True, slots=True)
class EvolutionQuery:
    """Which evolutions (clause 5.7.4), and which page of them; `is_ordered`: an order is asked for."""

    query: EntityQuery
    limit: int
    offset: int = 0
    count: bool = False
    descending: bool = False
    is_ordered: bool = False


async def retrieve_evolution(ports: Ports, tenant: str, entity_id: str, demand: Demand) -> EvolutionPage:
    """Clause 5.7.3. Raises ResourceNotFound for what is not there, or has nothing in the range that is asked for."""
    found = excerpt(await _recall_within(ports, tenant, entity_id, demand), demand)
    return EvolutionPage([found], shorten([found], demand))


async def aggregate_evolution(
    ports: Ports, tenant: str, entity_id: str, demand: Demand, aggregation: Aggregation
) -> Aggregates:
    """The same with aggregation (4.5.19). Raises InvalidRequest where no method suits an attribute asked for, too."""
    known = await _recall_within(ports, tenant, entity_id, demand)
    return Aggregates([(known, aggregated(known, demand, aggregation))])


async def _recall_within(ports: Ports, tenant: str, entity_id: str, demand: Demand) -> Evolution:
    known = await recall(ports, tenant, entity_id, demand)
    if not is_within(known, demand):
        raise nothing_within(entity_id)
    return known


async def query_evolutions(ports: Ports, tenant: str, wanted: EvolutionQuery, demand: Demand) -> EvolutionPage:
    """Clause 5.7.4. Conditions are checked against the samples that the demand's temporal query finds."""
    excerpts, total, more = await _select(ports, tenant, wanted, demand, lambda each: excerpt(each, demand))
    return EvolutionPage(excerpts, shorten(excerpts, demand), total, more)


async def aggregate_evolutions(
    ports: Ports, tenant: str, wanted: EvolutionQuery, demand: Demand, aggregation: Aggregation
) -> Aggregates:
    """The same with aggregation (4.5.19). Raises InvalidRequest where no method suits an attribute asked for."""

    def show(evolution: Evolution) -> tuple[Evolution, Aggregated]:
        return evolution, aggregated(evolution, demand, aggregation)

    return Aggregates(*await _select(ports, tenant, wanted, demand, show))


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
            raise too_many()
    return await keep_map(ports, tenant, found, wanted)


async def recall(ports: Ports, tenant: str, entity_id: str, demand: Demand) -> Evolution:
    """What is known here of an entity, at least as far as the demand asks for it."""
    await require_tenant(ports, tenant)
    known = await store_of(ports).recall(tenant, entity_id, demand)
    if known is None:
        raise no_such_evolution(entity_id)
    return known


async def evolutions_of(ports: Ports, tenant: str, entity_ids: Sequence[str], demand: Demand) -> list[Evolution]:
    """Those of these entities that are known here, at least as far as the demand asks for it."""
    if not entity_ids or ports.history is None:
        return []
    selectors = (EntitySelector(tuple(entity_ids)),)
    found = await ports.history.candidates(tenant, selectors, None, len(entity_ids), descending=False)
    if found:
        await ports.history.load(tenant, found, demand)
    return found


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
    store, basis = store_of(ports), basis_of(query, demand)
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


def nothing_within(entity_id: str) -> ResourceNotFound:
    """The error for a history that has nothing in the range asked for."""
    return ResourceNotFound(f"The history of {entity_id} has nothing in this range of time. Ask for another one.")
