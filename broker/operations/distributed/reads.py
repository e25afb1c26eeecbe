"""Retrieving and querying entities that are here and elsewhere (clauses 5.7.1, 5.7.2, 4.3.6.7, 4.5.5)."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from broker.core.federate.match import SourceFilter, Wanted, attributes_of, wanted_by
from broker.core.federate.merge import LOCAL, merge_versions
from broker.core.federate.plan import Asking, is_auxiliary, plan_questions
from broker.core.model.entity import Entity
from broker.core.model.errors import BadRequestData, TooManyResults
from broker.core.ql.ast import EntityQuery, EntitySelector, PageRequest
from broker.core.ql.evaluate import compile_query
from broker.core.ql.types import TypeSelection
from broker.operations.distributed.asking import Heard, Inquiry, Parameters, SourceWarning
from broker.operations.ports import EntityPage

MAX_CANDIDATES = 5_000
"""Entities looked at for one query, of each source: five requests of a thousand, some megabytes."""

LONGEST_IDS = 6_000
"""Characters of ids in one question: servers commonly take request lines of 8,000."""

SYSTEM_ATTRIBUTES = ("options", "sysAttrs")
"""What tells which of two versions is newer (clause 4.5.5.3)."""


@dataclass(slots=True)
class Merged:
    """Entities out of all versions found, by id in the order in which they were met, and what sources did wrong."""

    entities: dict[str, Entity] = field(default_factory=dict)
    warnings: list[SourceWarning] = field(default_factory=list)


async def retrieve(
    inquiry: Inquiry, entity_id: str, types: TypeSelection | None, names: frozenset[str], datasets: Sequence[str]
) -> tuple[Entity | None, list[SourceWarning]]:
    """Clause 5.7.1: the entity out of all its parts, with the attributes `names` at least (none: all), or None."""
    wanted = Wanted(
        selectors=(EntitySelector((entity_id,), None, types),), attributes=names, dataset_ids=frozenset(datasets)
    )
    questions = _questions(inquiry, wanted, names, ("retrieveEntity", "queryEntity", "queryBatch"))
    local = await inquiry.ports.entities.get(inquiry.tenant, entity_id)
    parameters = Parameters((SYSTEM_ATTRIBUTES,))
    heard = await inquiry.ask_all(once_each(questions), parameters, 1) if questions else []
    merged = merge(inquiry, [local] if local is not None else [], heard)
    return merged.entities.get(entity_id), merged.warnings


async def query(
    inquiry: Inquiry,
    query: EntityQuery,
    page: PageRequest,
    names: frozenset[str],
    given: Mapping[str, str],
    *,
    splits: bool,
    source_filter: SourceFilter | None = None,
) -> tuple[EntityPage, list[SourceWarning]]:
    """Clause 5.7.2: a page of entities from here and from sources. `given` are the parameters as the client wrote them.

    With `splits` entities may be spread over sources: all that may match are put together before the filters decide.
    Otherwise each source decides for itself, as long as it has what the filters ask about. `source_filter` chooses the
    registrations that count.

    Raises:
        BadRequestData: an order is asked for of entities that are elsewhere.
        TooManyResults: more candidates than can be put together.
    """
    wanted, projected = wanted_of(query, names, splits=splits, source_filter=source_filter)
    questions = divided(_questions(inquiry, wanted, projected, ("queryEntity", "queryBatch")))
    if questions:
        refuse_order(page)
    parameters = parameters_for(inquiry, query, given, splits=splits)
    decided = not splits and all(decides(each, parameters, inquiry) for each in questions)
    everything = page.count or not decided
    need = MAX_CANDIDATES if everything else page.offset + page.limit + 1
    if need > MAX_CANDIDATES:
        raise TooManyResults(f"Of distributed entities at most {MAX_CANDIDATES} can be listed; narrow the query.")
    here = EntityQuery(selectors=query.selectors, dataset_ids=query.dataset_ids) if splits else query
    asking = asyncio.create_task(inquiry.ask_all(questions, parameters, need))
    try:
        local = await inquiry.ports.entities.find(inquiry.tenant, here, PageRequest(need, 0, False, page.order))
        heard = await asking
    finally:
        asking.cancel()
    if everything and (local.more or not all(each.is_complete for each in heard)):
        raise TooManyResults(
            f"More than {MAX_CANDIDATES} distributed entities may match; narrow the query by type, id or idPattern."
        )
    held = await complete_here(inquiry, local.entities, heard)
    merged = merge(inquiry, held, heard)
    found = selected(merged, query if not decided else EntityQuery(selectors=query.selectors))
    shown = found[page.offset : page.offset + page.limit]
    total = len(found) if page.count else None
    return EntityPage(shown, total, len(found) > page.offset + page.limit), merged.warnings


def refuse_order(page: PageRequest) -> None:
    """Raise BadRequestData where an order is asked for of entities that are elsewhere (clause 5.7.2.4)."""
    if page.order:
        raise BadRequestData("orderBy needs local=true, since sources have entities that the query asks for.")


def wanted_of(
    query: EntityQuery, names: frozenset[str], *, splits: bool, source_filter: SourceFilter | None = None
) -> tuple[Wanted, frozenset[str]]:
    """What a query wants of sources, and the attributes to ask for (none: all)."""
    named = EntityQuery(selectors=query.selectors) if splits else query
    wanted = wanted_by(named, attributes=names, source_filter=source_filter)
    wanted = replace(wanted, dataset_ids=frozenset(query.dataset_ids), geo=query.geo, scope=query.scope)
    # A source would take attributes as a filter, which a part of an entity need not satisfy.
    return wanted, frozenset() if splits or not names else names | attributes_filtered(query)


def divided(questions: Iterable[Asking]) -> list[Asking]:
    """The questions, each with no more ids than a URL should hold."""
    found: list[Asking] = []
    for each in questions:
        group: list[str] = []
        size = 0
        for entity_id in each.selector.ids:
            if group and size + len(entity_id) > LONGEST_IDS:
                found.append(replace(each, selector=replace(each.selector, ids=tuple(group))))
                group, size = [], 0
            group.append(entity_id)
            size += len(entity_id) + 1
        found.append(replace(each, selector=replace(each.selector, ids=tuple(group))) if group else each)
    return found


def _questions(inquiry: Inquiry, wanted: Wanted, projected: frozenset[str], operations: Sequence[str]) -> list[Asking]:
    candidates = sorted(inquiry.index.candidates(wanted.selectors), key=lambda each: (each.created_at, each.id))
    return plan_questions(candidates, wanted, projected, operations, inquiry.journey)


def once_each(questions: list[Asking]) -> list[Asking]:
    """Each source once for the same types and attributes."""
    found: dict[tuple[str, TypeSelection | None, frozenset[str] | None], Asking] = {}
    for each in questions:
        found.setdefault((each.registration.id, each.selector.types, each.attributes), each)
    return list(found.values())


def attributes_filtered(query: EntityQuery) -> frozenset[str]:
    """The attributes that the filters of a query look at."""
    names = frozenset() if query.q is None else attributes_of(query.q)
    return names if query.geo is None else names | {query.geo.geoproperty}


def parameters_for(inquiry: Inquiry, query: EntityQuery, given: Mapping[str, str], *, splits: bool) -> Parameters:
    """What every source is asked, and the filters that those get that can decide them."""
    common: tuple[tuple[str, str], ...] = (SYSTEM_ATTRIBUTES,)
    if splits:
        return Parameters(common)
    filters = []
    if query.q is not None:
        texts = tuple((name, given[name]) for name in ("q", "expandValues", "jsonKeys") if name in given)
        filters.append((texts, attributes_of(query.q)))
    if query.geo is not None:
        names = ("georel", "geometry", "coordinates", "geoproperty")
        texts = tuple((name, given[name]) for name in names if name in given)
        filters.append((texts, frozenset((query.geo.geoproperty,))))
    common = (*common, *((name, given[name]) for name in ("scopeQ", "datasetId") if name in given))
    return Parameters(common, tuple(filters), inquiry.client)


def decides(question: Asking, parameters: Parameters, inquiry: Inquiry) -> bool:
    """Whether the source decides all filters itself."""
    context = inquiry.context_for(question.registration)
    return all(parameters.applies(question, names, context) for _, names in parameters.filters)


async def complete_here(inquiry: Inquiry, local: list[Entity], heard: list[Heard]) -> list[Entity]:
    """This broker's versions of all entities found, also of those that only a source found to match."""
    known = {each.id for each in local}
    missing = {entity.id for each in heard for entity in each.entities} - known
    if not missing:
        return local
    return [*local, *(await inquiry.ports.entities.get_many(inquiry.tenant, sorted(missing))).values()]


def merge(inquiry: Inquiry, local: list[Entity], heard: list[Heard]) -> Merged:
    """Put the versions of each entity together: those found here come first, then in the order of the questions."""
    versions: dict[str, dict[str, Entity]] = {each.id: {LOCAL: each} for each in local}
    supplements: dict[str, dict[str, Entity]] = {}
    merged = Merged()
    for number, each in enumerate(heard):
        if each.warning is not None and each.warning not in merged.warnings:
            merged.warnings.append(each.warning)
        registration = each.question.registration
        source, auxiliary = f"{registration.id} {number}", is_auxiliary(registration)
        for entity in each.entities:
            equal = versions.setdefault(entity.id, {})
            place = supplements.setdefault(entity.id, {}) if auxiliary else equal
            place[source] = entity
    now = inquiry.ports.clock.now()
    for entity_id, found in versions.items():
        whole = merge_versions(found, supplements.get(entity_id, {}), now)
        if whole is not None:
            merged.entities[entity_id] = whole
    return merged


def selected(merged: Merged, query: EntityQuery) -> list[Entity]:
    """What of the entities satisfies the query."""
    satisfied = compile_query(query)
    return [each for each in merged.entities.values() if satisfied(each)]
