"""Entity maps of histories that are here and elsewhere (clauses 4.3.6.7, 5.5.14, 5.7.4.4, 5.14.5)."""

from collections.abc import Iterable
from dataclasses import replace

from broker.core.federate.index import RegistrationIndex
from broker.core.federate.plan import Asking
from broker.core.model.entity_map import LOCAL, EntityMap
from broker.core.temporal.evolution import Demand
from broker.operations.distributed.asking import Inquiry, SourceWarning
from broker.operations.distributed.listing import Holders, Listed, Listing, list_held
from broker.operations.distributed.temporal_asking import ask_all, written_range
from broker.operations.distributed.temporal_reads import MAX_CANDIDATES, Found, History, planned, query, retrieve
from broker.operations.entity_maps import MAX_ENTITIES, keep_sources, link_maps, too_many
from broker.operations.map_pages import candidates_of, limited_to
from broker.operations.temporal_queries import matching

_MAKING = "createEntityMapQueryTemporal"
_SECOND = 1_000_000


async def map_histories(inquiry: Inquiry, asked: History, wanted: int | None) -> tuple[EntityMap, list[SourceWarning]]:
    """Clause 5.14.5: a map of who holds which histories. `wanted`: the lifetime suggested, in microseconds.

    Sources that make no maps are asked for one instance of each history. Raises TooManyResults beyond MAX_ENTITIES.
    """
    questions, parameters = planned(inquiry, asked, (_MAKING, "queryTemporal"))
    one_each = Demand(asked.demand.query, last=1, page=None)

    async def query_one_each(question: Asking) -> Listed:
        (told,) = await ask_all(inquiry, [question], parameters, one_each, MAX_CANDIDATES)
        return Listed(question, list(told.evolutions), None, told.warning)

    found = Holders({each: [LOCAL] for each in await _ids_here(inquiry, asked)})
    pairs = written_range(asked.demand)
    listing = Listing(_MAKING, "/temporal/entityMaps", ("queryTemporal",), query_one_each, pairs)
    found.add(await list_held(inquiry, questions, parameters, listing, wanted))
    made = await keep_sources(inquiry.ports, inquiry.tenant, found.sources, found.linked, wanted)
    return made, found.warnings


async def _ids_here(inquiry: Inquiry, asked: History) -> list[str]:
    found: list[str] = []
    if inquiry.ports.history is None:
        return found
    demand = replace(asked.demand, dataset_ids=None)
    async for each in matching(inquiry.ports, inquiry.tenant, asked.here, demand):
        found.append(each.id)
        if len(found) > MAX_ENTITIES:
            raise too_many()
    return found


async def page_of_map(
    inquiry: Inquiry, entity_map: EntityMap, asked: History, *, limit: int, offset: int, count: bool
) -> Found:
    """A page of the histories that a map lists, in its order, from those who hold them.

    An offset counts what the map lists; what has nothing in the range any more is missing on its page. A source that
    answers with another map lost its own: the new one lists only what it was asked for just now.
    """
    candidates = candidates_of(asked.query, entity_map)
    wanted = candidates[offset : offset + limit]
    limited = limited_to(asked.query, wanted) if wanted else None
    total = len(candidates) if count else None
    if limited is None:
        return Found([], total=total, more=len(candidates) > offset + limit)
    part = replace(asked, query=limited, maps=entity_map.linked)
    found = await query(_among_holders(inquiry, entity_map, wanted), part, limit=len(wanted))
    kept = {name: linked for name, linked in entity_map.linked.items() if found.maps.get(name, linked) == linked}
    await link_maps(inquiry.ports, inquiry.tenant, entity_map, kept)
    place = {entity_id: number for number, entity_id in enumerate(wanted)}
    found.evolutions.sort(key=lambda each: place.get(each.id, len(place)))
    found.total, found.more = total, len(candidates) > offset + limit
    return found


async def retrieve_by_map(
    inquiry: Inquiry, entity_id: str, demand: Demand, named: EntityMap | None, wanted: int | None
) -> tuple[Found, EntityMap | None]:
    """Clause 5.7.3 with an entity map: that which the request names, or a new one where the history is found."""
    if named is None:
        found = await retrieve(inquiry, entity_id, demand, wants_maps=True)
        if found.evolutions:
            holders = found.holders[entity_id]
            named = await keep_sources(inquiry.ports, inquiry.tenant, {entity_id: holders}, found.maps, wanted)
        return found, named
    holding = _among_holders(inquiry, named, (entity_id,))
    found = await retrieve(holding, entity_id, demand, maps=named.linked, wants_maps=True)
    await link_maps(inquiry.ports, inquiry.tenant, named, {**named.linked, **found.maps})
    return found, named


def _among_holders(inquiry: Inquiry, entity_map: EntityMap, entity_ids: Iterable[str]) -> Inquiry:
    """The inquiry among those sources alone that hold some of the entities (clause 5.5.14)."""
    index = RegistrationIndex()
    for registration_id in dict.fromkeys(name for each in entity_ids for name in entity_map.sources.get(each, ())):
        registration = inquiry.index.get(registration_id)
        if registration is not None:
            index.put(registration)
    return replace(inquiry, index=index)
