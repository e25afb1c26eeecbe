"""Entity maps (clauses 6.32, 6.34)."""

from collections.abc import Mapping

from broker.core.jsonld.context import ActiveContext
from broker.core.model.entity_map import EntityMap, render_entity_map
from broker.core.model.instant import format_instant
from broker.core.ql.ast import EntitySelector
from broker.http.display import read_display
from broker.http.distribution import asked_of, inquiry_for, sources_of, warnings
from broker.http.entity_maps import lifetime_of, map_header, signature_of
from broker.http.message import Header, Request, Response
from broker.http.negotiate import JSON, JSON_LD, SPATIAL, answer_type, context_of, read_object
from broker.http.parameters import (
    DISTRIBUTION,
    EXPAND_VALUES,
    FORMAT,
    GEOMETRY_PROPERTY,
    JSON_KEYS,
    LINKED,
    LOCAL,
    ORDERING,
    PAGE,
    PROJECTION,
    REPRESENTATION,
    SELECTION,
    options,
)
from broker.http.responses import no_content, with_context
from broker.http.route import Answer, Route
from broker.http.selection import check_links, parameters_of, read_selection, selectors_of
from broker.operations import entity_maps
from broker.operations.distributed.maps import follow, map_distributed
from broker.operations.ports import Ports


async def create(ports: Ports, request: Request) -> Response:
    """5.14.4 by GET."""
    media_type = answer_type(request, SPATIAL)
    context = await context_of(ports, request)
    return await _create(ports, request, context, request.parameters, media_type)


async def create_by_post(ports: Ports, request: Request) -> Response:
    """5.14.4 by POST."""
    media_type = answer_type(request, SPATIAL)
    document, context = await read_object(ports, request)
    parameters = parameters_of(document, request.parameters)
    return await _create(ports, request, context, parameters, media_type, selectors_of(document, context))


async def _create(
    ports: Ports,
    request: Request,
    context: ActiveContext,
    parameters: Mapping[str, str],
    media_type: str,
    selectors: tuple[EntitySelector, ...] | None = None,
) -> Response:
    selection = read_selection(parameters, context, selectors)
    display = read_display(parameters, context, media_type)
    check_links(selection.query, display.linking.level)
    signature, lifetime = signature_of(parameters, context, selectors), lifetime_of(parameters)
    index = None if selection.local else sources_of(ports, request)
    told: list[Header] = []
    if index is None:
        made = await entity_maps.map_query(
            ports, request.tenant, selection.query, lifetime, local=selection.local, signature=signature
        )
    else:
        inquiry = await inquiry_for(ports, request, index, context)
        made, found = await map_distributed(
            inquiry, asked_of(inquiry, selection, parameters, display, signature), lifetime
        )
        told = warnings(found)
    nameable = context if context.link is not None else await ports.loader.load(None)
    form = media_type if media_type in (JSON, JSON_LD) else JSON
    response = with_context(request, nameable, render_entity_map(made), form, [*told, map_header(made)])
    response.status = 201
    return response


async def retrieve(ports: Ports, request: Request) -> Response:
    """5.14.1."""
    media_type, context = answer_type(request), await context_of(ports, request)
    found = await entity_maps.retrieve_entity_map(ports, request.tenant, request.path[0])
    return with_context(request, context, render_entity_map(found), media_type)


async def update(ports: Ports, request: Request) -> Response:
    """5.14.2."""
    document, context = await read_object(ports, request)
    updated = await entity_maps.update_entity_map(ports, request.tenant, request.path[0], document)
    if updated.linked and "expiresAt" in document:
        change = {"type": "EntityMap", "expiresAt": format_instant(updated.expires_at)}
        await _follow(ports, request, context, updated, "PATCH", "updateEntityMap", change)
    return no_content()


async def delete(ports: Ports, request: Request) -> Response:
    """5.14.3."""
    deleted = await entity_maps.delete_entity_map(ports, request.tenant, request.path[0])
    if deleted.linked:
        await _follow(ports, request, await context_of(ports, request), deleted, "DELETE", "deleteEntityMap")
    return no_content()


async def _follow(
    ports: Ports,
    request: Request,
    context: ActiveContext,
    entity_map: EntityMap,
    method: str,
    operation: str,
    change: dict[str, str] | None = None,
) -> None:
    """The maps that sources keep for this one go the same way."""
    index = sources_of(ports, request)
    if index is not None:
        inquiry = await inquiry_for(ports, request, index, context)
        await follow(inquiry, entity_map, method, operation, change)


_MADE = (Answer(201, "The map of the entities found.", "EntityMap", ("NGSILD-EntityMap",)),)

ROUTES = (
    Route(
        "GET",
        "/entityMaps",
        create,
        "createEntityMap",
        "5.14.4, 6.34.3.1",
        "Map the entities that a query finds",
        (
            *(*SELECTION, *PROJECTION, *PAGE, *ORDERING, *LINKED, EXPAND_VALUES, JSON_KEYS, *DISTRIBUTION),
            options(*REPRESENTATION, "count"),
        ),
        answers=_MADE,
        errors=(403, 404),
    ),
    Route(
        "POST",
        "/entityMaps",
        create_by_post,
        "createEntityMapByPost",
        "5.14.4, 6.34.3.2",
        "Map the entities that a query in the body finds",
        (*PAGE, FORMAT, GEOMETRY_PROPERTY, LOCAL, options(*REPRESENTATION, "count")),
        "Query",
        _MADE,
        (403, 404),
    ),
    Route(
        "GET",
        "/entityMaps/{entityMapId}",
        retrieve,
        "retrieveEntityMap",
        "5.14.1, 6.32.3.1",
        "Retrieve an entity map",
        answers=(Answer(200, "The entity map.", "EntityMap"),),
        errors=(404,),
    ),
    Route(
        "PATCH",
        "/entityMaps/{entityMapId}",
        update,
        "updateEntityMap",
        "5.14.2, 6.32.3.2",
        "Change how long an entity map lasts",
        body="EntityMap",
        answers=(Answer(204, "Changed."),),
        errors=(404,),
    ),
    Route(
        "DELETE",
        "/entityMaps/{entityMapId}",
        delete,
        "deleteEntityMap",
        "5.14.3, 6.32.3.3",
        "Forget an entity map",
        answers=(Answer(204, "Done."),),
        errors=(404,),
    ),
)
