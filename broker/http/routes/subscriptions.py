"""Subscriptions (clauses 6.10, 6.11)."""

from typing import Any

from broker.core.model.instant import format_instant
from broker.http import params
from broker.http.message import Request, Response
from broker.http.negotiate import answer_type, context_of, read_object
from broker.http.paging import paging_of
from broker.http.parameters import PAGE, options
from broker.http.responses import ROOT, created, no_content, with_context
from broker.http.route import Answer, Route
from broker.operations import subscriptions
from broker.operations.ports import Ports

_PATH = "/subscriptions"


async def create(ports: Ports, request: Request) -> Response:
    """5.8.1."""
    document, context = await read_object(ports, request)
    subscription_id = await subscriptions.create_subscription(
        ports, request.tenant, document, context, request.public_url, request.header(b"via")
    )
    return created(_PATH, subscription_id)


async def query(ports: Ports, request: Request) -> Response:
    """5.8.4."""
    media_type, context, paging = answer_type(request), await context_of(ports, request), paging_of(request)
    page, total = await subscriptions.query_subscriptions(ports, request.tenant, context, paging.limit, paging.offset)
    if "sysAttrs" in params.options(request.parameters):
        page = [await _with_times(ports, request.tenant, document) for document in page]
    more = paging.offset + len(page) < total
    extra = paging.headers(request, ROOT + _PATH, media_type, more, total)
    return with_context(request, context, page, media_type, extra)


async def retrieve(ports: Ports, request: Request) -> Response:
    """5.8.3."""
    media_type, context = answer_type(request), await context_of(ports, request)
    document = await subscriptions.retrieve_subscription(ports, request.tenant, request.path[0], context)
    if "sysAttrs" in params.options(request.parameters):
        document = await _with_times(ports, request.tenant, document)
    return with_context(request, context, document, media_type)


async def update(ports: Ports, request: Request) -> Response:
    """5.8.2."""
    document, context = await read_object(ports, request)
    await subscriptions.update_subscription(ports, request.tenant, request.path[0], document, context)
    return no_content()


async def delete(ports: Ports, request: Request) -> Response:
    """5.8.5."""
    await subscriptions.delete_subscription(ports, request.tenant, request.path[0])
    return no_content()


async def _with_times(ports: Ports, tenant: str, document: dict[str, Any]) -> dict[str, Any]:
    """The subscription with its system attributes (clause 6.3.11)."""
    stored = await ports.subscriptions.get(tenant, document["id"])
    if stored is None:
        return document
    times = {name: format_instant(stored[name]) for name in ("createdAt", "modifiedAt")}
    return {**document, **times}


ROUTES = (
    Route(
        "POST",
        "/subscriptions",
        create,
        "createSubscription",
        "5.8.1, 6.10.3.1",
        "Subscribe",
        body="Subscription",
        answers=(Answer(201, "Created.", headers=("Location",)),),
        errors=(409,),
    ),
    Route(
        "GET",
        "/subscriptions",
        query,
        "querySubscriptions",
        "5.8.4, 6.10.3.2",
        "List subscriptions",
        (*PAGE, options("sysAttrs", "count")),
        answers=(Answer(200, "A page of subscriptions.", "Subscription[]", ("Link", "NGSILD-Results-Count")),),
        errors=(404,),
    ),
    Route(
        "GET",
        "/subscriptions/{subscriptionId}",
        retrieve,
        "retrieveSubscription",
        "5.8.3, 6.11.3.1",
        "Retrieve a subscription",
        (options("sysAttrs"),),
        answers=(Answer(200, "The subscription.", "Subscription", ("Link",)),),
        errors=(404,),
    ),
    Route(
        "PATCH",
        "/subscriptions/{subscriptionId}",
        update,
        "updateSubscription",
        "5.8.2, 6.11.3.2",
        "Change a subscription",
        body="Subscription",
        answers=(Answer(204, "Changed."),),
        errors=(404,),
    ),
    Route(
        "DELETE",
        "/subscriptions/{subscriptionId}",
        delete,
        "deleteSubscription",
        "5.8.5, 6.11.3.3",
        "Unsubscribe",
        answers=(Answer(204, "Deleted."),),
        errors=(404,),
    ),
)
