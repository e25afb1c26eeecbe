"""The agents' HTTP API: registrations of devices, and what an operator wants to see."""

from typing import Any

import orjson
from fastapi import FastAPI, Request, Response

from agents.core.errors import AgentError, InvalidDescription, SpoolFull, StoreUnavailable
from agents.http.answers import json_answer, not_found
from agents.http.exposition import MEDIA_TYPE, exposition
from agents.operations.devices import Devices
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
        return json_answer({"created": created, "updated": updated}, 201)

    @app.delete("/devices/{device_id}")
    async def remove(device_id: str) -> Response:
        """Forget a device; its entity stays in the broker."""
        return Response(status_code=204) if await devices.remove(device_id) else not_found(device_id)

    @app.get("/models")
    async def list_models() -> Response:
        """The device models at hand."""
        return json_answer(
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
        return json_answer(report, 200 if report["status"] == "ok" else 503)

    @app.get("/metrics")
    async def metrics() -> Response:
        """Counters in the OpenMetrics text format."""
        return Response(exposition(tally, len(devices), status), media_type=MEDIA_TYPE)

    @app.get("/skipped")
    async def skipped() -> Response:
        """Attributes that the last measures of provisioned devices did not give, with the reasons."""
        return json_answer(devices.skipped())

    @app.get("/unknown-devices")
    async def unknown() -> Response:
        """The last senders that nobody registered, with their number of messages."""
        return json_answer([{"id": name, "messages": count} for name, count in devices.unknown().items()])


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


async def _problem(request: Request, problem: Exception) -> Response:
    detail = problem.detail if isinstance(problem, AgentError) else ""
    status = 503 if isinstance(problem, StoreUnavailable | SpoolFull) else 400
    return json_answer({"title": "Refused", "detail": detail}, status)
