"""What an operator wants to see of devices and messages: who is silent, what became of what was sent, what failed."""

from typing import Any

from fastapi import FastAPI, Response

from agents.core.errors import InvalidDescription
from agents.http.answers import json_answer, not_found
from agents.operations.backlog import Backlog
from agents.operations.devices import Devices, public
from agents.operations.observation import Observation
from agents.operations.ports import Rejection

_PAGE = 1_000
_REJECTED = 200
_ALL = 10_000


def add_supervision(app: FastAPI, devices: Devices, backlog: Backlog, observation: Observation) -> None:
    """Add the routes to an application."""
    _add_devices(app, devices, observation)
    _add_rejected(app, backlog)


def _add_devices(app: FastAPI, devices: Devices, observation: Observation) -> None:
    supervision = observation.supervision

    def shown(found: Any) -> dict[str, Any]:
        health = supervision.of(found.id)
        return {**public(found), **({"health": health} if health else {})}

    @app.get("/devices")
    async def list_devices(offset: int = 0, limit: int = 100, silent: str | None = None) -> Response:
        """Registered devices, at most 1,000 at a time.

        `silent=3600` lists those not heard for so many seconds, `silent=true` those quiet for longer than they
        usually are.
        """
        first, last = max(offset, 0), max(offset, 0) + min(max(limit, 0), _PAGE)
        if silent is None:
            count, page = len(devices), devices.page(first, last - first)
        else:
            quiet = supervision.silent(None if silent in ("", "true") else _seconds(silent))
            count, page = len(quiet), quiet[first:last]
        return json_answer({"count": count, "devices": [shown(each) for each in page]})

    @app.get("/devices/{device_id}")
    async def retrieve(device_id: str) -> Response:
        """One registered device, and how it is doing."""
        found = devices.get(device_id)
        return json_answer(shown(found)) if found else not_found(device_id)

    @app.get("/devices/{device_id}/trace")
    async def trace(device_id: str) -> Response:
        """The last messages of a device: the frame, what the codec and the mapping made of it, what became of it."""
        if devices.get(device_id) is None:
            return not_found(device_id)
        messages = observation.trace.of(device_id)
        return json_answer({"id": device_id, "health": supervision.of(device_id), "messages": messages})


def _add_rejected(app: FastAPI, backlog: Backlog) -> None:
    @app.get("/rejected")
    async def rejected(limit: int = _REJECTED) -> Response:
        """The last messages that did not become measures, with the reason; the newest last."""
        return json_answer([_public(each) for each in await backlog.rejected(min(max(limit, 1), _PAGE))])

    @app.post("/rejected/{identifier}/replay")
    async def replay(identifier: int) -> Response:
        """Take a rejected message in again, once what it failed of has been mended."""
        if await backlog.replay([identifier]):
            return json_answer({"replayed": 1}, 202)
        return json_answer({"title": "Unknown message", "detail": f"no message {identifier} is kept"}, 404)

    @app.post("/rejected/replay")
    async def replay_device(device: str) -> Response:
        """Take in again all that is kept of a device."""
        kept = [each.id for each in await backlog.rejected(_ALL) if each.device_id == device]
        return json_answer({"replayed": await backlog.replay(kept)}, 202)


def _seconds(text: str) -> float:
    try:
        return max(float(text), 0.0)
    except ValueError:
        raise InvalidDescription("silent is a number of seconds, or `true`") from None


def _public(rejection: Rejection) -> dict[str, Any]:
    return {
        "id": rejection.id,
        "at": rejection.at / 1e6,
        "topic": _without_key(rejection.topic),
        "deviceId": rejection.device_id,
        "reason": rejection.reason,
        "detail": rejection.detail,
        "payload": rejection.shown.hex(),
    }


def _without_key(topic: str) -> str:
    """The level before the device in a topic of measures is a secret."""
    levels = topic.split("/")
    for end in ("attrs", "cmdexe", "configuration"):
        if end in levels and (at := levels.index(end)) >= 2:
            levels[at - 2] = "…"
            break
    return "/".join(levels)[:256]
