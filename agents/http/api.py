"""The agents' HTTP API: registrations of devices, and what an operator wants to see."""

from importlib.metadata import PackageNotFoundError, version
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response

from agents.core.errors import AgentError, InvalidDescription, StoreUnavailable
from agents.http.exposition import exposition
from agents.operations.devices import Devices, public
from agents.operations.status import Status
from agents.operations.tally import Tally

BODY_LIMIT = 16 * 1024 * 1024
"""Bytes of a request: ten thousand registrations of 1.6 KB."""
_PAGE = 1_000


def add_routes(app: FastAPI, devices: Devices, tally: Tally, status: Status) -> None:
    """Add every route to an application."""
    _add_devices(app, devices)
    _add_observation(app, devices, tally, status)
    app.add_exception_handler(AgentError, _problem)


def _add_devices(app: FastAPI, devices: Devices) -> None:
    @app.post("/devices", status_code=201)
    async def register(request: Request) -> Response:
        """Register one device or a list of them; the same id again replaces."""
        body = await _body(request)
        created, updated = await devices.register(body if isinstance(body, list) else [body])
        return _json({"created": created, "updated": updated}, 201)

    @app.get("/devices")
    async def list_devices(offset: int = 0, limit: int = 100) -> Response:
        """Registered devices, at most 1,000 at a time."""
        page = devices.page(max(offset, 0), min(max(limit, 0), _PAGE))
        return _json({"count": len(devices), "devices": [public(each) for each in page]})

    @app.get("/devices/{device_id}")
    async def retrieve(device_id: str) -> Response:
        """One registered device."""
        found = devices.get(device_id)
        return _json(public(found)) if found else _not_found(device_id)

    @app.delete("/devices/{device_id}")
    async def remove(device_id: str) -> Response:
        """Forget a device; its entity stays in the broker."""
        return Response(status_code=204) if await devices.remove(device_id) else _not_found(device_id)

    @app.get("/models")
    async def list_models() -> Response:
        """The device models at hand."""
        return _json(
            [
                {
                    "id": model.id,
                    "description": model.description,
                    "entityType": model.entity_type,
                    "context": model.context,
                    "parameters": dict(model.parameters),
                    "attributes": [rule.name for rule in model.attributes],
                }
                for model in devices.models.values()
            ]
        )


def _add_observation(app: FastAPI, devices: Devices, tally: Tally, status: Status) -> None:
    @app.get("/health")
    async def health() -> Response:
        """Whether the agent works; 503 while it starts or has no MQTT broker."""
        report = status.health(len(devices))
        return _json(report, 200 if report["status"] == "ok" else 503)

    @app.get("/iot/about")
    async def about() -> Response:
        """Name and version."""
        return _json({"name": "eclor-agents", "version": _version()})

    @app.get("/metrics")
    async def metrics() -> Response:
        """Counters in the Prometheus text format."""
        return Response(exposition(tally, len(devices), status), media_type="text/plain; version=0.0.4")

    @app.get("/rejected")
    async def rejected() -> Response:
        """The last messages that did not become measures, with the reason."""
        return _json(tally.rejected())

    @app.get("/unknown-devices")
    async def unknown() -> Response:
        """The last senders that nobody registered, with their number of messages."""
        return _json([{"id": name, "messages": count} for name, count in devices.unknown().items()])


async def _body(request: Request) -> Any:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_LIMIT:
            raise InvalidDescription(f"the body has at most {BODY_LIMIT} bytes")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as problem:
        raise InvalidDescription(f"the body is not JSON: {problem}") from None


def _json(content: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")


def _not_found(device_id: str) -> Response:
    return _json({"title": "Unknown device", "detail": f"no device {device_id} is registered"}, 404)


async def _problem(request: Request, problem: Exception) -> Response:
    detail = problem.detail if isinstance(problem, AgentError) else ""
    status = 503 if isinstance(problem, StoreUnavailable) else 400
    return _json({"title": "Refused", "detail": detail}, status)


def _version() -> str:
    try:
        return version("eclor")
    except PackageNotFoundError:
        return "0"  # running from a checkout
