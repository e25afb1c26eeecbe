"""Batches of entities (clauses 6.14 to 6.17, 6.31). The query by POST (6.23) is beside the other queries."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

from broker.core.federate.index import RegistrationIndex
from broker.core.jsonld.context import ActiveContext
from broker.core.jsonld.expand import expand_entity, expand_fragment
from broker.core.model.entity import Entity
from broker.core.model.errors import BadRequestData, NgsiLdError
from broker.http import params
from broker.http.distributed_batches import distribute_batch, forwarded
from broker.http.distribution import sources_of
from broker.http.message import Request, Response
from broker.http.negotiate import read_list, take_context
from broker.http.parameters import INPUT_FORMAT, LANG, LOCAL, OBSERVED_AT, options
from broker.http.problems import problem_details
from broker.http.responses import no_content, plain_json
from broker.http.route import Answer, Route
from broker.operations import batch
from broker.operations.distributed.batches import Batch, Item
from broker.operations.ports import Ports
from broker.operations.results import BatchResult

_BREATH = 200  # entities expanded between two looks at other requests: some milliseconds
_UNSET = object()

Failures: TypeAlias = list[tuple[str, NgsiLdError]]
Expand: TypeAlias = Callable[[dict[str, Any], ActiveContext], Entity]


async def create(ports: Ports, request: Request) -> Response:
    """5.6.7."""
    found, failures, items = await _entities(ports, request, expand_entity, ports.max_batch)
    index = sources_of(ports, request)
    if index is not None and found:
        here = partial(batch.batch_create, ports, request.tenant)
        kind = Batch("createBatch", "create", ("createEntity",), knows_types=True)
        return await distribute_batch(ports, request, index, kind, items, failures, here, created=True)
    result = await batch.batch_create(ports, request.tenant, found) if found else BatchResult()
    return _report(result, failures, created=True)


async def upsert(ports: Ports, request: Request) -> Response:
    """5.6.8."""
    words = params.options(request.parameters)
    if {"replace", "update"} <= words:
        raise BadRequestData("options holds either replace or update, not both.")
    found, failures, items = await _entities(ports, request, expand_entity)
    if not found:
        return _report(BatchResult(), failures)
    index = sources_of(ports, request)
    if index is not None:
        here = partial(batch.batch_upsert, ports, request.tenant, update="update" in words)
        singles = ("createEntity", "updateEntity" if "update" in words else "replaceEntity")
        kind = Batch("upsertBatch", "upsert", singles, forwarded(request), knows_types=True)
        return await distribute_batch(ports, request, index, kind, items, failures, here)
    result = await batch.batch_upsert(ports, request.tenant, found, update="update" in words)
    return _report(result, failures, created=bool(result.created))


async def update(ports: Ports, request: Request) -> Response:
    """5.6.9."""
    found, failures, items = await _entities(ports, request, _fragment)
    if not found:
        return _report(BatchResult(), failures)
    overwrite = "noOverwrite" not in params.options(request.parameters)
    index = sources_of(ports, request)
    if index is not None:
        here = partial(batch.batch_update, ports, request.tenant, overwrite=overwrite)
        single = "updateEntity" if overwrite else "appendAttrs"
        options_too = forwarded(request)
        kind = Batch("updateBatch", "update", (single,), options_too, options_too)
        return await distribute_batch(ports, request, index, kind, items, failures, here)
    return _report(await batch.batch_update(ports, request.tenant, found, overwrite=overwrite), failures)


async def merge(ports: Ports, request: Request) -> Response:
    """5.6.20."""
    parameters = request.parameters
    simplified = params.form(parameters) == "simplified"
    observed_at, lang = params.instant(parameters, "observedAt"), parameters.get("lang")

    def expand(document: dict[str, Any], context: ActiveContext) -> Entity:
        return _identified(expand_fragment(document, context, simplified=simplified, merge=True))

    found, failures, items = await _entities(ports, request, expand)
    if not found:
        return _report(BatchResult(), failures)
    index = sources_of(ports, request)
    if index is not None:
        here = partial(
            batch.batch_merge, ports, request.tenant, observed_at=observed_at, lang=lang, simplified=simplified
        )
        kind = Batch("mergeBatch", "merge", ("mergeEntity",), forwarded(request), forwarded(request))
        return await distribute_batch(ports, request, index, kind, items, failures, here)
    result = await batch.batch_merge(
        ports, request.tenant, found, observed_at=observed_at, lang=lang, simplified=simplified
    )
    return _report(result, failures)


async def delete(ports: Ports, request: Request) -> Response:
    """5.6.10."""
    items, _, _ = read_list(request)
    _refuse_too_many(items, _most(ports))
    found: list[str] = []
    failures: Failures = []
    for item in items:
        if not isinstance(item, str):
            raise BadRequestData("The body shall be an array of entity identifiers, all of them strings.")
        try:
            found.append(params.require_uri(item, "An entity's id"))
        except BadRequestData as error:
            failures.append((item, error))
    index = sources_of(ports, request)
    if index is not None and found:
        return await _delete_distributed(ports, request, index, found, failures)
    result = await batch.batch_delete(ports, request.tenant, found) if found else BatchResult()
    return _report(result, failures)


async def _delete_distributed(
    ports: Ports, request: Request, index: RegistrationIndex, ids: list[str], failures: Failures
) -> Response:
    context = await ports.loader.load(None)
    items = [Item(Entity(each, [], {}), context) for each in ids]

    async def here(entities: list[Entity]) -> BatchResult:
        return await batch.batch_delete(ports, request.tenant, [each.id for each in entities])

    kind = Batch("deleteBatch", "delete", ("deleteEntity",))
    return await distribute_batch(ports, request, index, kind, items, failures, here)


async def _entities(
    ports: Ports, request: Request, expand: Expand, most: int | None = None
) -> tuple[list[Entity], Failures, list[Item]]:
    """Each entity of the body, expanded in its @context; those that cannot be fail on their own (clause 5.6.7).

    Where there are registrations, each also as it was sent.
    """
    sent: list[Item] = []
    keeps = sources_of(ports, request) is not None
    items, json_ld, url = read_list(request)
    _refuse_too_many(items, _most(ports) if most is None else most)
    found: list[Entity] = []
    failures: Failures = []
    named, context = _UNSET, None
    for number, item in enumerate(items, 1):
        if not isinstance(item, dict):
            raise BadRequestData("The body shall be an array of entities, all of them JSON objects.")
        try:
            wanted = take_context(item, json_ld, url)
            if context is None or wanted != named:
                context, named = await ports.loader.load(wanted), wanted
            entity = expand(item, context)
            found.append(entity)
            if keeps:
                sent.append(Item(entity, context, item))
        except NgsiLdError as error:
            failures.append((str(item.get("id", "")), error))
        if not number % _BREATH:
            await asyncio.sleep(0)
    return found, failures, sent


def _most(ports: Ports) -> int:
    """How many entities a batch may change: each costs up to 160 µs, to create one 95."""
    return max(1, ports.max_batch // 2)


def _refuse_too_many(items: list[Any], most: int) -> None:
    if len(items) > most:
        raise BadRequestData(
            f"The batch has {len(items)} elements; this one may have {most} (--max-batch). Send it in several parts."
        )


def _fragment(document: dict[str, Any], context: ActiveContext) -> Entity:
    return _identified(expand_fragment(document, context))


def _identified(fragment: Entity) -> Entity:
    if not fragment.id:
        raise BadRequestData("Each entity of a batch needs an id.")
    return fragment


def _report(result: BatchResult, failures: Failures, *, created: bool = False) -> Response:
    """201 with the ids created, 204, or 207 with what became of each (clauses 5.2.16, 5.2.17)."""
    failures = failures + result.errors
    if failures:
        errors = [{"entityId": identifier, "error": problem_details(error)} for identifier, error in failures]
        return plain_json(207, {"success": result.created + result.updated, "errors": errors})
    return plain_json(201, result.created) if created else no_content()


_DONE = Answer(204, "Done for all.")
_CREATED = Answer(201, "The identifiers of the entities created.", "EntityIds")
_PARTLY = Answer(207, "What became of each.", "BatchOperationResult")

ROUTES = (
    Route(
        "POST",
        "/entityOperations/create",
        create,
        "createBatch",
        "5.6.7, 6.14.3.1",
        "Create entities",
        (LOCAL,),
        "Entity[]",
        (_CREATED, _PARTLY),
    ),
    Route(
        "POST",
        "/entityOperations/upsert",
        upsert,
        "upsertBatch",
        "5.6.8, 6.15.3.1",
        "Create entities, or replace or update those that exist",
        (options("replace", "update"), LOCAL),
        "Entity[]",
        (_CREATED, _DONE, _PARTLY),
    ),
    Route(
        "POST",
        "/entityOperations/update",
        update,
        "updateBatch",
        "5.6.9, 6.16.3.1",
        "Update entities",
        (options("noOverwrite"), LOCAL),
        "Entity[]",
        (_DONE, _PARTLY),
        (404,),
    ),
    Route(
        "POST",
        "/entityOperations/merge",
        merge,
        "mergeBatch",
        "5.6.20, 6.31.3.1",
        "Merge into entities",
        (INPUT_FORMAT, options("simplified", "keyValues"), OBSERVED_AT, LANG, LOCAL),
        "Entity[]",
        (_DONE, _PARTLY),
        (404,),
    ),
    Route(
        "POST",
        "/entityOperations/delete",
        delete,
        "deleteBatch",
        "5.6.10, 6.17.3.1",
        "Delete entities",
        (LOCAL,),
        "EntityIds",
        (_DONE, _PARTLY),
        (404,),
    ),
)
