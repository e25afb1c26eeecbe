"""Subscriptions to Context Source Registrations (clauses 6.12, 6.13)."""

from collections.abc import Mapping
from typing import Any

from broker.core.model.instant import format_instant
from broker.http import params
from broker.http.message import Request, Response
from broker.http.negotiate import answer_type, context_of, read_object
from broker.http.paging import paging_of
from broker.http.parameters import PAGE, options
from broker.http.responses import ROOT, created, no_content, with_context
from broker.http.route import Answer, Route
from broker.operations import registration_subscriptions as operations
from broker.operations.ports import Ports

_PATH = "/csourceSubscriptions"


async def create(ports: Ports, request: Request) -> Response:
    """5.11.2."""
    document, context = await read_object(ports, request)
    via = request.header(b"via")
    return created(
        _PATH, await operations.create_registration_subscription(ports, request.tenant, document, context, via)
    )


async def query(ports: Ports, request: Request) -> Response:
    """5.11.5."""
    media_type, context, paging = answer_type(request), await context_of(ports, request), paging_of(request)
    page, total = await operations.query_registration_subscriptions(
        ports, request.tenant, context, paging.limit, paging.offset
    )
    shown = [_with_times(request, document, stored) for document, stored in page]
    extra = paging.headers(request, ROOT + _PATH, media_type, paging.offset + len(page) < total, total)
    return with_context(request, context, shown, media_type, extra)


async def retrieve(ports: Ports, request: Request) -> Response:
    """5.11.4."""
    media_type, context = answer_type(request), await context_of(ports, request)
    document, stored = await operations.retrieve_registration_subscription(
        ports, request.tenant, request.path[0], context
    )
    return with_context(request, context, _with_times(request, document, stored), media_type)


async def update(ports: Ports, request: Request) -> Response:
    """5.11.3."""
    document, context = await read_object(ports, request)
    await operations.update_registration_subscription(ports, request.tenant, request.path[0], document, context)
    return no_content()


async def delete(ports: Ports, request: Request) -> Response:
    """5.11.6."""
    await operations.delete_registration_subscription(ports, request.tenant, request.path[0])
    return no_content()


def _with_times(request: Request, document: dict[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    """The subscription with its system attributes, where they are asked for (clause 6.3.11)."""
    if "sysAttrs" not in params.options(request.parameters):
        return document
    return {**document, **{name: format_instant(stored[name]) for name in ("createdAt", "modifiedAt")}}


ROUTES = (
    Route(
        "POST",
        _PATH,
        create,
        "createRegistrationSubscription",
        "5.11.2, 6.12.3.1",
        "Subscribe to registrations",
        body="Subscription",
        answers=(Answer(201, "Created.", headers=("Location",)),),
        errors=(409,),
    ),
    Route(
        "GET",
        _PATH,
        query,
        "queryRegistrationSubscriptions",
        "5.11.5, 6.12.3.2",
        "List subscriptions to registrations",
        (*PAGE, options("sysAttrs", "count")),
        answers=(Answer(200, "A page of subscriptions.", "Subscription[]", ("Link", "NGSILD-Results-Count")),),
        errors=(404,),
    ),
    Route(
        "GET",
        _PATH + "/{subscriptionId}",
        retrieve,
        "retrieveRegistrationSubscription",
        "5.11.4, 6.13.3.1",
        "Retrieve a subscription to registrations",
        (options("sysAttrs"),),
        answers=(Answer(200, "The subscription.", "Subscription", ("Link",)),),
        errors=(404,),
    ),
    Route(
        "PATCH",
        _PATH + "/{subscriptionId}",
        update,
        "updateRegistrationSubscription",
        "5.11.3, 6.13.3.2",
        "Change a subscription to registrations",
        body="Subscription",
        answers=(Answer(204, "Changed."),),
        errors=(404,),
    ),
    Route(
        "DELETE",
        _PATH + "/{subscriptionId}",
        delete,
        "deleteRegistrationSubscription",
        "5.11.6, 6.13.3.3",
        "Unsubscribe from registrations",
        answers=(Answer(204, "Deleted."),),
        errors=(404,),
    ),
)
