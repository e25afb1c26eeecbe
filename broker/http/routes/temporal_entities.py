"""Providing histories (clauses 6.18.3.1, 6.19.3.2, 6.20 to 6.22)."""

from collections.abc import Awaitable, Callable

from broker.core.jsonld.context import ActiveContext
from broker.core.jsonld.expand_temporal import expand_one_sample, expand_temporal
from broker.core.model.draft import SCOPE
from broker.core.model.entity import Entity
from broker.http import params
from broker.http.distributed_temporal import EVOLUTIONS, distribute_evolution, evolution_path
from broker.http.distributed_writes import Change
from broker.http.distribution import sources_of
from broker.http.message import Request, Response
from broker.http.negotiate import context_of, read_object
from broker.http.parameters import DELETE_ALL, LOCAL, ONE_DATASET_ID
from broker.http.responses import created, no_content
from broker.http.route import Answer, Route
from broker.http.routes.entity_attributes import entity_id_of
from broker.operations import temporal
from broker.operations.ports import Ports


async def upsert(ports: Ports, request: Request) -> Response:
    """5.6.11."""
    document, context = await read_object(ports, request)
    entity = expand_temporal(document, context)

    async def here(part: Entity) -> Response:
        is_new = await temporal.upsert_evolution(ports, request.tenant, part)
        return created(EVOLUTIONS, part.id) if is_new else no_content()

    return await _divided(ports, request, context, Change("upsertTemporal", EVOLUTIONS, entity, document), here)


async def delete(ports: Ports, request: Request) -> Response:
    """5.6.16."""
    entity_id = entity_id_of(request)

    async def here(_part: Entity) -> Response:
        await temporal.delete_evolution(ports, request.tenant, entity_id)
        return no_content()

    change = Change("deleteTemporal", evolution_path(entity_id), _nothing(entity_id), whole=True)
    return await _divided(ports, request, None, change, here)


async def add_attributes(ports: Ports, request: Request) -> Response:
    """5.6.12."""
    entity_id = entity_id_of(request)
    document, context = await read_object(ports, request)
    fragment = expand_temporal(document, context, fragment=True)

    async def here(part: Entity) -> Response:
        await temporal.add_attributes(ports, request.tenant, entity_id, part)
        return no_content()

    change = Change("appendAttrsTemporal", evolution_path(entity_id, "/attrs"), fragment.with_(id=entity_id), document)
    return await _divided(ports, request, context, change, here)


async def delete_attribute(ports: Ports, request: Request) -> Response:
    """5.6.13."""
    entity_id = entity_id_of(request)
    context = await context_of(ports, request)
    attribute = attribute_of(request.path[1], context)
    dataset_id = request.parameters.get("datasetId")
    if dataset_id is not None:
        params.require_uri(dataset_id, "datasetId")
    every = params.flag(request.parameters, "deleteAll")

    async def here(_part: Entity) -> Response:
        await temporal.delete_attribute(ports, request.tenant, entity_id, attribute, dataset_id, delete_all=every)
        return no_content()

    change = Change("deleteAttrsTemporal", evolution_path(entity_id, "/attrs"), _nothing(entity_id), None, attribute)
    return await _divided(ports, request, context, change, here)


async def modify_instance(ports: Ports, request: Request) -> Response:
    """5.6.14."""
    entity_id = entity_id_of(request)
    instance_id = params.require_uri(request.path[2], "The instanceId")
    document, context = await read_object(ports, request)
    attribute = attribute_of(request.path[1], context)
    instance = expand_one_sample(document, request.path[1], context)

    async def here(_part: Entity) -> Response:
        await temporal.modify_instance(ports, request.tenant, entity_id, attribute, instance_id, instance)
        return no_content()

    given = _nothing(entity_id).with_(attributes={attribute: [instance]})
    path = evolution_path(entity_id, "/attrs")
    change = Change("updateAttrInstanceTemporal", path, given, document, attribute, instance_id)
    return await _divided(ports, request, context, change, here)


async def delete_instance(ports: Ports, request: Request) -> Response:
    """5.6.15."""
    entity_id = entity_id_of(request)
    instance_id = params.require_uri(request.path[2], "The instanceId")
    context = await context_of(ports, request)
    attribute = attribute_of(request.path[1], context)

    async def here(_part: Entity) -> Response:
        await temporal.delete_instance(ports, request.tenant, entity_id, attribute, instance_id)
        return no_content()

    path = evolution_path(entity_id, "/attrs")
    change = Change("deleteAttrInstanceTemporal", path, _nothing(entity_id), None, attribute, instance_id)
    return await _divided(ports, request, context, change, here)


async def _divided(
    ports: Ports,
    request: Request,
    context: ActiveContext | None,
    change: Change,
    here: Callable[[Entity], Awaitable[Response]],
) -> Response:
    """Do the change here, or in part at sources where registrations have one."""
    index = sources_of(ports, request)
    if index is None:
        return await here(change.entity)
    if context is None:
        context = await context_of(ports, request)
    return await distribute_evolution(ports, request, index, context, change, here)


def _nothing(entity_id: str) -> Entity:
    return Entity(entity_id, [], {})


def attribute_of(name: str, context: ActiveContext) -> str:
    """The IRI of the attribute in the path; `scope` stands for the scopes."""
    return SCOPE if name == "scope" else context.expand_term(name)


_DONE = Answer(204, "Done.")
_ATTRIBUTE = "/temporal/entities/{entityId}/attrs/{attrId}"

ROUTES = (
    Route(
        "POST",
        "/temporal/entities",
        upsert,
        "upsertTemporal",
        "5.6.11, 6.18.3.1",
        "Create or extend the history of an entity",
        (LOCAL,),
        "EntityTemporal",
        (Answer(201, "Created.", headers=("Location",)), Answer(204, "Extended.")),
        (422,),
    ),
    Route(
        "DELETE",
        "/temporal/entities/{entityId}",
        delete,
        "deleteTemporal",
        "5.6.16, 6.19.3.2",
        "Delete the history of an entity",
        (LOCAL,),
        answers=(_DONE,),
        errors=(404,),
    ),
    Route(
        "POST",
        "/temporal/entities/{entityId}/attrs",
        add_attributes,
        "appendAttrsTemporal",
        "5.6.12, 6.20.3.1",
        "Add instances of attributes to a history",
        (LOCAL,),
        "EntityTemporalFragment",
        (_DONE,),
        (404,),
    ),
    Route(
        "DELETE",
        _ATTRIBUTE,
        delete_attribute,
        "deleteAttrTemporal",
        "5.6.13, 6.21.3.1",
        "Delete an attribute from a history",
        (ONE_DATASET_ID, DELETE_ALL, LOCAL),
        answers=(_DONE,),
        errors=(404,),
    ),
    Route(
        "PATCH",
        _ATTRIBUTE + "/{instanceId}",
        modify_instance,
        "updateAttrInstanceTemporal",
        "5.6.14, 6.22.3.1",
        "Replace an instance of an attribute in a history",
        (LOCAL,),
        "EntityTemporalFragment",
        (_DONE,),
        (404,),
    ),
    Route(
        "DELETE",
        _ATTRIBUTE + "/{instanceId}",
        delete_instance,
        "deleteAttrInstanceTemporal",
        "5.6.15, 6.22.3.2",
        "Delete an instance of an attribute from a history",
        (LOCAL,),
        answers=(_DONE,),
        errors=(404,),
    ),
)
