"""Retrieving and querying histories (clauses 6.18.3.2, 6.19.3.1, 6.24)."""

from collections.abc import Mapping
from dataclasses import replace

from broker.core.jsonld.context import ActiveContext
from broker.core.model.entity_map import EntityMap
from broker.core.model.errors import ResourceNotFound
from broker.core.ql.ast import EntitySelector
from broker.http import params
from broker.http.distributed_histories import query_by_map, query_distributed, retrieve_distributed
from broker.http.distribution import inquiry_for, sources_of
from broker.http.entity_maps import map_header, map_of_one, named_or_none, wants_map
from broker.http.message import Header, Request, Response
from broker.http.negotiate import PLAIN, answer_type, context_of, read_object
from broker.http.paging import paging_of
from broker.http.parameters import ATTRS, DISTRIBUTION, options
from broker.http.responses import ROOT
from broker.http.route import Answer, Route
from broker.http.routes.entity_attributes import entity_id_of
from broker.http.routes.temporal_maps import make_map
from broker.http.selection import parameters_of, selectors_of
from broker.http.temporal import AGGREGATED, AGGREGATION, RANGE, VALUES, TemporalView, read_view, unfold
from broker.http.temporal_display import answer, show
from broker.http.temporal_selection import BODY_QUERY, QUERY, SHOWN, TemporalSelection, read_temporal_selection
from broker.http.versions import conformance_of
from broker.operations.entity_maps import within
from broker.operations.ports import Ports
from broker.operations.temporal_queries import (
    EvolutionPage,
    EvolutionQuery,
    Histories,
    aggregate_evolution,
    aggregate_evolutions,
    query_evolutions,
    retrieve_evolution,
)


async def retrieve(ports: Ports, request: Request) -> Response:
    """5.7.3."""
    media_type = answer_type(request, PLAIN)
    entity_id = entity_id_of(request)
    context = await context_of(ports, request)
    view = read_view(request.parameters, context, ports.temporal_page, required=False)
    index, told = sources_of(ports, request), list[Header]()
    found: Histories
    if index is not None:
        found, told = await retrieve_distributed(ports, request, index, context, entity_id, view)
    elif view.aggregation is not None:
        found = await aggregate_evolution(ports, request.tenant, entity_id, view.demand, view.aggregation)
    else:
        found = await retrieve_evolution(ports, request.tenant, entity_id, view.demand)
    if index is None and wants_map(request, request.parameters):
        told.append(map_header(await map_of_one(ports, request, entity_id)))
    conformance = conformance_of(request)
    shown = show(found, context, view, conformance)[0]
    if isinstance(found, EvolutionPage):
        attrs = params.expanded(request.parameters, "attrs", context.expand_term)
        if not shown or (attrs and found.excerpts[0].samples.keys().isdisjoint(attrs)):
            raise ResourceNotFound(f"Nothing of what is asked for is in the history of {entity_id}.")
    return answer(request, context, found, shown, view, media_type, told, conformance)


async def query(ports: Ports, request: Request) -> Response:
    """5.7.4 by GET."""
    media_type = answer_type(request, PLAIN)
    context = await context_of(ports, request)
    return await _answer(ports, request, context, request.parameters, media_type, "/temporal/entities")


async def query_by_post(ports: Ports, request: Request) -> Response:
    """5.7.4 by POST (clause 6.24)."""
    media_type = answer_type(request, PLAIN)
    document, context = await read_object(ports, request)
    parameters = parameters_of(document, {**request.parameters, **unfold(document)})
    selectors = selectors_of(document, context)
    path = "/temporal/entityOperations/query"
    return await _answer(ports, request, context, parameters, media_type, path, selectors)


async def _answer(
    ports: Ports,
    request: Request,
    context: ActiveContext,
    parameters: Mapping[str, str],
    media_type: str,
    path: str,
    selectors: tuple[EntitySelector, ...] | None = None,
) -> Response:
    paging, conformance = paging_of(request), conformance_of(request)
    asked = read_temporal_selection(parameters, context, ports.temporal_page, selectors)
    selection, view = asked.selection, asked.view
    is_ordered, descending = bool(selection.order), asked.is_descending()
    wanted = EvolutionQuery(selection.query, paging.limit, paging.offset, paging.count, descending, is_ordered)
    named, entity_map, told = None, None, list[Header]()
    if wants_map(request, parameters):
        entity_map = named = await named_or_none(ports, request)
        if entity_map is None:
            entity_map, told = await make_map(ports, request, context, asked)
    found, more_told = await _find(ports, request, context, asked, wanted, entity_map)
    told += [each for each in more_told if each not in told]
    if entity_map is not None:
        told.append(map_header(entity_map))
    extra = paging.headers(request, ROOT + path, media_type, found.more, found.total) + told
    shown = show(found, context, view, conformance)
    response = answer(request, context, found, shown, view, media_type, extra, conformance)
    if entity_map is not None and named is None and response.status != 206:
        # Table 6.18.3.2-2: an entity map came into being.
        response.status = 201
    return response


async def _find(
    ports: Ports,
    request: Request,
    context: ActiveContext,
    asked: TemporalSelection,
    wanted: EvolutionQuery,
    entity_map: EntityMap | None,
) -> tuple[Histories, list[Header]]:
    """The page asked for, of what the map lists if there is one, from here and from sources."""
    index = None if asked.selection.local else sources_of(ports, request)
    if index is None:
        if entity_map is not None:
            wanted = replace(wanted, query=within(wanted.query, entity_map))
        return await _find_here(ports, request.tenant, wanted, asked.view), []
    inquiry = await inquiry_for(ports, request, index, context)
    if entity_map is None:
        return await query_distributed(inquiry, asked.parameters, wanted, asked.view)
    return await query_by_map(inquiry, asked.parameters, wanted, asked.view, entity_map)


async def _find_here(ports: Ports, tenant: str, wanted: EvolutionQuery, view: TemporalView) -> Histories:
    if view.aggregation is None:
        return await query_evolutions(ports, tenant, wanted, view.demand)
    return await aggregate_evolutions(ports, tenant, wanted, view.demand, view.aggregation)


_ALTERED = ("Link", "Preference-Applied")
_FOUND = (
    Answer(200, "A page of the histories found.", "EntityTemporal[]", ("Link", "NGSILD-Results-Count")),
    Answer(201, "The same, by an entity map made for it.", "EntityTemporal[]", ("Link", "NGSILD-EntityMap")),
    Answer(203, "The page, altered for the version preferred.", "EntityTemporal[]", _ALTERED),
    Answer(206, "Part of the range asked for.", "EntityTemporal[]", ("Link", "Content-Range")),
)

ROUTES = (
    Route(
        "GET",
        "/temporal/entities",
        query,
        "queryTemporal",
        "5.7.4, 6.18.3.2",
        "Find histories",
        QUERY,
        answers=_FOUND,
        errors=(403, 404),
    ),
    Route(
        "GET",
        "/temporal/entities/{entityId}",
        retrieve,
        "retrieveTemporal",
        "5.7.3, 6.19.3.1",
        "Retrieve the history of an entity",
        (ATTRS, *RANGE, *AGGREGATION, *SHOWN, *DISTRIBUTION, options(VALUES, AGGREGATED, "sysAttrs")),
        answers=(
            Answer(200, "The history.", "EntityTemporal", ("Link",)),
            Answer(203, "The history, altered for the version preferred.", "EntityTemporal", _ALTERED),
            Answer(206, "Part of the range asked for.", "EntityTemporal", ("Link", "Content-Range")),
        ),
        errors=(404,),
    ),
    Route(
        "POST",
        "/temporal/entityOperations/query",
        query_by_post,
        "queryTemporalByPost",
        "5.7.4, 6.24.3.1",
        "Find histories by a query in the body",
        BODY_QUERY,
        "Query",
        _FOUND,
        (403, 404),
    ),
)
