"""A real HTTP server of contexts and the parts that load from it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from context_server import ContextServer

from broker.adapters.clock import SystemClock
from broker.adapters.contexts import Loader, open_loader
from broker.adapters.memory.stores import MemoryContexts
from broker.operations.ports import Ports


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
