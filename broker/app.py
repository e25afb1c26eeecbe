"""The composition root: builds the adapters, puts them behind the ports.

The only place that knows which adapter stands behind which port.
"""

import asyncio
import time
from collections.abc import Coroutine
from functools import partial
from typing import Any

import structlog

from broker.adapters.clock import SystemClock
from broker.adapters.contexts.fetch import Fetcher
from broker.adapters.contexts.library import Library
from broker.adapters.contexts.loader import Loader
from broker.adapters.delivery.http import HttpSink
from broker.adapters.delivery.mqtt import MqttSink
from broker.adapters.mongo.client import DatabaseError, Databases, connect
from broker.adapters.mongo.contexts import MongoContexts
from broker.adapters.mongo.declared_indexes import MongoIndexes
from broker.adapters.mongo.entities import MongoEntities
from broker.adapters.mongo.entity_maps import MongoEntityMaps
from broker.adapters.mongo.history import MongoHistory
from broker.adapters.mongo.outbox import MongoOutbox
from broker.adapters.mongo.presence import Presence
from broker.adapters.mongo.snapshots import MongoSnapshots
from broker.adapters.mongo.subscriptions import MongoSubscriptions
from broker.adapters.mongo.tenants import MongoTenants
from broker.adapters.tls import trusting
from broker.core.model.errors import NgsiLdError
from broker.federation import FederationSide
from broker.http import gateway
from broker.http.federation import Joining
from broker.http.guarded import Door
from broker.membership import MembershipSide
from broker.operations.deliveries import list_deliveries
from broker.operations.indexes import IndexOperations
from broker.operations.notify import Sink
from broker.operations.ports import Ports
from broker.operations.snapshot_ports import Snapshots
from broker.settings import Settings
from broker.workers.background import Background
from broker.workers.compaction import compact
from broker.workers.expiry import expire
from broker.workers.intervals import Intervals
from broker.workers.notifications import Notifications
from broker.workers.retention import retain
from schemas import read_context

_log = structlog.get_logger("eclor.broker")

_CORE = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.9.jsonld"


class App:
    """One broker process: its adapters, its workers, and the ASGI callable that serves it.

    Raises UntrustedFileError where there are no certificate authorities in the file named.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._databases = Databases(connect(settings.mongo_url), settings.database)
        self._clock = SystemClock()
        self._presence = Presence(self._databases)
        self._tenants = MongoTenants(self._databases)
        self._outbox = MongoOutbox(self._databases, self._presence, self._tenants)
        self._background = Background()
        self._workers: list[asyncio.Task[None]] = []
        tls = trusting(settings.trusted_ca)
        self._membership = MembershipSide(settings, self._databases, tls, self._clock)
        self._subscriptions = MongoSubscriptions(self._databases, sealing=self._membership.sealing)
        self._contexts = MongoContexts(self._databases.main["contexts"])
        own = (settings.public_url, f"http://127.0.0.1:{settings.port}", f"http://localhost:{settings.port}")
        self._library = Library(self._contexts, self._clock, Fetcher(), read_context, own, self._is_shared)
        self._loader = Loader(self._library, _CORE)
        self._http, mqtt = HttpSink(tls=tls), MqttSink(tls=tls)
        self._sinks: dict[str, Sink] = {"http": self._http, "https": self._http, "mqtt": mqtt, "mqtts": mqtt}
        self._notifications = Notifications(
            store=self._subscriptions,
            outbox=self._outbox,
            loader=self._loader,
            clock=self._clock,
            sinks=self._sinks,
            give_up_after=settings.retry_for,
            is_shared=self._is_shared,
        )
        self._federation = self._federate()

    async def start(self) -> gateway.Asgi:
        """Wait for MongoDB, take up what a former process left, and return what answers requests."""
        write_concern = await self._wait_for_mongo()
        await self._tenants.ensure("")
        await self._presence.start()
        self._entities = MongoEntities(
            self._databases,
            outbox=self._outbox,
            notifier=self._notifications,
            presence=self._presence,
            clock=self._clock,
            write_concern=write_concern,
            history=self._settings.history,
        )
        history = MongoHistory(self._databases, write_concern)
        ports = self._ports(history)
        self._membership.start(ports)
        self._notifications.attach(ports)
        await self._notifications.start(await self._tenants.all())
        await self._federation.start()
        self._workers = [asyncio.create_task(work) for work in self._works(ports, history)]
        return self._gateway(ports)

    def _federate(self) -> FederationSide:
        federation = FederationSide(
            self._settings,
            self._databases,
            tenants=self._tenants,
            loader=self._loader,
            clock=self._clock,
            sinks=self._sinks,
            presence=self._presence,
            membership=self._membership,
        )
        federation.pass_subscriptions_on(self._subscriptions, self._outbox, self._notifications)
        return federation

    def _ports(self, history: MongoHistory) -> Ports:
        snapshots = MongoSnapshots(self._databases, self._membership.sealing)
        return Ports(
            entities=self._entities,
            tenants=self._tenants,
            subscriptions=self._subscriptions,
            contexts=self._contexts,
            loader=self._loader,
            clock=self._clock,
            notifier=self._notifications,
            history=history,
            temporal_page=self._settings.temporal_page,
            max_batch=self._settings.max_batch,
            federation=self._federation.ports,
            entity_maps=MongoEntityMaps(self._databases),
            snapshots=Snapshots(snapshots, self._background.start, self._http.send),
        )

    def _works(self, ports: Ports, history: MongoHistory) -> tuple[Coroutine[Any, Any, None], ...]:
        """What goes on for as long as the process lives."""
        return (
            expire(ports),
            Intervals(self._notifications, ports, self._subscriptions, self._clock).run(),
            compact(history, self._tenants, self._clock),
            retain(history, self._tenants, self._clock, self._settings.retention),
            self._membership.run(),
        )

    def _gateway(self, ports: Ports) -> gateway.Asgi:
        settings, membership = self._settings, self._membership
        return gateway.build(
            ports,
            health=self._health,
            deliveries=partial(list_deliveries, ports, self._subscriptions, self._outbox),
            indexes=IndexOperations(ports, MongoIndexes(self._databases)),
            public_url=settings.public_url,
            max_body=settings.max_body,
            origins=settings.cors_origins,
            joining=Joining(membership.membership, membership.changed, Door(membership.guard, settings.open_to)),
        )

    def _is_shared(self) -> bool:
        """Whether other broker processes work on the same database."""
        return self._presence.shared

    async def stop(self, patience: float) -> None:
        """End the workers, within so many seconds; what is not delivered stays in the outbox for the next process."""
        for worker in self._workers:
            worker.cancel()
        try:
            async with asyncio.timeout(patience):
                await self._close()
        except (DatabaseError, NgsiLdError, TimeoutError) as error:
            # Nothing is lost by it: counts, and who is here.
            _log.warning("ended without the database", reason=type(error).__name__)

    async def _close(self) -> None:
        await self._background.close()
        await self._federation.close()
        await self._notifications.close()
        await self._entities.close()
        await self._outbox.close()
        await self._library.close()
        await self._presence.stop()
        await self._databases.client.close()

    async def _wait_for_mongo(self) -> dict[str, Any]:
        deadline = time.monotonic() + self._settings.wait_for_mongo
        while True:
            try:
                concern = await self._databases.write_concern()
                _log.info("database reached", version=await self._databases.version())
            except DatabaseError as error:
                if time.monotonic() > deadline:
                    raise
                _log.warning("waiting for the database", reason=type(error).__name__)
                await asyncio.sleep(0.5)
            else:
                return concern

    async def _health(self) -> dict[str, Any]:
        """The state of what the broker depends on."""
        try:
            async with asyncio.timeout(2):
                mongodb = {"status": "ok", "version": await self._databases.version()}
        except (DatabaseError, TimeoutError) as error:
            mongodb = {"status": "unreachable", "reason": type(error).__name__}
        others = len(self._presence.living) - 1
        return {"status": mongodb["status"], "alias": self._settings.alias, "mongodb": mongodb, "otherBrokers": others}
