"""Brokers with stores in memory that reach each other over real sockets."""

import asyncio
import json
from dataclasses import dataclass, field, replace
from typing import Any, Self

import uvicorn
from aiohttp import web

from broker.adapters.delivery.http import HttpSink
from broker.adapters.forwarding.http import HttpForwarder
from broker.adapters.memory.registration_outbox import MemoryRegistrationOutbox
from broker.adapters.memory.stores import MemorySubscriptions
from broker.http.gateway import build
from broker.operations.federation import Federation
from broker.operations.ports import Ports
from broker.workers.registration_notifications import RegistrationNotifications
from broker.workers.registry import Registrations
from tests.federation.scripted import Listening
from tests.http.client import PUBLIC_URL, Answer, Client, healthy, memory_ports


class FederatedBroker(Client):
    """A broker that knows registrations, called as ASGI; once started also over a socket."""

    endpoint = ""
    _server: uvicorn.Server | None = None
    _task: asyncio.Task[None] | None = None

    def __init__(self, alias: str) -> None:
        ports = memory_ports()
        ports = replace(ports, federation=self._federation(ports, alias, MemorySubscriptions()))
        super().__init__(build(ports, health=healthy, public_url=PUBLIC_URL), ports)

    def _federation(
        self, ports: Ports, alias: str, registrations: MemorySubscriptions, *, splits: bool = False
    ) -> Federation:
        """What of a federation has to be there: sinks, forwarder, registry, notifications about registrations."""
        self.registrations, self.subscriptions = registrations, MemorySubscriptions()
        self.forwarder, self._sink = HttpForwarder(timeout=2.0), HttpSink()
        self.sinks = {"http": self._sink, "https": self._sink}
        self.common = {"tenants": ports.tenants, "loader": ports.loader, "clock": ports.clock}
        self.outbox = MemoryRegistrationOutbox()
        self.notifications = RegistrationNotifications(
            store=self.subscriptions, sinks=self.sinks, outbox=self.outbox, **self.common
        )
        self.registry = Registrations(store=self.registrations, notifications=self.notifications, **self.common)
        return Federation(
            alias=alias,
            registrations=self.registrations,
            registry=self.registry,
            subscriptions=self.subscriptions,
            notifier=self.notifications,
            forwarder=self.forwarder,
            started_at=ports.clock.now(),
            splits_entities=splits,
        )

    async def start(self) -> Self:
        await self._serve()
        await self.registry.start()
        await self.notifications.start(self.registry)
        return self

    async def _serve(self) -> None:
        config = uvicorn.Config(self.asgi, host="127.0.0.1", port=0, http="httptools", log_level="warning")
        self._server = uvicorn.Server(config)
        self._task = asyncio.create_task(self._server.serve())
        while not self._server.started:  # noqa: ASYNC110 (uvicorn has no event for it)
            await asyncio.sleep(0.01)
        self.endpoint = f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        await self.registry.close()
        await self.notifications.close()
        await self.forwarder.close()
        await self._sink.close()
        if self._server is not None and self._task is not None:
            self._server.should_exit = True
            await self._task

    async def register(self, endpoint: str, number: int = 1, **members: Any) -> Answer:
        body = {
            "id": f"urn:ngsi-ld:ContextSourceRegistration:{number}",
            "type": "ContextSourceRegistration",
            "endpoint": endpoint,
            "information": [{"entities": [{"type": "Sensor"}]}],
            "operations": ["federationOps", "redirectionOps"],
            **members,
        }
        return await self.post("/csourceRegistrations", body)


@dataclass
class Source(Listening):
    """A context source that answers as told and keeps what it was asked: method, path with query, headers, body."""

    status: int = 200
    body: Any = None
    delay: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str, Any, Any]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        content = await request.read()
        self.asked.append((request.method, request.path_qs, request.headers, json.loads(content) if content else None))
        await asyncio.sleep(self.delay)
        if isinstance(self.body, bytes):
            return web.Response(status=self.status, body=self.body, headers=self.headers)
        if self.body is None:
            return web.Response(status=self.status, headers=self.headers)
        return web.json_response(self.body, status=self.status, headers=self.headers)
