"""Retrieving and querying histories (clauses 6.18.3.2, 6.19.3.1, 6.24)."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from broker.core.jsonld.context import ActiveContext
from broker.core.model.entity_map import EntityMap, render_entity_map
from broker.core.model.errors import BadRequestData, ResourceNotFound
from broker.core.ql.ast import EntitySelector
from broker.core.represent.temporal import represent_aggregates, represent_evolution, represent_values
from broker.core.temporal.evolution import Cut
from broker.http import params
from broker.http.distributed_histories import history_of, query_by_map, query_distributed, retrieve_distributed
from broker.http.distribution import inquiry_for, sources_of, warnings
from broker.http.entity_maps import lifetime_of, map_header, named_or_none, wants_map
from broker.http.message import Header, Request, Response
from broker.http.negotiate import PLAIN, answer_type, context_of, read_object
from broker.http.paging import paging_of
from broker.http.parameters import (
    ATTRS,
    COLLATION,
    DATASET_ID,
    DISTRIBUTION,
    EXPAND_VALUES,
    JSON_KEYS,
    LANG,
    LOCAL,
    OMIT,
    ORDER_BY,
    PAGE,
    PICK,
    SELECTION,
    options,
)
from broker.http.responses import ROOT, plain_json, with_context
from broker.http.route import Answer, Route
from broker.http.routes.entity_attributes import entity_id_of
from broker.http.selection import Selection, check_links, parameters_of, read_selection, selectors_of
from broker.http.temporal import (
    AGGREGATED,
    AGGREGATION,
    FORMAT,
    RANGE,
    VALUES,
    TemporalView,
    content_range,
    read_view,
    unfold,
)
from broker.operations import temporal_queries as temporal
from broker.operations.distributed.temporal_maps import map_histories
from broker.operations.entity_maps import within
from broker.operations.ports import Ports
from broker.operations.query import refuse_too_wide
from broker.operations.temporal_queries import Aggregates, EvolutionPage, EvolutionQuery


async def retrieve(ports: Ports, request: Request) -> Response:
    """5.7.3."""
    media_type = answer_type(request, PLAIN)
    entity_id = entity_id_of(request)
    context = await context_of(ports, request)
    view = read_view(request.parameters, context, ports.temporal_page, required=False)
    index, told = sources_of(ports, request), list[Header]()
    found: Aggregates | EvolutionPage
    if index is not None:
        found, told = await retrieve_distributed(ports, request, index, context, entity_id, view)
    elif view.aggregation is not None:
        found = await temporal.aggregate_evolution(ports, request.tenant, entity_id, view.demand, view.aggregation)
    else:
        found = await temporal.retrieve_evolution(ports, request.tenant, entity_id, view.demand)
    shown, cut = _shown(found, context, view)
    if isinstance(found, EvolutionPage):
        attrs = params.expanded(request.parameters, "attrs", context.expand_term)
        if not shown[0] or (attrs and found.excerpts[0].samples.keys().isdisjoint(attrs)):
            raise ResourceNotFound(f"Nothing of what is asked for is in the history of {entity_id}.")
    return _partial(with_context(request, context, shown[0], media_type, _range(view, cut) + told), cut)


async def query(ports: Ports, request: Request) -> Response:
    """5.7.4 by GET."""
    media_type = answer_type(request, PLAIN)
    context = await context_of(ports, request)
    return await _answer(ports, request, context, request.parameters, media_type, "/temporal/entities")


async def query_by_post(ports: Ports, request: Request) -> Response:
    """5.7.4 by POST (clause 6.24)."""
    media_type = answer_type(request, PLAIN)
    document, context = await read_object(ports, request)
    parameters = {**request.parameters, **unfold(document)}
    parameters = parameters_of(document, parameters)
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
    paging = paging_of(request)
    view = read_view(parameters, context, ports.temporal_page, required=True)
    selection = read_selection(parameters, context, selectors)
    _refuse_links(selection, parameters)
    refuse_too_wide(selection.query, local=selection.local)
    descending = _descending(selection, parameters)
    is_ordered = bool(selection.order)
    wanted = EvolutionQuery(selection.query, paging.limit, paging.offset, paging.count, descending, is_ordered)
    entity_map, told, made = None, list[Header](), False
    if wants_map(request, parameters):
        entity_map = await named_or_none(ports, request)
        if entity_map is None:
            entity_map, told = await _new_map(ports, request, context, parameters, selection, view)
            made = True
    index = None if selection.local else sources_of(ports, request)
    found: Aggregates | EvolutionPage
    if index is not None:
        inquiry = await inquiry_for(ports, request, index, context)
        if entity_map is None:
            found, more_told = await query_distributed(inquiry, parameters, wanted, view)
        else:
            found, more_told = await query_by_map(inquiry, parameters, wanted, view, entity_map)
        told += [each for each in more_told if each not in told]
    else:
        found = await _found_here(ports, request, wanted, view, entity_map)
    shown, cut = _shown(found, context, view)
    extra = paging.headers(request, ROOT + path, media_type, found.more, found.total) + _range(view, cut) + told
    if entity_map is not None:
        extra.append(map_header(entity_map))
    response = with_context(request, context, shown, media_type, extra)
    if made:
        # Table 6.18.3.2-2: an entity map came into being.
        response.status = 201
    return _partial(response, cut)


async def _found_here(
    ports: Ports, request: Request, wanted: EvolutionQuery, view: TemporalView, entity_map: EntityMap | None
) -> Aggregates | EvolutionPage:
    if entity_map is not None:
        wanted = replace(wanted, query=within(wanted.query, entity_map))
    if view.aggregation is None:
        return await temporal.query_evolutions(ports, request.tenant, wanted, view.demand)
    return await temporal.aggregate_evolutions(ports, request.tenant, wanted, view.demand, view.aggregation)


async def create_map(ports: Ports, request: Request) -> Response:
    """5.14.5 by GET."""
    context = await context_of(ports, request)
    return await _created_map(ports, request, context, request.parameters)


async def create_map_by_post(ports: Ports, request: Request) -> Response:
    """5.14.5 by POST."""
    document, context = await read_object(ports, request)
    parameters = parameters_of(document, {**request.parameters, **unfold(document)})
    return await _created_map(ports, request, context, parameters, selectors_of(document, context))


async def _created_map(
    ports: Ports,
    request: Request,
    context: ActiveContext,
    parameters: Mapping[str, str],
    selectors: tuple[EntitySelector, ...] | None = None,
) -> Response:
    view = read_view(parameters, context, ports.temporal_page, required=True)
    selection = read_selection(parameters, context, selectors)
    _refuse_links(selection, parameters)
    refuse_too_wide(selection.query, local=selection.local)
    made, told = await _new_map(ports, request, context, parameters, selection, view)
    response = plain_json(201, render_entity_map(made))
    response.headers += [map_header(made), *told]
    return response


async def _new_map(
    ports: Ports,
    request: Request,
    context: ActiveContext,
    parameters: Mapping[str, str],
    selection: Selection,
    view: TemporalView,
) -> tuple[EntityMap, list[Header]]:
    lifetime = lifetime_of(parameters)
    index = None if selection.local else sources_of(ports, request)
    if index is None:
        made = await temporal.map_evolutions(ports, request.tenant, selection.query, view.demand, lifetime)
        return made, []
    inquiry = await inquiry_for(ports, request, index, context)
    made, told = await map_histories(inquiry, history_of(inquiry, parameters, selection.query, view), lifetime)
    return made, warnings(told)


def _shown(
    found: Aggregates | EvolutionPage, context: ActiveContext, view: TemporalView
) -> tuple[list[dict[str, Any]], Cut | None]:
    if isinstance(found, Aggregates):
        each_cells = found.evolutions
        return [represent_aggregates(each, cells, context, view.representation) for each, cells in each_cells], None
    represent = represent_values if view.form == VALUES else represent_evolution
    return [represent(each, context, view.representation, view.demand) for each in found.excerpts], found.cut


def _range(view: TemporalView, cut: Cut | None) -> list[Header]:
    return [] if cut is None else [content_range(view.demand, cut)]


def _partial(response: Response, cut: Cut | None) -> Response:
    """206 where only a part of the range went into the answer."""
    if cut is not None:
        response.status = 206
    return response


def _refuse_links(selection: Selection, parameters: Mapping[str, str]) -> None:
    """Histories know no linked entities (clause 5.7.4.4)."""
    check_links(selection.query, 0)
    if parameters.get("join", "@none") != "@none" or "containedBy" in parameters:
        raise BadRequestData("Histories come without linked entities: leave join and containedBy out.")


def _descending(selection: Selection, parameters: Mapping[str, str]) -> bool:
    """Histories are ordered by id alone (clause 5.7.4.4)."""
    collation = parameters.get("collation")
    if collation is not None and _COLLATION.fullmatch(collation) is None:
        raise BadRequestData("collation is a language tag such as fr or de-u-co-phonebk (RFC 6067).")
    members = [item.partition(";")[0].strip() for item in parameters.get("orderBy", "id").split(",")]
    if members != ["id"]:
        raise BadRequestData("Histories can be ordered by id alone: orderBy=id or orderBy=id;desc.")
    return any(order.descending for order in selection.order)


_COLLATION = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*", re.ASCII)

_FOUND = (
    Answer(200, "A page of the histories found.", "EntityTemporal[]", ("Link", "NGSILD-Results-Count")),
    Answer(206, "Part of the range asked for.", "EntityTemporal[]", ("Link", "Content-Range")),
)
_MAPPED = (Answer(201, "The map of the entities found.", "EntityMap", ("NGSILD-EntityMap",)),)
_FORMS = options(VALUES, AGGREGATED, "sysAttrs", "count")
_SHOWN = (PICK, OMIT, DATASET_ID, LANG, FORMAT)

_QUERY = (
    *(*SELECTION, *RANGE, *AGGREGATION, *_SHOWN, *PAGE, ORDER_BY, COLLATION, EXPAND_VALUES, JSON_KEYS),
    *(*DISTRIBUTION, _FORMS),
)

ROUTES = (
    Route(
        "GET",
        "/temporal/entityMaps",
        create_map,
        "createTemporalEntityMap",
        "5.14.5, 6.35.3.1",
        "Map the entities whose histories a query finds",
        _QUERY,
        answers=_MAPPED,
        errors=(403, 404),
    ),
    Route(
        "POST",
        "/temporal/entityMaps",
        create_map_by_post,
        "createTemporalEntityMapByPost",
        "5.14.5, 6.35.3.2",
        "Map the entities whose histories a query in the body finds",
        (*PAGE, FORMAT, LOCAL, *AGGREGATION, _FORMS),
        "Query",
        _MAPPED,
        (403, 404),
    ),
    Route(
        "GET",
        "/temporal/entities",
        query,
        "queryTemporal",
        "5.7.4, 6.18.3.2",
        "Find histories",
        _QUERY,
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
        (ATTRS, *RANGE, *AGGREGATION, *_SHOWN, *DISTRIBUTION, options(VALUES, AGGREGATED, "sysAttrs")),
        answers=(
            Answer(200, "The history.", "EntityTemporal", ("Link",)),
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
        (*PAGE, FORMAT, LOCAL, *AGGREGATION, _FORMS),
        "Query",
        _FOUND,
        (403, 404),
    ),
)
