"""Changes of one entity that sources have a part in: what is sent to them, and what the client is told.

Clauses 6.4.3.1, 6.5.3, 6.6.3, 6.7.3 (207 with what became of each part), 6.3.17 to 6.3.19.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from broker.core.federate.bodies import body_of, only, rewritten
from broker.core.federate.index import RegistrationIndex
from broker.core.federate.plan import registered_types
from broker.core.federate.registration import Registration
from broker.core.jsonld.context import ActiveContext
from broker.core.model.entity import Entity
from broker.core.model.uri import segment
from broker.http.distribution import inquiry_for
from broker.http.message import Request, Response
from broker.http.problems import problem_details
from broker.http.responses import no_content, plain_json
from broker.operations.distributed.writes import Names, Outcome, Result, Write, write
from broker.operations.federation import Forward
from broker.operations.ports import Ports
from broker.operations.results import UpdateResult

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Change:
    """A request that changes one entity or its evolution: operation (clause 4.20), what is given, expanded and as sent.

    `document` None: there is no body. `path` is that of the resource below /ngsi-ld/v1, percent-encoded, without the
    name of the `attribute` and the `instance_id` that it is about, if any. `whole`: about all of the entity.
    """

    operation: str
    path: str
    entity: Entity
    document: Any = None
    attribute: str | None = None
    instance_id: str | None = None
    whole: bool = False

    @property
    def names(self) -> Names:
        """The attributes that it is about."""
        return frozenset(self.entity.attributes) if self.attribute is None else frozenset((self.attribute,))


async def distribute_entity(
    ports: Ports,
    request: Request,
    index: RegistrationIndex,
    context: ActiveContext,
    change: Change,
    local: Callable[[Entity], Awaitable[Response]],
    done: Response,
) -> Response:
    """Divide the change over sources and this broker, whose part `local` does. `done` answers where all went well."""
    result = await _divide(ports, request, index, context, change, local)
    return told(change.entity.id, result, result.local or done)


def told(entity_id: str, result: Result[Any], done: Response) -> Response:
    """What the client is told: `done` where all went well, else 207 with each part that failed (clause 6.3.17)."""
    if not result.failed and not result.is_partial:
        return done
    errors = [_error(entity_id, each) for each in result.failed]
    for each in result.outcomes:
        if each.is_partial and isinstance(each.body, dict):
            errors += [error for error in each.body.get("errors", ()) if isinstance(error, dict)]
    succeeded = len(result.failed) < len(result.outcomes)
    response = plain_json(207, {"success": [entity_id] if succeeded else [], "errors": errors})
    if done.status == 201:
        response.headers[:0] = [header for header in done.headers if bytes(header[0]) == b"Location"]
    return response


async def distribute_attributes(
    ports: Ports,
    request: Request,
    index: RegistrationIndex,
    context: ActiveContext,
    change: Change,
    local: Callable[[Entity], Awaitable[UpdateResult]],
) -> Response:
    """The same for operations that report on attributes: 204, or 207 with an UpdateResult (clause 5.2.18)."""
    result = await _divide(ports, request, index, context, change, local)
    here = result.local or UpdateResult()
    updated = list(here.updated)
    not_updated: list[dict[str, Any]] = [{"attributeName": name, "reason": reason} for name, reason in here.not_updated]
    for each in result.outcomes:
        if each.registration_id is None and each.error is None:
            continue
        if each.error is None:
            told = each.body.get("notUpdated", ()) if each.is_partial and isinstance(each.body, dict) else ()
            not_updated += [{**item, "registrationId": each.registration_id} for item in told if isinstance(item, dict)]
            updated += [name for name in sorted(each.names) if name not in updated]
            continue
        where = {} if each.registration_id is None else {"registrationId": each.registration_id}
        not_updated += [{"attributeName": name, "reason": each.error.detail, **where} for name in sorted(each.names)]
    if not not_updated and not result.is_partial:
        return no_content()
    return plain_json(207, {"updated": updated, "notUpdated": not_updated})


async def _divide(
    ports: Ports,
    request: Request,
    index: RegistrationIndex,
    context: ActiveContext,
    change: Change,
    local: Callable[[Entity], Awaitable[R]],
) -> Result[R]:
    inquiry = await inquiry_for(ports, request, index, context)
    entity = change.entity
    types = await _types(ports, request.tenant, change)
    put = partial(_forward, request, context, change, types is None)
    operation = Write(change.operation, entity.id, types, change.names, put, change.whole)
    return await write(inquiry, operation, lambda left: local(only(entity, left)))


def entity_path(entity_id: str, rest: str = "") -> str:
    """The path of an entity's resource, or of one below it."""
    return f"/entities/{segment(entity_id)}{rest}"


async def _types(ports: Ports, tenant: str, change: Change) -> tuple[str, ...] | None:
    """The types that are known of the entity: those of a whole one, else also what this broker has; None: not one."""
    types = list(change.entity.types)
    if change.operation not in ("createEntity", "replaceEntity"):
        held = await ports.entities.get(tenant, change.entity.id)
        types += [] if held is None else held.types
    return tuple(types) or None


def _forward(
    request: Request, client: ActiveContext, change: Change, is_typeless: bool, names: Names, registration: Registration
) -> Forward:
    """The request for one source: in the client's words, or normalized in the @context that the source wants.

    Where the types of the entity are not known, the request is limited to those that are registered (clause 4.3.6.1).
    """
    own = registration.context
    context = own or client
    # Without a body only a Link header tells the @context: where it can't, names are whole IRIs.
    named = context.compact_iri if context.link is not None or change.document is not None else str
    parameters = {name: value for name, value in request.parameters.items() if name != "local"}
    if own is not None:
        parameters.pop("type", None)
    if is_typeless and "type" not in parameters:
        types = registered_types(registration, change.entity.id)
        if types:
            parameters["type"] = ",".join(sorted(map(named, types)))
    body, path = change.document, change.path
    if body is not None:
        body = _body(change, client, names, registration)
    if change.attribute is not None:
        path += "/" + segment(named(change.attribute))
    return Forward(request.method, path, tuple(parameters.items()), context, body)


def _body(change: Change, client: ActiveContext, names: Names, registration: Registration) -> Any:
    if change.attribute is None:
        return body_of(change.entity, change.document, names, client, registration)
    own = registration.context
    if own is None:
        return change.document
    return rewritten(change.entity, names, own).get(own.compact_iri(change.attribute), {})


def _error(entity_id: str, outcome: Outcome) -> dict[str, Any]:
    where = {} if outcome.registration_id is None else {"registrationId": outcome.registration_id}
    return {"entityId": entity_id, "error": {} if outcome.error is None else problem_details(outcome.error), **where}
