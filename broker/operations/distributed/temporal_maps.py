"""Entity maps of histories that are here and elsewhere (clauses 4.3.6.7, 5.5.14, 5.7.4.4, 5.14.5)."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace

from broker.core.federate.index import RegistrationIndex
from broker.core.federate.plan import Asking
from broker.core.model.entity_map import LOCAL, EntityMap, lifetime
from broker.core.temporal.evolution import Demand
from broker.operations.distributed.asking import Inquiry, Parameters, SourceWarning
from broker.operations.distributed.temporal_asking import ask_all, written_range
from broker.operations.distributed.temporal_reads import MAX_CANDIDATES, Found, History, planned, query
from broker.operations.entity_maps import MAX_ENTITIES, keep_sources, too_many
from broker.operations.federation import Forward
from broker.operations.map_pages import candidates_of, limited_to
from broker.operations.temporal_queries import matching

_MAKING = "createEntityMapQueryTemporal"
_SECOND = 1_000_000


@dataclass(slots=True)
class _Listed:
    """The entities that one source has for one question, and the map that it keeps of them."""

    question: Asking
    ids: list[str]
    entity_map: str | None = None
    warning: SourceWarning | None = None


async def map_histories(inquiry: Inquiry, asked: History, wanted: int | None) -> tuple[EntityMap, list[SourceWarning]]:
    """Clause 5.14.5: a map of who holds which histories. `wanted`: the lifetime suggested, in microseconds.

    Sources that make no maps are asked for one instance of each history. Raises TooManyResults beyond MAX_ENTITIES.
    """
    questions, parameters = planned(inquiry, asked, (_MAKING, "queryTemporal"))
    sources: dict[str, list[str]] = {}
    plain = asked.here
    if inquiry.ports.history is not None:
        async for each in matching(inquiry.ports, inquiry.tenant, plain, replace(asked.demand, dataset_ids=None)):
            sources[each.id] = [LOCAL]
            each.series = {}
            if len(sources) > MAX_ENTITIES:
                raise too_many()
    listed = await asyncio.gather(*(_list(inquiry, each, parameters, asked, wanted) for each in questions))
    linked: dict[str, str] = {}
    warnings: list[SourceWarning] = []
    for one in listed:
        registration_id = one.question.registration.id
        if one.warning is not None and one.warning not in warnings:
            warnings.append(one.warning)
        if one.entity_map is not None:
            linked[registration_id] = one.entity_map
        for entity_id in one.ids:
            holders = sources.setdefault(entity_id, [])
            if registration_id not in holders:
                holders.append(registration_id)
    if len(sources) > MAX_ENTITIES:
        raise too_many()
    made = await keep_sources(inquiry.ports, inquiry.tenant, sources, linked, wanted)
    return made, warnings


async def page_of_map(
    inquiry: Inquiry, entity_map: EntityMap, asked: History, *, limit: int, offset: int, count: bool
) -> Found:
    """A page of the histories that a map lists, in its order, from those who hold them.

    An offset counts what the map lists; what has nothing in the range any more is missing on its page.
    """
    candidates = candidates_of(asked.query, entity_map)
    wanted = candidates[offset : offset + limit]
    limited = limited_to(asked.query, wanted) if wanted else None
    total = len(candidates) if count else None
    if limited is None:
        return Found([], total=total, more=len(candidates) > offset + limit)
    index = RegistrationIndex()
    for registration_id in dict.fromkeys(name for each in wanted for name in entity_map.sources[each]):
        registration = inquiry.index.get(registration_id)
        if registration is not None:
            index.put(registration)
    part = replace(asked, query=limited, maps=entity_map.linked)
    found = await query(replace(inquiry, index=index), part, limit=len(wanted))
    place = {entity_id: number for number, entity_id in enumerate(wanted)}
    found.evolutions.sort(key=lambda each: place.get(each.id, len(place)))
    found.total, found.more = total, len(candidates) > offset + limit
    return found


async def _list(
    inquiry: Inquiry, question: Asking, parameters: Parameters, asked: History, wanted: int | None
) -> _Listed:
    registration = question.registration
    if question.operation == _MAKING and not question.is_loop:
        context = inquiry.context_for(registration)
        pairs = tuple(pair for pair in parameters.of(question, context) if pair[0] != "options")
        pairs = (*pairs, *written_range(asked.demand), ("entityMapLifetime", f"PT{lifetime(wanted) // _SECOND}S"))
        answer = await inquiry.send(registration, Forward("GET", "/temporal/entityMaps", pairs, context))
        body = answer.body
        if answer.is_success and isinstance(body, Mapping) and isinstance(body.get("entityMap"), Mapping):
            named = body.get("id")
            return _Listed(question, list(body["entityMap"]), named if isinstance(named, str) else None)
    one_each = Demand(asked.demand.query, last=1, page=None)
    if question.operation == _MAKING:
        question = replace(question, operation="queryTemporal")
    (told,) = await ask_all(inquiry, [question], parameters, one_each, MAX_CANDIDATES)
    return _Listed(question, list(told.evolutions), None, told.warning)
