"""The attributes of an entity (clauses 6.6, 6.7)."""

from collections.abc import Awaitable, Callable
from typing import Any

from broker.core.jsonld.context import ActiveContext
from broker.core.jsonld.expand import expand_attribute_fragment, expand_fragment
from broker.core.model.entity import Entity
from broker.core.model.errors import ResourceNotFound
from broker.http import params
from broker.http.distributed_writes import Change, distribute_attributes, distribute_entity, entity_path
from broker.http.distribution import sources_of
from broker.http.message import Request, Response
from broker.http.negotiate import context_of, read_attribute, read_object
from broker.http.parameters import DELETE_ALL, LOCAL, ONE_DATASET_ID, TYPE, options
from broker.http.responses import no_content, plain_json
from broker.http.route import Answer, Route
from broker.http.selection import read_types
from broker.operations import entities
from broker.operations.ports import Ports
from broker.operations.query import retrieve_entity
from broker.operations.results import UpdateResult
from broker.operations.temporal import end_attribute


async def append_attributes(ports: Ports, request: Request) -> Response:
    """5.6.3."""
    entity_id = entity_id_of(request)
    document, context = await read_object(ports, request)
    fragment = expand_fragment(document, context, entity_id=entity_id)
    overwrite = "noOverwrite" not in params.options(request.parameters)

    async def here(part: Entity) -> UpdateResult:
        await require_type(ports, request, context, entity_id)
        return await entities.append_attributes(ports, request.tenant, entity_id, part, overwrite=overwrite)

    index = sources_of(ports, request)
    if index is None:
        return _report(await here(fragment))
    change = Change("appendAttrs", entity_path(entity_id, "/attrs"), fragment, document)
    return await distribute_attributes(ports, request, index, context, change, here)


async def update_attributes(ports: Ports, request: Request) -> Response:
    """5.6.2."""
    entity_id = entity_id_of(request)
    document, context = await read_object(ports, request)
    fragment = expand_fragment(document, context, entity_id=entity_id)

    async def here(part: Entity) -> UpdateResult:
        await require_type(ports, request, context, entity_id)
        return await entities.update_attributes(ports, request.tenant, entity_id, part)

    index = sources_of(ports, request)
    if index is None:
        return _report(await here(fragment))
    change = Change("updateEntity", entity_path(entity_id, "/attrs"), fragment, document)
    return await distribute_attributes(ports, request, index, context, change, here)


async def partial_update_attribute(ports: Ports, request: Request) -> Response:
    """5.6.4."""
    entity_id = entity_id_of(request)
    document, context = await read_attribute(ports, request)
    attribute = context.expand_term(request.path[1])
    instances = expand_attribute_fragment(document, attribute, context)

    async def here() -> None:
        await require_type(ports, request, context, entity_id)
        await entities.partial_update_attribute(ports, request.tenant, entity_id, attribute, instances)

    entity = Entity(entity_id, [], {attribute: instances})
    return await _one_attribute(ports, request, context, "updateAttrs", entity, document, here)


async def replace_attribute(ports: Ports, request: Request) -> Response:
    """5.6.19."""
    entity_id = entity_id_of(request)
    document, context = await read_attribute(ports, request)
    attribute = context.expand_term(request.path[1])
    instances = expand_attribute_fragment(document, attribute, context, partial=False)

    async def here() -> None:
        await require_type(ports, request, context, entity_id)
        await entities.replace_attribute(ports, request.tenant, entity_id, attribute, instances)

    entity = Entity(entity_id, [], {attribute: instances})
    return await _one_attribute(ports, request, context, "replaceAttrs", entity, document, here)


async def delete_attribute(ports: Ports, request: Request) -> Response:
    """5.6.5."""
    entity_id = entity_id_of(request)
    context = await context_of(ports, request)
    parameters = request.parameters
    dataset_id = parameters.get("datasetId")
    if dataset_id is not None:
        params.require_uri(dataset_id, "datasetId")
    attribute, delete_all = context.expand_term(request.path[1]), params.flag(parameters, "deleteAll")

    async def here() -> None:
        await require_type(ports, request, context, entity_id)
        try:
            await entities.delete_attribute(ports, request.tenant, entity_id, attribute, dataset_id, delete_all)
        except ResourceNotFound:
            if not await end_attribute(ports, request.tenant, entity_id, attribute, dataset_id, delete_all=delete_all):
                raise

    entity = Entity(entity_id, [], {attribute: []})
    return await _one_attribute(ports, request, context, "deleteAttrs", entity, None, here)


async def _one_attribute(
    ports: Ports,
    request: Request,
    context: ActiveContext,
    operation: str,
    entity: Entity,
    document: Any,
    here: Callable[[], Awaitable[None]],
) -> Response:
    """Do what concerns one attribute, here or where it is. `entity` has that attribute alone."""
    index = sources_of(ports, request)
    if index is None:
        await here()
        return no_content()
    change = Change(operation, entity_path(entity.id, "/attrs"), entity, document, next(iter(entity.attributes)))

    async def local(_: Entity) -> Response:
        await here()
        return no_content()

    return await distribute_entity(ports, request, index, context, change, local, no_content())


def entity_id_of(request: Request) -> str:
    """The entity's identifier in the path. Raises BadRequestData where it is no URI."""
    return params.require_uri(request.path[0], "The entity's id")


async def require_type(ports: Ports, request: Request, context: ActiveContext, entity_id: str) -> None:
    """Where `type` is given, raise ResourceNotFound unless the entity is of it. Types are only ever added, so a
    change in between cannot make this wrong.
    """
    types = read_types(request.parameters, context)
    if types is None:
        return
    entity = await retrieve_entity(ports, request.tenant, entity_id)
    if not any(set(each) <= set(entity.types) for each in types.alternatives):
        raise ResourceNotFound(f"The entity {entity_id} is not of the type asked for.")


def _report(result: UpdateResult) -> Response:
    if not result.not_updated:
        return no_content()
    details = [{"attributeName": iri, "reason": reason} for iri, reason in result.not_updated]
    return plain_json(207, {"updated": result.updated, "notUpdated": details})


_DONE = Answer(204, "Done.")
_PARTLY = Answer(207, "Done for the attributes listed as updated.", "UpdateResult")

ROUTES = (
    Route(
        "POST",
        "/entities/{entityId}/attrs",
        append_attributes,
        "appendAttributes",
        "5.6.3, 6.6.3.1",
        "Add attributes to an entity",
        (options("noOverwrite"), TYPE, LOCAL),
        "EntityFragment",
        (_DONE, _PARTLY),
        (404,),
    ),
    Route(
        "PATCH",
        "/entities/{entityId}/attrs",
        update_attributes,
        "updateAttributes",
        "5.6.2, 6.6.3.2",
        "Update attributes of an entity",
        (TYPE, LOCAL),
        "EntityFragment",
        (_DONE, _PARTLY),
        (404,),
    ),
    Route(
        "PATCH",
        "/entities/{entityId}/attrs/{attrId}",
        partial_update_attribute,
        "partialUpdateAttribute",
        "5.6.4, 6.7.3.1",
        "Update parts of an attribute",
        (TYPE, LOCAL),
        "AttributeFragment",
        (_DONE,),
        (404,),
    ),
    Route(
        "PUT",
        "/entities/{entityId}/attrs/{attrId}",
        replace_attribute,
        "replaceAttribute",
        "5.6.19, 6.7.3.3",
        "Replace an attribute",
        (TYPE, LOCAL),
        "AttributeFragment",
        (_DONE,),
        (404,),
    ),
    Route(
        "DELETE",
        "/entities/{entityId}/attrs/{attrId}",
        delete_attribute,
        "deleteAttribute",
        "5.6.5, 6.7.3.2",
        "Delete an attribute, or one instance of it",
        (ONE_DATASET_ID, DELETE_ALL, TYPE, LOCAL),
        answers=(_DONE,),
        errors=(404,),
    ),
)
