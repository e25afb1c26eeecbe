"""Batches of changes that are partly or wholly elsewhere (clauses 5.6.7 to 5.6.10, 5.6.20)."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from broker.core.federate.bodies import addressed, body_of, only
from broker.core.federate.plan import Part, split
from broker.core.federate.registration import Registration
from broker.core.jsonld.context import ActiveContext
from broker.core.model.entity import Entity
from broker.core.model.errors import AlreadyExists, NgsiLdError, OperationNotSupported, ResourceNotFound
from broker.core.model.uri import segment
from broker.operations.distributed.asking import Inquiry
from broker.operations.distributed.writes import Names, error_of, refusal
from broker.operations.federation import Forward
from broker.operations.results import BatchResult

_AT_ONCE = 16
"""Single requests to one source at a time, where it takes no batches."""


@dataclass(frozen=True, slots=True)
class Item:
    """One element of a batch, expanded and as the client wrote it; of a deletion, `document` is None."""

    entity: Entity
    context: ActiveContext
    document: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """A kind of batch: its operation and path, and the operations that do the same one by one, in order.

    `parameters` go along with the batch, `single_parameters` with each request where a source takes no batches. With
    `knows_types` the elements have all the types of their entities.
    """

    operation: str
    path: str
    singles: tuple[str, ...]
    parameters: tuple[tuple[str, str], ...] = ()
    single_parameters: tuple[tuple[str, str], ...] = ()
    knows_types: bool = False


@dataclass(slots=True)
class DistributedResult:
    """What became of a batch: ids that were changed somewhere, and errors with the registration they come from."""

    local: BatchResult = field(default_factory=BatchResult)
    succeeded: dict[str, None] = field(default_factory=dict)
    errors: list[tuple[str, NgsiLdError | dict[str, Any], str | None]] = field(default_factory=list)
    created: dict[str, None] = field(default_factory=dict)


_RESOURCES = {
    "createEntity": ("POST", ""),
    "replaceEntity": ("PUT", "/{}"),
    "updateEntity": ("PATCH", "/{}/attrs"),
    "appendAttrs": ("POST", "/{}/attrs"),
    "mergeEntity": ("PATCH", "/{}"),
    "deleteEntity": ("DELETE", "/{}"),
}
"""Operation to method and path below /entities."""

_Share = list[tuple[Item, Names]]


async def write_batch(
    inquiry: Inquiry, batch: Batch, items: Sequence[Item], local: Callable[[list[Entity]], Awaitable[BatchResult]]
) -> DistributedResult:
    """Divide a batch over the sources and this broker, whose own part `local` does.

    Each source gets one request for all its entities where it takes batches, else one for each.
    """
    result = DistributedResult()
    shares, here = await _divided(inquiry, batch, items, result)
    await asyncio.gather(
        *(_send(inquiry, batch, registration, share, result) for registration, share in shares.values())
    )
    elsewhere = {item.entity.id for _, share in shares.values() for item, _ in share}
    if here:
        result.local = await local(here)
    for entity_id in (*result.local.created, *result.local.updated):
        result.succeeded[entity_id] = None
    result.created.update(dict.fromkeys(result.local.created))
    deletes = batch.operation == "deleteBatch"
    for entity_id, error in result.local.errors:
        if not (deletes and entity_id in elsewhere and isinstance(error, ResourceNotFound)):
            result.errors.append((entity_id, error, None))
    return result


async def _divided(
    inquiry: Inquiry, batch: Batch, items: Sequence[Item], result: DistributedResult
) -> tuple[dict[tuple[str, int], tuple[Registration, _Share]], list[Entity]]:
    """The share of each source, by registration and @context, and what remains for this broker."""
    held: dict[str, Entity] = {}
    if not batch.knows_types:
        held = await inquiry.ports.entities.get_many(inquiry.tenant, [item.entity.id for item in items])
    journey, operations = inquiry.journey, (batch.operation, *batch.singles)
    shares: dict[tuple[str, int], tuple[Registration, _Share]] = {}
    here: list[Entity] = []
    for item in items:
        entity = item.entity
        types = [*entity.types, *(held[entity.id].types if entity.id in held else ())]
        names, whole = frozenset(entity.attributes), item.document is None
        plan = split(inquiry.index, entity.id, types or None, names, operations, journey, whole=whole)
        for part in plan.parts:
            refused = refusal(part, batch.operation)
            if refused is not None:
                result.errors.append((entity.id, refused, part.registration.id))
                continue
            source = addressed(part.registration, item.context, inquiry.origin.context)
            _, share = shares.setdefault((source.id, id(item.context)), (source, []))
            share.append((item, _names(part, names)))
        if plan.stays:
            here.append(entity if whole else only(entity, plan.remaining))
    return shares, here


def _names(part: Part, names: Names) -> Names:
    return names if part.attributes is None else part.attributes


async def _send(
    inquiry: Inquiry, batch: Batch, registration: Registration, share: _Share, result: DistributedResult
) -> None:
    if batch.operation in registration.operations:
        await _send_together(inquiry, batch, registration, share, result)
        return
    gate = asyncio.Semaphore(_AT_ONCE)

    async def send(item: Item, names: Names) -> None:
        async with gate:
            error = await _send_single(inquiry, batch, registration, item, names)
        if error is None:
            result.succeeded[item.entity.id] = None
        else:
            result.errors.append((item.entity.id, error, registration.id))

    await asyncio.gather(*(send(item, names) for item, names in share))


async def _send_together(
    inquiry: Inquiry, batch: Batch, registration: Registration, share: _Share, result: DistributedResult
) -> None:
    context = registration.context or share[0][0].context
    body = [_body(item, names, registration) for item, names in share]
    forward = Forward("POST", f"/entityOperations/{batch.path}", batch.parameters, context, body)
    answer = await inquiry.send(registration, forward)
    ids = [item.entity.id for item, _ in share]
    if answer.is_success and answer.status == 207 and isinstance(answer.body, dict):
        failed = [each for each in answer.body.get("errors", ()) if isinstance(each, dict)]
        for each in failed:
            told = each.get("error")
            result.errors.append(
                (str(each.get("entityId", "")), told if isinstance(told, dict) else {}, registration.id)
            )
        refused = {each.get("entityId") for each in failed}
        result.succeeded.update(dict.fromkeys(each for each in ids if each not in refused))
    elif answer.is_success:
        result.succeeded.update(dict.fromkeys(ids))
        if answer.status == 201:
            told = answer.body if isinstance(answer.body, list) else ids
            result.created.update(dict.fromkeys(each for each in told if each in ids))
    else:
        for entity_id in ids:
            error = error_of(answer, registration.id, entity_id)
            result.errors.append((entity_id, error or OperationNotSupported(), registration.id))


async def _send_single(
    inquiry: Inquiry, batch: Batch, registration: Registration, item: Item, names: Names
) -> NgsiLdError | None:
    """Do with one entity what the batch asks, by the operations that the source offers; what went wrong, or None."""
    error: NgsiLdError | None = None
    offered = [each for each in batch.singles if each in registration.operations]
    for operation in offered:
        method, path = _RESOURCES[operation]
        forward = Forward(
            method,
            "/entities" + path.format(segment(item.entity.id)),
            batch.single_parameters,
            registration.context or item.context,
            None if item.document is None else _body(item, names, registration),
        )
        error = error_of(await inquiry.send(registration, forward), registration.id, item.entity.id)
        if not isinstance(error, AlreadyExists):
            return error
    if len(offered) < len(batch.singles):
        return OperationNotSupported(f"The source of {registration.id} has the entity and can't change it so.")
    return error


def _body(item: Item, names: Names, registration: Registration) -> Any:
    if item.document is None:
        return item.entity.id
    return body_of(item.entity, item.document, names, item.context, registration)
