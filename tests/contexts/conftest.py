"""A real HTTP server of contexts and the parts that load from it."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from broker.adapters.clock import SystemClock
from broker.adapters.contexts import Loader, open_loader
from broker.adapters.memory.stores import MemoryContexts
from broker.operations.ports import Ports


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


@pytest.fixture
async def server() -> AsyncIterator[ContextServer]:
    serving = ContextServer()
    application = web.Application()
    application.router.add_get("/{path:.*}", serving.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    serving.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield serving
    await runner.cleanup()


@pytest.fixture
def store() -> MemoryContexts:
    return MemoryContexts()


@pytest.fixture
async def loader(store: MemoryContexts, server: ContextServer) -> AsyncIterator[Loader]:
    opened = open_loader(store, SystemClock(), ["http://broker.example:1026"])
    yield opened
    await opened.close()


@pytest.fixture
def ports(store: MemoryContexts, loader: Loader) -> Ports:
    """Ports of which the operations on contexts use these three."""
    unused: Any = None
    return Ports(unused, unused, unused, store, loader, SystemClock(), unused)
