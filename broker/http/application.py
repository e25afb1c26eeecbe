"""The FastAPI application: description of the API, state of the broker, and the page at `/`."""

from collections.abc import Awaitable, Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, PlainTextResponse
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.staticfiles import StaticFiles

from broker.core.model.errors import NgsiLdError
from broker.http.deliveries import Deliveries, add_deliveries
from broker.http.description import describe
from broker.http.indexes import add_indexes
from broker.http.metrics import Metrics
from broker.http.problems import respond_to
from broker.http.reference import render
from broker.http.table import ROUTES
from broker.http.versions import OURS
from broker.operations.indexes import IndexOperations

_PAGE = Path(__file__).parent / "page"
_PAGE_HEADERS = {
    "Cache-Control": "no-cache",
    # What entities hold was written by others: the page runs nothing but its own script.
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
}
_TITLE = "The open data platform of a territory"
_SUMMARY = (
    "An NGSI-LD context broker (ETSI GS CIM 009 V1.9.1). Every request may name its tenant in the header "
    "NGSILD-Tenant. Paths lead to the same resource with and without a slash at their end."
)


def application(
    *,
    health: Callable[[], Awaitable[dict[str, Any]]],
    public_url: str,
    metrics: Metrics,
    deliveries: Deliveries | None = None,
    indexes: IndexOperations | None = None,
) -> FastAPI:
    """Build it. For the arguments see `broker.http.gateway.build`."""
    app = FastAPI(title="ECLOR", version=_version(), summary=_TITLE, docs_url=None, redoc_url=None)
    _add_state(app, health, metrics)
    if deliveries is not None:
        add_deliveries(app, deliveries)
    if indexes is not None:
        add_indexes(app, indexes)
    _add_page(app)
    _describe_api(app, public_url)
    app.add_exception_handler(405, _refuse_method)
    app.add_exception_handler(NgsiLdError, _refuse)
    return app


async def _refuse(request: Request, error: Exception) -> Response:
    """What the operation behind a route raised, as the API tells it."""
    # The pattern, not the path: what stands in a path may be a name of somebody.
    refused = respond_to(error, request.method, request.scope["route"].path)
    return Response(refused.body, refused.status, {name.decode(): value.decode() for name, value in refused.headers})


async def _refuse_method(request: Request, _error: Exception) -> JSONResponse:
    """405 with the methods of all routes of the path, where FastAPI would name those of the first alone."""
    routes = [each for each in request.app.routes if isinstance(each, Route)]
    found = [each for each in routes if each.matches(request.scope)[0] is not Match.NONE]
    methods = {name for each in found for name in each.methods or ()}
    return JSONResponse({"detail": "Method Not Allowed"}, 405, {"Allow": ", ".join(sorted(methods))})


def _add_state(app: FastAPI, health: Callable[[], Awaitable[dict[str, Any]]], metrics: Metrics) -> None:
    @app.get(
        "/health",
        summary="Whether the broker and what it depends on are well",
        tags=["State"],
        responses={503: {"description": "Something is not; the members of the body tell what."}},
    )
    async def read_health() -> JSONResponse:
        state = await health()
        return JSONResponse(state, status_code=200 if state.get("status") == "ok" else 503)

    @app.get("/ngsi-ld/ex/v1/version", summary="What runs here", tags=["State"])
    @app.get("/version", summary="What runs here", tags=["State"])
    async def read_version() -> dict[str, str]:
        return {"name": "ECLOR", "version": app.version, "specification": f"ETSI GS CIM 009 V{OURS[0]}.{OURS[1]}.1"}

    @app.get(
        "/metrics",
        summary="Counters in the text format of Prometheus",
        tags=["State"],
        response_class=PlainTextResponse,
    )
    async def read_metrics() -> PlainTextResponse:
        return PlainTextResponse(metrics.text(), media_type="text/plain; version=0.0.4")


def _add_page(app: FastAPI) -> None:
    @app.get("/", include_in_schema=False)
    async def show_page() -> FileResponse:
        return FileResponse(_PAGE / "index.html", headers=_PAGE_HEADERS)

    app.mount("/page", StaticFiles(directory=_PAGE, check_dir=False), name="page")


def _describe_api(app: FastAPI, public_url: str) -> None:
    """Let FastAPI's description hold the table of routes, which the fast path serves, beside its own routes."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            own = get_openapi(
                title=app.title,
                version=app.version,
                summary=app.summary,
                description=_SUMMARY,
                routes=app.routes,
                servers=[{"url": public_url}],
            )
            app.openapi_schema = describe(own, ROUTES)
        return app.openapi_schema

    @app.get("/docs", include_in_schema=False)
    async def show_reference() -> HTMLResponse:
        return HTMLResponse(render(app.openapi()))

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend the description


def _version() -> str:
    try:
        return version("eclor")
    except PackageNotFoundError:
        return "0.1.0"
