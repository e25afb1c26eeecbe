"""A real HTTP server of contexts."""

import json
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web


class ContextServer:
    """Serves what `documents` says; counts the requests of each path."""

    def __init__(self) -> None:
        self.url = ""
        self.documents: dict[str, Any] = {}
        self.headers: dict[str, str] = {}
        self.handlers: dict[str, Callable[[web.Request], Awaitable[web.StreamResponse]]] = {}
        self.requests: Counter[str] = Counter()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests[request.path] += 1
        if request.path in self.handlers:
            return await self.handlers[request.path](request)
        if request.path not in self.documents:
            return web.Response(status=404)
        document = self.documents[request.path]
        text = document if isinstance(document, str) else json.dumps(document)
        return web.Response(text=text, content_type="text/plain", headers=self.headers)
