"""Changes of temporal evolutions that sources have a part in (clauses 6.18 to 6.22, 6.3.17 to 6.3.19)."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from broker.core.federate.bodies import only, part_of
from broker.core.federate.index import RegistrationIndex
from broker.core.federate.registration import Registration
from broker.core.jsonld.context import ActiveContext
from broker.core.model.draft import SCOPE
from broker.core.model.entity import Entity, Instance
from broker.core.model.uri import segment
from broker.core.represent import Representation
from broker.core.represent.instance import render
from broker.http.distributed_writes import Change, told
from broker.http.distribution import inquiry_for
from broker.http.message import Request, Response
from broker.http.responses import created, no_content
from broker.operations.distributed.temporal_writes import write_evolution
from broker.operations.distributed.writes import Names, Write
from broker.operations.federation import Forward
from broker.operations.ports import Ports
from broker.operations.temporal import types_of

EVOLUTIONS = "/temporal/entities"
_NORMALIZED = Representation()


async def distribute_evolution(
    ports: Ports,
    request: Request,
    index: RegistrationIndex,
    context: ActiveContext,
    change: Change,
    local: Callable[[Entity], Awaitable[Response]],
) -> Response:
    """Divide the change over sources and this broker, whose part `local` does: 201, 204, or 207 (clause 6.3.17)."""
    inquiry = await inquiry_for(ports, request, index, context)
    entity = change.entity
    known = await types_of(ports, request.tenant, entity.id)
    types = tuple(dict.fromkeys((*entity.types, *known))) or None
    put = partial(_forward, request, context, change)
    operation = Write(change.operation, entity.id, types, change.names, put, change.whole)
    result = await write_evolution(inquiry, operation, lambda left: local(only(entity, left)))
    is_new = change.operation == "upsertTemporal" and any(each.status == 201 for each in result.outcomes)
    done = result.local or (created(EVOLUTIONS, entity.id) if is_new else no_content())
    return told(entity.id, result, done)


def evolution_path(entity_id: str, rest: str = "") -> str:
    """The path of the evolution of an entity, or of a resource below it."""
    return f"{EVOLUTIONS}/{segment(entity_id)}{rest}"


def _forward(
    request: Request, client: ActiveContext, change: Change, names: Names, registration: Registration
) -> Forward:
    """The request for one source: in the client's words, or normalized in the @context that the source wants."""
    own = registration.context
    context = own or client
    named = context.compact_iri if context.link is not None or change.document is not None else str
    path = change.path
    if change.attribute is not None:
        path += "/" + segment("scope" if change.attribute == SCOPE else named(change.attribute))
    if change.instance_id is not None:
        path += "/" + segment(change.instance_id)
    parameters = tuple((name, value) for name, value in request.parameters.items() if name != "local")
    return Forward(request.method, path, parameters, context, _body(change, client, names, own))


def _body(change: Change, client: ActiveContext, names: Names, own: ActiveContext | None) -> Any:
    if change.document is None:
        return None
    if own is None:
        return change.document if change.attribute is not None else part_of(change.document, client, names)
    return _rewritten(change, names, own)


def _rewritten(change: Change, names: Names, own: ActiveContext) -> dict[str, Any]:
    """The evolution or fragment with these attributes, normalized, in another @context."""
    entity = only(change.entity, names)
    shown: dict[str, Any] = {} if change.operation != "upsertTemporal" else {"id": entity.id}
    if entity.types:
        shown["type"] = [own.compact_iri(each) for each in entity.types]
    for iri, instances in entity.attributes.items():
        name = "scope" if iri == SCOPE else own.compact_iri(iri)
        shown[name] = [_instance(each, own) for each in instances]
    return shown


def _instance(instance: Instance, own: ActiveContext) -> dict[str, Any]:
    shown: dict[str, Any] = render(instance, own, _NORMALIZED)
    return shown
