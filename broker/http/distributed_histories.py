"""Retrieving and querying temporal evolutions that sources have a part in (clauses 6.18.3.2, 6.19.3.1, 6.24)."""

from collections.abc import Mapping

from broker.core.federate.index import RegistrationIndex
from broker.core.federate.match import source_filter
from broker.core.jsonld.context import ActiveContext
from broker.core.model.entity_map import EntityMap
from broker.core.model.errors import BadRequestData, TooManyResults
from broker.core.ql.ast import EntityQuery
from broker.core.temporal.aggregates import aggregated
from broker.core.temporal.condition import is_within
from broker.core.temporal.evolution import excerpt, shorten
from broker.http import params
from broker.http.distribution import inquiry_for, warnings
from broker.http.entity_maps import lifetime_of, map_header, named_or_none, wants_map
from broker.http.message import Header, Request
from broker.http.problems import Refusal
from broker.http.temporal import TemporalView
from broker.operations.distributed import temporal_reads
from broker.operations.distributed.asking import Inquiry
from broker.operations.distributed.temporal_maps import page_of_map, retrieve_by_map
from broker.operations.distributed.temporal_reads import Found, History
from broker.operations.ports import Ports
from broker.operations.temporal import no_such_evolution
from broker.operations.temporal_queries import Aggregates, EvolutionPage, EvolutionQuery, Histories, nothing_within


async def retrieve_distributed(
    ports: Ports,
    request: Request,
    index: RegistrationIndex,
    context: ActiveContext,
    entity_id: str,
    view: TemporalView,
) -> tuple[Histories, list[Header]]:
    """5.7.3 with sources, by an entity map where one is wanted.

    Raises a 404 that tells what was wrong with sources where the history is nowhere.
    """
    inquiry = await inquiry_for(ports, request, index, context)
    used = None
    if wants_map(request, request.parameters):
        named, lifetime = await named_or_none(ports, request), lifetime_of(request.parameters)
        found, used = await retrieve_by_map(inquiry, entity_id, view.demand, named, lifetime)
    else:
        found = await temporal_reads.retrieve(inquiry, entity_id, view.demand)
    told = warnings(found.warnings)
    if used is not None:
        told.append(map_header(used))
    if not found.evolutions:
        raise Refusal(404, no_such_evolution(entity_id), tuple(told))
    if not is_within(found.evolutions[0], view.demand):
        raise Refusal(404, nothing_within(entity_id), tuple(told))
    return _viewed(found, view), told


async def query_distributed(
    inquiry: Inquiry, parameters: Mapping[str, str], wanted: EvolutionQuery, view: TemporalView
) -> tuple[Histories, list[Header]]:
    """5.7.4 with sources."""
    found = await temporal_reads.query(
        inquiry,
        history_of(inquiry, parameters, wanted.query, view),
        limit=wanted.limit,
        offset=wanted.offset,
        count=wanted.count,
        is_ordered=wanted.is_ordered,
    )
    return _viewed(found, view), warnings(found.warnings)


async def query_by_map(
    inquiry: Inquiry, parameters: Mapping[str, str], wanted: EvolutionQuery, view: TemporalView, entity_map: EntityMap
) -> tuple[Histories, list[Header]]:
    """5.7.4 with sources, of what an entity map lists."""
    if wanted.is_ordered:
        raise BadRequestData("orderBy needs local=true, since sources have histories that the map lists.")
    asked = history_of(inquiry, parameters, wanted.query, view)
    page = {"limit": wanted.limit, "offset": wanted.offset}
    found = await page_of_map(inquiry, entity_map, asked, **page, count=wanted.count)
    return _viewed(found, view), warnings(found.warnings)


def history_of(inquiry: Inquiry, parameters: Mapping[str, str], query: EntityQuery, view: TemporalView) -> History:
    """The query as it reaches sources."""
    splits = inquiry.federation.splits_entities
    if "splitEntities" in parameters:
        splits = params.flag(parameters, "splitEntities")
    chosen = source_filter(parameters.get("csf"), inquiry.client)
    return History(query, view.demand, parameters, chosen, splits)


def _viewed(found: Found, view: TemporalView) -> Histories:
    """What was found as the client wants to see it. Raises TooManyResults where aggregates would lack something."""
    demand = view.demand
    if view.aggregation is None:
        excerpts = [excerpt(each, demand) for each in found.evolutions]
        return EvolutionPage(excerpts, shorten(excerpts, demand, found.edge), found.total, found.more)
    if found.edge is not None:
        raise TooManyResults("A source has more instances in this range than can be aggregated; ask for less time.")
    cells = [(each, aggregated(each, demand, view.aggregation)) for each in found.evolutions]
    return Aggregates(cells, found.total, found.more)
