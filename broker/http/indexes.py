"""`/indexes`: what queries are prepared for, for operators. `eclor index` speaks to it."""

from typing import Annotated, Any

from fastapi import FastAPI, Header, Query
from fastapi.responses import JSONResponse
from starlette.requests import Request
from starlette.responses import Response

from broker.http.json_object import read_object
from broker.http.message import headers_of
from broker.http.tenant import tenant_of
from broker.operations.indexes import IndexOperations

_LARGEST = 100_000
"""Octets of a declaration: most of it would be an inline @context."""

_PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: {"description": "The tenant, the path, the kind or the body is not what it can be, or there are too many."},
    404: {"description": "There is no such tenant, or no index was declared for that path."},
    503: {"description": "The database or the @context can't be reached."},
    504: {"description": "The @context can't be had."},
}
_ABOUT = "Not part of NGSI-LD. What is asked for often is indexed by itself; what is declared, from the first query."
_TENANT = Header(alias="NGSILD-Tenant", description="The tenant")
_CONTEXT = Query(description="URL of the @context in which names are meant; the core one by default")


_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["path"],
                "properties": {
                    "path": {"type": "string", "description": "As in q: temperature, address[postalCode]"},
                    "kind": {"type": "string", "description": "Kind of the attribute, where no entity has it yet"},
                    "@context": {"description": "In which the names are meant"},
                },
                "additionalProperties": False,
            }
        }
    },
}


def add_indexes(app: FastAPI, indexes: IndexOperations) -> None:
    """Give the application the routes."""
    _add_reading(app, indexes)
    _add_declaring(app, indexes)
    _add_withdrawing(app, indexes)


def _add_reading(app: FastAPI, indexes: IndexOperations) -> None:
    @app.get("/indexes", summary="What is indexed", description=_ABOUT, tags=["State"], responses=_PROBLEMS)
    async def read_indexes(
        request: Request,
        context: Annotated[str | None, _CONTEXT] = None,
        _tenant: Annotated[str | None, _TENANT] = None,
    ) -> Response:
        return JSONResponse(await indexes.all(_tenant_of(request), context))


def _add_declaring(app: FastAPI, indexes: IndexOperations) -> None:
    @app.post(
        "/indexes",
        summary="Declare an index",
        description=f"{_ABOUT} The answer comes when it is built.",
        tags=["State"],
        status_code=201,
        responses={
            **_PROBLEMS,
            200: {"description": "It had been declared before."},
            415: {"description": "The body is not said to be JSON."},
        },
        openapi_extra={"requestBody": _BODY},
    )
    async def declare_index(request: Request, _tenant: Annotated[str | None, _TENANT] = None) -> Response:
        # A web page of another origin can send text, but not JSON, without asking.
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return Response(status_code=415)
        new, described = await indexes.declare(_tenant_of(request), await read_object(request, _LARGEST))
        return JSONResponse(described, 201 if new else 200)


def _add_withdrawing(app: FastAPI, indexes: IndexOperations) -> None:
    @app.delete(
        "/indexes",
        summary="Withdraw a declared index",
        description=_ABOUT,
        tags=["State"],
        status_code=204,
        responses=_PROBLEMS,
    )
    async def withdraw_index(
        request: Request,
        path: Annotated[str, Query(description="What it was declared for, as temperature or address[postalCode]")] = "",
        context: Annotated[str | None, _CONTEXT] = None,
        _tenant: Annotated[str | None, _TENANT] = None,
    ) -> Response:
        await indexes.withdraw(_tenant_of(request), path, context)
        return Response(status_code=204)


def _tenant_of(request: Request) -> str:
    return tenant_of(headers_of(request.scope))
