"""What FIWARE's agents say of themselves and let operators set: version, readiness, the level of the log."""

from importlib.metadata import PackageNotFoundError, version

import structlog
from fastapi import FastAPI, Request, Response
from structlog.typing import EventDict, WrappedLogger

from agents.http.answers import json_answer
from agents.operations.status import Status

_LEVELS = {"DEBUG": 10, "INFO": 20, "WARN": 30, "ERROR": 40, "FATAL": 50}
_OF_METHODS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "exception": 40, "critical": 50}


class LogLevel:
    """A step of structlog's that drops what is below the level."""

    def __init__(self) -> None:
        self.name = "INFO"

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        """Let an event pass, or end its way."""
        if _OF_METHODS.get(method, 50) < _LEVELS[self.name]:
            raise structlog.DropEvent
        return event


def add_administration(app: FastAPI, status: Status, level: LogLevel, port: int) -> None:
    """Add the routes to an application."""

    @app.get("/iot/about")
    @app.get("/version")
    async def about() -> Response:
        """Name and version, with the members FIWARE's agents have."""
        ours = _version()
        return json_answer(
            {"name": "eclor-agents", "version": ours, "libVersion": ours, "port": str(port), "baseRoot": "/"}
        )

    @app.get("/ready")
    async def ready() -> Response:
        """200 as soon as messages are taken; 503 before, and while there is no MQTT broker."""
        works = status.health(0)["status"] == "ok"
        return json_answer({"ready": works}, 200 if works else 503)

    @app.get("/admin/log")
    async def log_level() -> Response:
        """The level of the log."""
        return json_answer({"level": level.name})

    @app.put("/admin/log")
    async def change_log_level(request: Request) -> Response:
        """Set the level of the log until the process ends."""
        given = request.query_params.get("level")
        if not given:
            return json_answer({"error": "log level missing"}, 400)
        name = {"WARNING": "WARN"}.get(given.upper(), given.upper())
        if name not in _LEVELS:
            return json_answer({"error": "invalid log level"}, 400)
        level.name = name
        return Response(status_code=200)


def _version() -> str:
    try:
        return version("eclor")
    except PackageNotFoundError:
        return "0"  # running from a checkout
