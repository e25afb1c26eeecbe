"""`GET /deliveries`: notifications that have not reached their receivers, for operators."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeAlias

from fastapi import FastAPI, Header, Query
from fastapi.responses import JSONResponse
from starlette.requests import Request

from broker.http.message import headers_of
from broker.http.tenant import tenant_of

Deliveries: TypeAlias = Callable[[str, str | None], Awaitable[list[dict[str, Any]]]]
"""From a tenant and, if only one is asked for, a subscription's id to what is told of them."""

_ABOUT = (
    "Subscriptions whose last notification failed, why, and how many changes wait for their receivers; with the "
    "parameter `subscription` that one alone, failing or not, with the oldest changes that wait. Not part of NGSI-LD."
)

_PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: {"description": "The name of the tenant can't be one."},
    404: {"description": "There is no such subscription or tenant."},
    503: {"description": "The database can't be reached."},
}


def add_deliveries(app: FastAPI, deliveries: Deliveries) -> None:
    """Give the application the route."""

    @app.get(
        "/deliveries", summary="What notifications failed", description=_ABOUT, tags=["State"], responses=_PROBLEMS
    )
    async def read_deliveries(
        request: Request,
        subscription: Annotated[str | None, Query(description="The id of a subscription")] = None,
        _tenant: Annotated[str | None, Header(alias="NGSILD-Tenant", description="The tenant")] = None,
    ) -> JSONResponse:
        return JSONResponse(await deliveries(tenant_of(headers_of(request.scope)), subscription))
