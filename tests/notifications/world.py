"""A notification side on a store in memory, an outbox that can be looked into, and receivers on real sockets."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from broker.adapters.clock import SystemClock
from broker.adapters.delivery.http import HttpSink
from broker.adapters.delivery.mqtt import MqttSink
from broker.adapters.memory.entities import MemoryEntities
from broker.adapters.memory.stores import MemoryContexts, MemoryTenants
from broker.core.jsonld.context import ActiveContext
from broker.core.model.change import Change
from broker.operations.notify import SubscriptionRecords, Timer
from broker.operations.ports import OutboxEntry, Ports
from broker.operations.subscriptions import create_subscription
from broker.workers.notifications import Notifications
from tests.chaos.platform_under_test import free_ports
from tests.core.subscribe.building import CONTEXT, CONTEXT_URL, document

CORE = ActiveContext({}, {}, "https://example.org/core", "https://example.org/core")


async def until(holds: Callable[[], Any], seconds: float = 10.0) -> None:
    """Wait for something to become true; fail where it does not in time."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 (what is waited for knows nothing of the test)
            await asyncio.sleep(0.005)


class KnownContexts:
    """The context of these tests, the core, and nothing else."""

    async def load(self, context: Any, *, counts: bool = True) -> ActiveContext:
        return {CONTEXT_URL: CONTEXT, None: CORE}[context]


@dataclass
class OpenOutbox:
    """Keeps entries in memory until all their subscriptions are settled."""

    waiting: dict[tuple[str, str], OutboxEntry] = field(default_factory=dict)
    settled: list[tuple[str, str]] = field(default_factory=list)
    fetched: int = 0
    is_adopted: bool = False

    def settle(self, key: str, subscription_id: str) -> None:
        del self.waiting[key, subscription_id]
        self.settled.append((key, subscription_id))

    async def pending(self, tenant: str, subscription_id: str, limit: int) -> list[OutboxEntry]:
        self.fetched += 1
        await asyncio.sleep(0)
        found = [entry for (_, each), entry in self.waiting.items() if each == subscription_id]
        return [entry for entry in found if entry.tenant == tenant][:limit]

    async def adopt_abandoned(self) -> AsyncIterator[list[OutboxEntry]]:
        if not self.is_adopted:
            self.is_adopted = True
            yield list({entry.key: entry for entry in self.waiting.values()}.values())


class SteppedTimer:
    """Time that stands still until the test moves it."""

    def __init__(self) -> None:
        self.now = 0.0
        self._moved = asyncio.Condition()

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        wake = self.now + seconds
        async with self._moved:
            await self._moved.wait_for(lambda: self.now >= wake)

    async def advance(self, seconds: float) -> None:
        async with self._moved:
            self.now += seconds
            self._moved.notify_all()


class Broker:
    """The notification side of one process, with what stands around it."""

    def __init__(
        self,
        store: SubscriptionRecords,
        outbox: OpenOutbox,
        timer: Timer | None,
        give_up_after: float,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.store, self.outbox, self.clock = store, outbox, SystemClock()
        http, mqtt = HttpSink(tls=tls), MqttSink(tls=tls)
        self.notifications = Notifications(
            store=store,
            outbox=outbox,
            loader=KnownContexts(),
            clock=self.clock,
            sinks={"http": http, "https": http, "mqtt": mqtt, "mqtts": mqtt},
            timer=timer,
            give_up_after=give_up_after,
            is_shared=lambda: self.is_shared,
        )
        self.is_shared = False
        self.entities = MemoryEntities(self.clock, self.notifications)
        self.ports = Ports(
            entities=self.entities,
            tenants=MemoryTenants(),
            subscriptions=store,
            contexts=MemoryContexts(),
            loader=KnownContexts(),
            clock=self.clock,
            notifier=self.notifications,
        )
        self.notifications.attach(self.ports)
        self._keys = 0

    async def subscribe(self, tenant: str = "", **members: Any) -> str:
        return await create_subscription(self.ports, tenant, document(**members), CONTEXT)

    def commit(self, *changes: Change, tenant: str = "") -> None:
        """What the commit path does once the changes are durable."""
        entries = []
        for change, matched in zip(changes, self.notifications.match(tenant, changes), strict=True):
            if matched:
                self._keys += 1
                entries.append(OutboxEntry(f"group-{self._keys:06d}/0", tenant, change, matched))
        self.keep(entries)
        self.notifications.dispatch(entries)

    def keep(self, entries: Sequence[OutboxEntry]) -> None:
        for entry in entries:
            self.outbox.waiting.update(dict.fromkeys([(entry.key, each) for each in entry.subscriptions], entry))


class Receiver:
    """An HTTP server that keeps what it gets, and answers with `status` once the `gate`, if any, is open."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.bodies: list[dict[str, Any]] = []
        self.requests: list[web.Request] = []
        self.status = 200
        self.gate: asyncio.Event | None = None
        (self.port,) = free_ports(1)
        self._runner: web.AppRunner | None = None

    async def start(self) -> "Receiver":
        """Listen, always on the same port."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._take)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, ssl_context=self._tls)
        await site.start()
        return self

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def notification(self, path: str = "notify", **endpoint: Any) -> dict[str, Any]:
        scheme = "http" if self._tls is None else "https"
        return {"endpoint": {"uri": f"{scheme}://127.0.0.1:{self.port}/{path}", **endpoint}}

    def values(self, name: str = "level") -> list[Any]:
        """The values of an attribute in the order of arrival."""
        return [each[name]["value"] for body in self.bodies for each in body["data"]]

    async def _take(self, request: web.Request) -> web.Response:
        body = json.loads(await request.read())
        self.requests.append(request)
        if self.gate is not None:
            await self.gate.wait()
        if self.status == 200:
            self.bodies.append(body)
        return web.Response(status=self.status, headers={"Location": "/elsewhere"})
