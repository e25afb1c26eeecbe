"""Retrieving and querying entities (clauses 6.4.3.2, 6.5.3.1, 6.23)."""

from collections.abc import Mapping

from broker.core.jsonld.context import ActiveContext
from broker.core.model.errors import ResourceNotFound
from broker.core.ql.ast import EntitySelector, PageRequest
from broker.http import params
from broker.http.display import Display, read_display
from broker.http.distribution import (
    asked_of,
    inquiry_for,
    query_distributed,
    retrieve_by_map,
    retrieve_distributed,
    sources_of,
    warnings,
)
from broker.http.entity_maps import lifetime_of, map_header, map_of_one, named_or_none, signature_of, wants_map
from broker.http.message import Header, Request, Response
from broker.http.negotiate import SPATIAL, answer_type, context_of, read_object
from broker.http.paging import paging_of
from broker.http.parameters import (
    ATTRS,
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
    TYPE,
    options,
)
from broker.http.responses import ROOT, names_context_outside, with_context
from broker.http.route import Answer, Route
from broker.http.routes.entity_attributes import entity_id_of
from broker.http.selection import Selection, check_links, parameters_of, read_selection, read_types, selectors_of
from broker.http.versions import conformance_of
from broker.operations.contexts import PATH, host_implicitly
from broker.operations.distributed.map_reads import page_distributed
from broker.operations.distributed.maps import map_distributed
from broker.operations.distributed.reads import refuse_order
from broker.operations.entity_maps import map_query
from broker.operations.map_pages import page_here
from broker.operations.ports import EntityPage, Ports
from broker.operations.query import query_entities, retrieve_entity


async def retrieve(ports: Ports, request: Request) -> Response:
    """5.7.1."""
    media_type = answer_type(request, SPATIAL)
    entity_id = entity_id_of(request)
    context = await context_of(ports, request)
    parameters = request.parameters
    display = read_display(parameters, context, media_type, conformance_of(request))
    types = read_types(parameters, context)
    index = sources_of(ports, request)
    extra = None
    if index is None:
        entity = await retrieve_entity(ports, request.tenant, entity_id)
        if wants_map(request, parameters):
            extra = [map_header(await map_of_one(ports, request, entity_id))]
    else:
        inquiry = await inquiry_for(ports, request, index, context)
        if wants_map(request, parameters):
            named = await named_or_none(ports, request)
            entity, extra = await retrieve_by_map(inquiry, entity_id, types, display, named, lifetime_of(parameters))
        else:
            entity, extra = await retrieve_distributed(inquiry, entity_id, types, display)
    if types is not None and not any(set(each) <= set(entity.types) for each in types.alternatives):
        raise ResourceNotFound(f"The entity {entity_id} is not of the type asked for.")
    if parameters:
        attrs = params.expanded(parameters, "attrs", context.expand_term)
        if attrs and not any(name in entity.attributes for name in attrs):
            raise ResourceNotFound(f"The entity {entity_id} has none of the attributes asked for.")
    document = await display.one(ports, request.tenant, entity, context)
    return with_context(request, context, document, media_type, extra, conformance=display.conformance)


async def query(ports: Ports, request: Request) -> Response:
    """5.7.2 by GET."""
    media_type = answer_type(request, SPATIAL)
    context = await context_of(ports, request)
    return await _answer(ports, request, context, request.parameters, media_type, "/entities")


async def query_by_post(ports: Ports, request: Request) -> Response:
    """5.7.2 by POST (clause 6.23)."""
    media_type = answer_type(request, SPATIAL)
    document, context = await read_object(ports, request)
    parameters = parameters_of(document, request.parameters)
    selectors = selectors_of(document, context)
    return await _answer(ports, request, context, parameters, media_type, "/entityOperations/query", selectors)


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
    display = read_display(parameters, context, media_type, conformance_of(request))
    selection = read_selection(parameters, context, selectors)
    check_links(selection.query, display.linking.level)
    wanted = PageRequest(paging.limit, paging.offset, paging.count, selection.order)
    index = None if selection.local else sources_of(ports, request)
    told: list[Header] = []
    made = False
    if wants_map(request, parameters):
        page, told, made = await _by_map(ports, request, context, parameters, selection, display, wanted, selectors)
    elif index is None:
        page = await query_entities(ports, request.tenant, selection.query, wanted, local=selection.local)
    else:
        inquiry = await inquiry_for(ports, request, index, context)
        page, told = await query_distributed(inquiry, selection, wanted, parameters, display)
    document = await display.many(ports, request.tenant, page.entities, context)
    extra = paging.headers(request, ROOT + path, media_type, page.more, page.total) + told
    link = None
    if context.link is None and names_context_outside(request, media_type):
        link = request.public_url + PATH + await host_implicitly(ports, context.reference)
    response = with_context(request, context, document, media_type, extra, link, display.conformance)
    if made:
        # Table 6.4.3.2-3: an entity map came into being.
        response.status = 201
    return response


async def _by_map(
    ports: Ports,
    request: Request,
    context: ActiveContext,
    parameters: Mapping[str, str],
    selection: Selection,
    display: Display,
    wanted: PageRequest,
    selectors: tuple[EntitySelector, ...] | None,
) -> tuple[EntityPage, list[Header], bool]:
    """5.7.2 by the entity map that the request names, or by a new one: a page, headers, whether the map is new."""
    signature = signature_of(parameters, context, selectors)
    query, local = selection.query, selection.local
    index = None if local else sources_of(ports, request)
    named = used = await named_or_none(ports, request)
    told: list[Header] = []
    if index is None:
        if used is None:
            lifetime = lifetime_of(parameters)
            used = await map_query(ports, request.tenant, query, lifetime, local=local, signature=signature)
        page = await page_here(ports, request.tenant, used, query, wanted, local=local, same=used.query == signature)
    else:
        inquiry = await inquiry_for(ports, request, index, context)
        asked = asked_of(inquiry, selection, parameters, display, signature)
        refuse_order(wanted)
        if used is None:
            used, found = await map_distributed(inquiry, asked, lifetime_of(parameters))
            told = warnings(found)
        page, found = await page_distributed(inquiry, used, asked, wanted)
        told += [each for each in warnings(found) if each not in told]
    return page, [*told, map_header(used)], named is None


_APPLIED = ("Link", "Preference-Applied")
_FOUND = (
    Answer(200, "A page of the entities found.", "Entity[]", ("Link", "NGSILD-Results-Count"), spatial=True),
    Answer(201, "The same, by an entity map made for it.", "Entity[]", ("Link", "NGSILD-EntityMap"), spatial=True),
    Answer(203, "The page, altered for the version preferred.", "Entity[]", _APPLIED, spatial=True),
)

ROUTES = (
    Route(
        "GET",
        "/entities",
        query,
        "queryEntities",
        "5.7.2, 6.4.3.2",
        "Find entities",
        (
            *(*SELECTION, *PROJECTION, *PAGE, *ORDERING, *LINKED, EXPAND_VALUES, JSON_KEYS, *DISTRIBUTION),
            options(*REPRESENTATION, "count"),
        ),
        answers=_FOUND,
        errors=(403, 404),
    ),
    Route(
        "GET",
        "/entities/{entityId}",
        retrieve,
        "retrieveEntity",
        "5.7.1, 6.5.3.1",
        "Retrieve an entity",
        (ATTRS, TYPE, *PROJECTION, *LINKED, *DISTRIBUTION, options(*REPRESENTATION)),
        answers=(
            Answer(200, "The entity.", "Entity", ("Link",), spatial=True),
            Answer(203, "The entity, altered for the version preferred.", "Entity", _APPLIED, spatial=True),
        ),
        errors=(404,),
    ),
    Route(
        "POST",
        "/entityOperations/query",
        query_by_post,
        "queryEntitiesByPost",
        "5.7.2, 6.23.3.1",
        "Find entities by a query in the body",
        (*PAGE, FORMAT, GEOMETRY_PROPERTY, LOCAL, options(*REPRESENTATION, "count")),
        "Query",
        _FOUND,
        (403, 404),
    ),
)
