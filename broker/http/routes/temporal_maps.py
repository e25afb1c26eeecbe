"""Entity maps of histories (clauses 5.14.5, 6.35)."""

from collections.abc import Mapping

from broker.core.jsonld.context import ActiveContext
from broker.core.model.entity_map import EntityMap, render_entity_map
from broker.core.ql.ast import EntitySelector
from broker.http.distributed_histories import history_of
from broker.http.distribution import inquiry_for, sources_of, warnings
from broker.http.entity_maps import lifetime_of, map_header
from broker.http.message import Header, Request, Response
from broker.http.negotiate import context_of, read_object
from broker.http.responses import plain_json
from broker.http.route import Answer, Route
from broker.http.selection import parameters_of, selectors_of
from broker.http.temporal import unfold
from broker.http.temporal_selection import BODY_QUERY, QUERY, TemporalSelection, read_temporal_selection
from broker.operations.distributed.temporal_maps import map_histories
from broker.operations.ports import Ports
from broker.operations.temporal_queries import map_evolutions


async def create(ports: Ports, request: Request) -> Response:
    """5.14.5 by GET."""
    context = await context_of(ports, request)
    return await _create(ports, request, context, request.parameters)


async def create_by_post(ports: Ports, request: Request) -> Response:
    """5.14.5 by POST."""
    document, context = await read_object(ports, request)
    parameters = parameters_of(document, {**request.parameters, **unfold(document)})
    return await _create(ports, request, context, parameters, selectors_of(document, context))


async def _create(
    ports: Ports,
    request: Request,
    context: ActiveContext,
    parameters: Mapping[str, str],
    selectors: tuple[EntitySelector, ...] | None = None,
) -> Response:
    asked = read_temporal_selection(parameters, context, ports.temporal_page, selectors)
    made, told = await make_map(ports, request, context, asked)
    response = plain_json(201, render_entity_map(made))
    response.headers += [map_header(made), *told]
    return response


async def make_map(
    ports: Ports, request: Request, context: ActiveContext, asked: TemporalSelection
) -> tuple[EntityMap, list[Header]]:
    """A map of the entities whose histories are asked for, here and at sources, and what to tell of these."""
    lifetime, query = lifetime_of(asked.parameters), asked.selection.query
    index = None if asked.selection.local else sources_of(ports, request)
    if index is None:
        return await map_evolutions(ports, request.tenant, query, asked.view.demand, lifetime), []
    inquiry = await inquiry_for(ports, request, index, context)
    made, told = await map_histories(inquiry, history_of(inquiry, asked.parameters, query, asked.view), lifetime)
    return made, warnings(told)


_MAPPED = (Answer(201, "The map of the entities found.", "EntityMap", ("NGSILD-EntityMap",)),)

ROUTES = (
    Route(
        "GET",
        "/temporal/entityMaps",
        create,
        "createTemporalEntityMap",
        "5.14.5, 6.35.3.1",
        "Map the entities whose histories a query finds",
        QUERY,
        answers=_MAPPED,
        errors=(403, 404),
    ),
    Route(
        "POST",
        "/temporal/entityMaps",
        create_by_post,
        "createTemporalEntityMapByPost",
        "5.14.5, 6.35.3.2",
        "Map the entities whose histories a query in the body finds",
        BODY_QUERY,
        "Query",
        _MAPPED,
        (403, 404),
    ),
)
