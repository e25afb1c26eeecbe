"""Sources over real sockets; those that answer each request as a function says, bytes and headers included."""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

Reply = tuple[int, Any, dict[str, str]]


@dataclass
class Asked:
    """One request that a source received."""

    method: str
    path: str
    query: dict[str, str]
    headers: Any
    body: Any

    @property
    def ids(self) -> list[str]:
        return self.query["id"].split(",") if "id" in self.query else []


class Listening(ABC):
    """Something at a port of its own that `answer` speaks for."""

    endpoint = ""
    _runner: web.AppRunner | None = None

    @abstractmethod
    async def answer(self, request: web.Request) -> web.Response:
        """What a request is answered."""

    async def start(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.endpoint = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
        return self

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()


@dataclass
class Scripted(Listening):
    """A source whose answers `reply` makes: status, JSON or bytes or None, headers."""

    reply: Callable[[Asked], Reply]
    asked: list[Asked] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        content = await request.read()
        body = json.loads(content) if content else None
        path = request.path.removeprefix("/ngsi-ld/v1")
        asked = Asked(request.method, path, dict(request.query), request.headers, body)
        self.asked.append(asked)
        status, told, headers = self.reply(asked)
        if isinstance(told, bytes):
            return web.Response(status=status, body=told, headers=headers)
        text = None if told is None else json.dumps(told)
        return web.Response(status=status, text=text, content_type="application/json", headers=headers)
