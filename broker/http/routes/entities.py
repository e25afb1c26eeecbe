"""Entities (clauses 6.4, 6.5)."""

from functools import partial

from broker.core.federate.match import source_filter
from broker.core.jsonld.context import ActiveContext
from broker.core.jsonld.expand import expand_entity, expand_fragment
from broker.core.model.entity import Entity
from broker.core.model.errors import BadRequestData
from broker.http import params
from broker.http.distributed_purges import purge_distributed
from broker.http.distributed_writes import Change, distribute_entity, entity_path
from broker.http.distribution import sources_of
from broker.http.entity_maps import map_header, named_or_404
from broker.http.message import Request, Response
from broker.http.negotiate import context_of, read_object
from broker.http.parameters import (
    COORDINATES,
    CSF,
    DROP,
    GEOMETRY,
    GEOMETRY_PROPERTY,
    GEOPROPERTY,
    GEOREL,
    ID,
    ID_PATTERN,
    INPUT_FORMAT,
    KEEP,
    LANG,
    LOCAL,
    OBSERVED_AT,
    SCOPE_Q,
    TYPE,
    Q,
    options,
)
from broker.http.problems import problem_details
from broker.http.responses import created, no_content, plain_json
from broker.http.route import Answer, Route
from broker.http.routes.entity_attributes import entity_id_of, require_type
from broker.http.selection import read_selection
from broker.operations import batch, entities
from broker.operations.distributed.purges import Purge
from broker.operations.entity_maps import within
from broker.operations.ports import Ports
from broker.operations.purge import purge_entities


async def create(ports: Ports, request: Request) -> Response:
    """5.6.1; beyond it, options=upsert replaces an entity that exists, and options=keyValues takes simplified form."""
    document, context = await read_object(ports, request)
    words = params.options(request.parameters)
    simplified = bool(request.parameters) and params.form(request.parameters) == "simplified"
    entity = expand_entity(document, context, simplified=simplified)
    index = sources_of(ports, request)
    if index is None:
        return await _create(ports, request, words, entity)
    change = Change("createEntity", "/entities", entity, document)
    done, here = created("/entities", entity.id), partial(_create, ports, request, words)
    return await distribute_entity(ports, request, index, context, change, here, done)


async def _create(ports: Ports, request: Request, words: frozenset[str], entity: Entity) -> Response:
    if "upsert" in words:
        result = await batch.batch_upsert(ports, request.tenant, [entity])
        for _, error in result.errors:
            raise error
        if result.updated:
            return no_content()
    else:
        await entities.create_entity(ports, request.tenant, entity)
    return created("/entities", entity.id)


async def replace(ports: Ports, request: Request) -> Response:
    """5.6.18."""
    entity_id = entity_id_of(request)
    document, context = await read_object(ports, request)
    if "@id" not in document:
        document.setdefault("id", entity_id)
    entity = expand_entity(document, context)

    async def here(part: Entity) -> Response:
        await require_type(ports, request, context, entity_id)
        await entities.replace_entity(ports, request.tenant, entity_id, part)
        return no_content()

    index = sources_of(ports, request)
    if index is None:
        return await here(entity)
    change = Change("replaceEntity", entity_path(entity_id), entity.with_(id=entity_id), document)
    return await distribute_entity(ports, request, index, context, change, here, no_content())


async def merge(ports: Ports, request: Request) -> Response:
    """5.6.17."""
    entity_id = entity_id_of(request)
    document, context = await read_object(ports, request)
    parameters = request.parameters
    simplified = bool(parameters) and params.form(parameters) == "simplified"
    fragment = expand_fragment(document, context, entity_id=entity_id, simplified=simplified, merge=True)
    here = partial(_merge, ports, request, context, entity_id, simplified)
    index = sources_of(ports, request)
    if index is None:
        return await here(fragment)
    change = Change("mergeEntity", entity_path(entity_id), fragment, document)
    return await distribute_entity(ports, request, index, context, change, here, no_content())


async def _merge(
    ports: Ports, request: Request, context: ActiveContext, entity_id: str, simplified: bool, fragment: Entity
) -> Response:
    parameters = request.parameters
    if not parameters:
        await entities.merge_entity(ports, request.tenant, entity_id, fragment)
        return no_content()
    await require_type(ports, request, context, entity_id)
    await entities.merge_entity(
        ports,
        request.tenant,
        entity_id,
        fragment,
        observed_at=params.instant(parameters, "observedAt"),
        lang=parameters.get("lang"),
        simplified=simplified,
    )
    return no_content()


async def delete(ports: Ports, request: Request) -> Response:
    """5.6.6."""
    entity_id = entity_id_of(request)
    index = sources_of(ports, request)
    if index is None:
        return await _delete(ports, request, entity_id)
    context = await context_of(ports, request)
    change = Change("deleteEntity", entity_path(entity_id), Entity(entity_id, [], {}), whole=True)

    async def here(_: Entity) -> Response:
        return await _delete(ports, request, entity_id)

    return await distribute_entity(ports, request, index, context, change, here, no_content())


async def _delete(ports: Ports, request: Request, entity_id: str) -> Response:
    if "type" in request.parameters:
        await require_type(ports, request, await context_of(ports, request), entity_id)
    await entities.delete_entity(ports, request.tenant, entity_id)
    return no_content()


async def purge(ports: Ports, request: Request) -> Response:
    """5.6.21. A map that is named and gone is a 404: to purge without it would delete more than was seen in it."""
    context = await context_of(ports, request)
    parameters = request.parameters
    selection = read_selection(parameters, context)
    drop = params.expanded(parameters, "drop", context.expand_term) if "drop" in parameters else None
    keep = params.expanded(parameters, "keep", context.expand_term) if "keep" in parameters else None
    if drop is not None and keep is not None:
        raise BadRequestData("Give drop or keep, not both.")
    entity_map = await named_or_404(ports, request)
    query = selection.query if entity_map is None else within(selection.query, entity_map)
    result = await purge_entities(ports, request.tenant, query, drop=drop, keep=keep, local=selection.local)
    errors = [{"entityId": identifier, "error": problem_details(error)} for identifier, error in result.errors]
    index = sources_of(ports, request)
    if index is not None and not selection.local:
        elsewhere = Purge(selection.query, parameters, drop, keep, source_filter(parameters.get("csf"), context))
        errors += await purge_distributed(ports, request, index, context, elsewhere, entity_map)
    response = plain_json(207, {"success": result.updated, "errors": errors}) if errors else no_content()
    if entity_map is not None:
        response.headers.append(map_header(entity_map))
    return response


async def refuse_without_id(ports: Ports, request: Request) -> Response:
    """PUT or PATCH of `/entities/`: the entity's identifier is not present (clauses 5.6.17.4, 5.6.18.4)."""
    raise BadRequestData(f"{request.method} needs the entity's id in the path: /ngsi-ld/v1/entities/{{entityId}}.")


_GONE = Answer(204, "Done.")

ROUTES = (
    Route(
        "POST",
        "/entities",
        create,
        "createEntity",
        "5.6.1, 6.4.3.1",
        "Create an entity",
        (options("keyValues", "simplified", "normalized", "concise", "upsert"), INPUT_FORMAT, LOCAL),
        "Entity",
        (Answer(201, "Created.", headers=("Location",)), Answer(204, "Replaced, with options=upsert.")),
        (409,),
    ),
    Route(
        "DELETE",
        "/entities",
        purge,
        "purgeEntities",
        "5.6.21, 6.4.3.3",
        "Delete the entities that a query finds, or some of their attributes",
        (
            *(ID, ID_PATTERN, TYPE, Q, CSF, GEOREL, GEOMETRY, COORDINATES, GEOPROPERTY, GEOMETRY_PROPERTY, SCOPE_Q),
            *(DROP, KEEP, LOCAL),
        ),
        answers=(_GONE, Answer(207, "Some could not be deleted.", "BatchOperationResult")),
        errors=(403, 404),
    ),
    Route(
        "PUT",
        "/entities/{entityId}",
        replace,
        "replaceEntity",
        "5.6.18, 6.5.3.3",
        "Replace an entity",
        (TYPE, LOCAL),
        "Entity",
        (_GONE,),
        (404,),
    ),
    Route(
        "PATCH",
        "/entities/{entityId}",
        merge,
        "mergeEntity",
        "5.6.17, 6.5.3.4",
        "Merge into an entity",
        (INPUT_FORMAT, options("simplified", "keyValues"), LANG, OBSERVED_AT, TYPE, LOCAL),
        "EntityFragment",
        (_GONE,),
        (404,),
    ),
    Route(
        "DELETE",
        "/entities/{entityId}",
        delete,
        "deleteEntity",
        "5.6.6, 6.5.3.2",
        "Delete an entity",
        (TYPE, LOCAL),
        answers=(_GONE,),
        errors=(404,),
    ),
    *(
        Route(method, "/entities", refuse_without_id, "refuseWithoutId", "5.6.17.4", "", is_described=False)
        for method in ("PUT", "PATCH")
    ),
)
