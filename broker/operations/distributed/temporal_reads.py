"""Retrieving and querying temporal evolutions that are here and elsewhere (clauses 5.7.3, 5.7.4, 4.3.6.7, 4.5.5)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from broker.core.federate.match import Wanted, attributes_of, wanted_by
from broker.core.federate.merge import LOCAL
from broker.core.federate.plan import Asking, is_auxiliary, plan_questions
from broker.core.federate.temporal_merge import merge_evolutions
from broker.core.model.draft import SCOPE
from broker.core.model.entity import Entity
from broker.core.model.entity_map import LOCAL as HERE
from broker.core.model.errors import BadRequestData, ResourceNotFound, TooManyResults
from broker.core.model.instant import Instant
from broker.core.ql.ast import EntityQuery, EntitySelector
from broker.core.temporal.condition import basis_of, condition
from broker.core.temporal.evolution import Demand, Evolution, excerpt
from broker.operations.distributed.asking import Inquiry, Parameters, SourceWarning
from broker.operations.distributed.reads import decides, parameters_for
from broker.operations.distributed.temporal_asking import Told, ask_all
from broker.operations.temporal_queries import evolutions_of, matching, recall

MAX_CANDIDATES = 1_000
"""Evolutions looked at for one query, of each source: with a page of instances of each some hundred megabytes."""
MAX_SAMPLES = 2_000_000
"""Samples of this broker's own that are put together with others: a second of processor time, and 200 MB."""

_SYSTEM_ATTRIBUTES = ("options", "sysAttrs")
"""What tells which of two versions is newer (clause 4.5.5.3)."""
_RETRIEVAL = ("retrieveTemporal", "queryTemporal")


@dataclass(slots=True)
class Found:
    """Evolutions out of all that sources and this broker have, in the order in which they were met.

    `edge` as `shorten` takes it. `total` where a count was asked for, `more` where others follow. `holders`: who has a
    part of each, as EntityMap has it; `maps`: the entity maps that sources used, by registration.
    """

    evolutions: list[Evolution]
    edge: Instant | None = None
    warnings: list[SourceWarning] = field(default_factory=list)
    total: int | None = None
    more: bool = False
    holders: dict[str, list[str]] = field(default_factory=dict)
    maps: dict[str, str] = field(default_factory=dict)


async def retrieve(
    inquiry: Inquiry,
    entity_id: str,
    demand: Demand,
    *,
    maps: Mapping[str, str] | None = None,
    wants_maps: bool = False,
) -> Found:
    """Clause 5.7.3: the evolution out of all its parts, if there is one. `maps` and `wants_maps` as in Parameters."""
    names = _projected(demand)
    wanted = Wanted(
        selectors=(EntitySelector((entity_id,)),),
        attributes=names,
        dataset_ids=demand.dataset_ids or frozenset(),
        temporal=demand.query,
        evolution=True,
    )
    questions = _of_one(_questions(inquiry, wanted, names, _RETRIEVAL))
    parameters = Parameters((_SYSTEM_ATTRIBUTES,), maps=maps or {}, wants_maps=wants_maps)
    told = await ask_all(inquiry, questions, parameters, demand, 1)
    found = _merged(await _one_held(inquiry, entity_id, demand), told, demand)
    found.evolutions = [each for each in found.evolutions if each.id == entity_id]
    return found


async def _one_held(inquiry: Inquiry, entity_id: str, demand: Demand) -> list[Evolution]:
    if inquiry.ports.history is None:
        return []
    try:
        return [await recall(inquiry.ports, inquiry.tenant, entity_id, demand)]
    except ResourceNotFound:
        return []


@dataclass(frozen=True, slots=True)
class History:
    """A query of histories as it reaches sources; `given` are the client's own parameters.

    `source_filter` chooses registrations (`csf`). With `splits` parts of one evolution may be at several sources.
    `maps` are the entity maps that sources are to use, by registration.
    """

    query: EntityQuery
    demand: Demand
    given: Mapping[str, str]
    source_filter: Callable[[Entity], object] | None = None
    splits: bool = False
    maps: Mapping[str, str] = field(default_factory=dict)

    @property
    def here(self) -> EntityQuery:
        """What this broker's own histories have to satisfy before they are put together with what sources have."""
        return EntityQuery(selectors=self.query.selectors) if self.splits else self.query


async def query(
    inquiry: Inquiry, asked: History, *, limit: int, offset: int = 0, count: bool = False, is_ordered: bool = False
) -> Found:
    """Clause 5.7.4: a page of evolutions from here and from sources.

    With `splits` filters decide about what is put together. Otherwise each source decides for itself, as long as it has
    what the filters ask about.

    Raises:
        BadRequestData: an order is asked for of evolutions that are elsewhere.
        TooManyResults: more candidates than can be put together.
    """
    whole, demand = asked.query, asked.demand
    questions, parameters = planned(inquiry, asked, ("queryTemporal",))
    if questions and is_ordered:
        raise BadRequestData("orderBy needs local=true, since sources have histories that the query asks for.")
    decided = not asked.splits and all(decides(each, parameters, inquiry) for each in questions)
    end = offset + limit
    need = MAX_CANDIDATES if count or not decided else end + 1
    if need > MAX_CANDIDATES:
        raise TooManyResults(f"Of distributed histories at most {MAX_CANDIDATES} can be listed; narrow the query.")
    told = await ask_all(inquiry, questions, parameters, demand, need)
    found = _merged(await _held(inquiry, asked.here, demand, need, told), told, demand)
    last = EntityQuery(selectors=whole.selectors, attributes=whole.attributes) if decided else whole
    holds = condition(last, basis_of(last, demand))
    selected = [each for each in found.evolutions if holds(each) and _has_datasets(each, whole, demand)]
    found.total = len(selected) if count else None
    found.more = len(selected) > end
    found.evolutions = selected[offset:end]
    return found


def planned(inquiry: Inquiry, asked: History, operations: Sequence[str]) -> tuple[list[Asking], Parameters]:
    """The questions that a query of histories makes necessary, and their parameters."""
    demand, whole = asked.demand, asked.query
    names = _projected(demand)
    wanted = wanted_by(asked.here, attributes=names, temporal=demand.query, source_filter=asked.source_filter)
    datasets = demand.dataset_ids or frozenset()
    wanted = replace(wanted, dataset_ids=datasets, geo=whole.geo, scope=whole.scope, evolution=True)
    questions = _questions(inquiry, wanted, names | _filtering(whole) if names else names, operations)
    # Filters look at the instances of all datasets.
    given = {name: value for name, value in asked.given.items() if name != "datasetId"}
    parameters = parameters_for(inquiry, whole, given, splits=asked.splits)
    return questions, replace(parameters, maps=asked.maps)


def _questions(inquiry: Inquiry, wanted: Wanted, projected: frozenset[str], operations: Sequence[str]) -> list[Asking]:
    candidates = sorted(inquiry.index.candidates(wanted.selectors), key=lambda each: (each.created_at, each.id))
    return plan_questions(candidates, wanted, projected, operations, inquiry.journey)


def _of_one(questions: Iterable[Asking]) -> list[Asking]:
    """Each source once for the same attributes: a retrieval says nothing of types."""
    found: dict[tuple[str, frozenset[str] | None], Asking] = {}
    for each in questions:
        found.setdefault((each.registration.id, each.attributes), each)
    return list(found.values())


def _projected(demand: Demand) -> frozenset[str]:
    return frozenset() if demand.attributes is None else demand.attributes - {SCOPE}


def _filtering(query: EntityQuery) -> frozenset[str]:
    names = frozenset[str]() if query.q is None else attributes_of(query.q)
    return names if query.geo is None else names | {query.geo.geoproperty}


async def _held(
    inquiry: Inquiry, query: EntityQuery, demand: Demand, need: int, told: Iterable[Told]
) -> list[Evolution]:
    """This broker's own evolutions that may match, and those of entities that only a source found to match."""
    ports, tenant = inquiry.ports, inquiry.tenant
    found: dict[str, Evolution] = {}
    if ports.history is None:
        return []
    samples = 0
    basis = replace(demand, attributes=None, dataset_ids=None)
    async for each in matching(ports, tenant, query, basis):
        found[each.id] = each
        samples += _size(each)
        if samples > MAX_SAMPLES:
            raise TooManyResults(f"More than {MAX_SAMPLES} samples would have to be looked at; narrow the query.")
        if len(found) >= need:
            break
    missing = {entity_id for each in told for entity_id in each.evolutions} - found.keys()
    for each in await evolutions_of(ports, tenant, sorted(missing), basis):
        found[each.id] = each
    return list(found.values())


def _size(evolution: Evolution) -> int:
    series = evolution.series.values()
    return sum(len(each.samples) + sum(chunk.count for chunk in each.chunks) for each in series)


def _has_datasets(evolution: Evolution, query: EntityQuery, demand: Demand) -> bool:
    if demand.dataset_ids is None:
        return True
    names = frozenset(query.attributes) or None
    return not excerpt(evolution, Demand(demand.query, attributes=names, dataset_ids=demand.dataset_ids)).is_empty


def _merged(held: Iterable[Evolution], told: Sequence[Told], demand: Demand) -> Found:
    """Put together what there is of each evolution: those found here come first, then in the order of the questions."""
    versions: dict[str, dict[str, Evolution]] = {each.id: {LOCAL: each} for each in held}
    supplements: dict[str, dict[str, Evolution]] = {}
    found = Found([], holders={each: [HERE] for each in versions})
    for number, each in enumerate(told):
        if each.warning is not None and each.warning not in found.warnings:
            found.warnings.append(each.warning)
        registration = each.question.registration
        if each.entity_map is not None:
            found.maps[registration.id] = each.entity_map
        for evolution in each.evolutions.values():
            holders = found.holders.setdefault(evolution.id, [])
            if registration.id not in holders:
                holders.append(registration.id)
            places = versions.setdefault(evolution.id, {})
            if is_auxiliary(registration):
                places = supplements.setdefault(evolution.id, {})
            places[f"{registration.id} {number}"] = evolution
    edges = [each.edge for each in told if each.edge is not None]
    if edges:
        found.edge = min(edges) if demand.last is None else max(edges)
    timeproperty = "observedAt" if demand.query is None else demand.query.timeproperty
    for entity_id, each_version in versions.items():
        whole = merge_evolutions(each_version, supplements.get(entity_id, {}), timeproperty)
        if whole is not None:
            found.evolutions.append(whole)
    return found
