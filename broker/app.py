"""The composition root: builds the adapters, puts them behind the ports, and serves.

The only place that knows which adapter stands behind which port.
"""

import asyncio
import gc
import logging
import signal
import socket
import sys
import time
from contextlib import suppress
from functools import partial
from typing import Any, TextIO, cast

import structlog
import uvicorn

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
from broker.adapters.tls import UntrustedFileError, trusting
from broker.core.model.errors import NgsiLdError
from broker.federation import FederationSide
from broker.http import gateway
from broker.http.connection import Connection
from broker.http.federation import Joining
from broker.http.guarded import Door
from broker.http.server import Server
from broker.membership import MembershipSide
from broker.operations.deliveries import list_deliveries
from broker.operations.indexes import IndexOperations
from broker.operations.notify import Sink
from broker.operations.ports import Ports
from broker.operations.snapshot_ports import Snapshots
from broker.settings import Settings
from broker.workers.adoption import adopt
from broker.workers.background import Background
from broker.workers.compaction import compact
from broker.workers.expiry import expire
from broker.workers.intervals import Intervals
from broker.workers.notifications import Notifications
from broker.workers.retention import retain
from schemas import read_context

_log = structlog.get_logger("eclor.broker")

_STOP = 5.0
"""Seconds for the last writes at the end; with the graceful shutdown before it, what container engines wait."""
_STOP_ORPHANED = 1.0
_CANCEL_AGAIN = 0.1
_CORE = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.9.jsonld"


class App:
    """One broker process: its adapters, its workers, and the ASGI callable that serves it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._databases = Databases(connect(settings.mongo_url), settings.database)
        self._clock = SystemClock()
        self._presence = Presence(self._databases)
        self._tenants = MongoTenants(self._databases)
        self._outbox = MongoOutbox(self._databases, self._presence, self._tenants)
        self._background = Background()
        self._workers: list[asyncio.Task[None]] = []

    async def start(self) -> gateway.Asgi:
        """Wait for MongoDB, take up what a former process left, and return what answers requests."""
        settings = self._settings
        write_concern = await self._wait_for_mongo()
        await self._tenants.ensure("")
        await self._presence.start()
        contexts = MongoContexts(self._databases.main["contexts"])
        own = (settings.public_url, f"http://127.0.0.1:{settings.port}", f"http://localhost:{settings.port}")
        self._library = Library(contexts, self._clock, Fetcher(), read_context, own, lambda: self._presence.shared)
        loader = Loader(self._library, _CORE)
        tls = trusting(settings.trusted_ca)
        membership = MembershipSide(settings, self._databases, tls)
        subscriptions = MongoSubscriptions(self._databases, sealing=membership.sealing)
        http, mqtt = HttpSink(tls=tls), MqttSink(tls=tls)
        sinks: dict[str, Sink] = {"http": http, "https": http, "mqtt": mqtt, "mqtts": mqtt}
        self._notifications = Notifications(
            store=subscriptions,
            outbox=self._outbox,
            loader=loader,
            clock=self._clock,
            sinks=sinks,
            give_up_after=settings.retry_for,
            is_shared=lambda: self._presence.shared,
        )
        self._entities = MongoEntities(
            self._databases,
            outbox=self._outbox,
            notifier=self._notifications,
            presence=self._presence,
            clock=self._clock,
            write_concern=write_concern,
            history=settings.history,
        )
        history = MongoHistory(self._databases, write_concern)
        self._federation = FederationSide(
            settings,
            self._databases,
            tenants=self._tenants,
            loader=loader,
            clock=self._clock,
            sinks=sinks,
            presence=self._presence,
            membership=membership,
        )
        self._federation.pass_subscriptions_on(subscriptions, self._outbox, self._notifications)
        ports = Ports(
            entities=self._entities,
            tenants=self._tenants,
            subscriptions=subscriptions,
            contexts=contexts,
            loader=loader,
            clock=self._clock,
            notifier=self._notifications,
            history=history,
            temporal_page=settings.temporal_page,
            max_batch=settings.max_batch,
            federation=self._federation.ports,
            entity_maps=MongoEntityMaps(self._databases),
            snapshots=Snapshots(MongoSnapshots(self._databases, membership.sealing), self._background.start, http.send),
        )
        membership.start(ports)
        self._notifications.attach(ports)
        await self._notifications.start(await self._tenants.all())
        await self._federation.start()
        intervals = Intervals(self._notifications, ports, subscriptions, self._clock)
        works = (
            expire(ports),
            intervals.run(),
            adopt(self._notifications.adopt),
            compact(history, self._tenants, self._clock),
            retain(history, self._tenants, self._clock, settings.retention),
            membership.run(),
        )
        self._workers = [asyncio.create_task(work) for work in works]
        return gateway.build(
            ports,
            health=self._health,
            deliveries=partial(list_deliveries, ports, subscriptions, self._outbox),
            indexes=IndexOperations(ports, MongoIndexes(self._databases)),
            public_url=settings.public_url,
            max_body=settings.max_body,
            origins=settings.cors_origins,
            joining=Joining(membership.membership, membership.changed, Door(membership.guard, settings.open_to)),
        )

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


def serve(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; the exit status."""
    _configure_logs(settings.log_level)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return runner.run(_serve(settings))
    except DatabaseError as error:
        _log.error("no database", reason=str(error)[:300], remedy="Start MongoDB, or name it with --mongo-url.")
        return 3
    except UntrustedFileError as error:
        _log.error("no certificate authorities", reason=str(error), remedy="Name another file with --trusted-ca.")
        return 2


async def _serve(settings: Settings) -> int:
    app = App(settings)
    # Next to nothing of what is loaded is garbage, and looking for it stops everything for tenths of a second.
    gc.disable()
    asgi = await app.start()
    # Half a million objects of contexts and libraries live for ever: let the collector pass over them.
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    gc.enable()
    config = uvicorn.Config(
        asgi,
        http=Connection,
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=5,
        backlog=2048,
    )
    server = Server(config)
    for stop in (signal.SIGTERM, signal.SIGINT):
        # uvicorn raises the signal again once it has shut down: it must find a handler, or we'd die before our own end.
        asyncio.get_running_loop().add_signal_handler(stop, lambda: None)
    listening = _listen(settings)
    _log.info("serving", url=settings.public_url, host=settings.host, port=settings.port)
    try:
        await server.serve(sockets=[listening])
    finally:
        await app.stop(_STOP_ORPHANED if server.is_orphaned else _STOP)
        await _end_tasks()
    return 0


async def _end_tasks() -> None:
    """Cancel what still runs until it has ended: while the database is away, the driver may swallow a cancellation."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    while others:
        for task in others:
            task.cancel()
        _, others = await asyncio.wait(others, timeout=_CANCEL_AGAIN)


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if settings.reuse_port:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listening.bind((settings.host, settings.port))
    listening.setblocking(False)
    return listening


def _loop_factory() -> Any:
    try:
        import uvloop  # noqa: PLC0415  # there is none for Windows
    except ImportError:
        return None
    return uvloop.new_event_loop


class _Unfailing:
    """A stream that may have lost its reader: to have said something in vain must not fail what said it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        """Write, if somebody is there."""
        with suppress(OSError, ValueError):
            self._stream.write(text)

    def flush(self) -> None:
        """Flush, if somebody is there."""
        with suppress(OSError, ValueError):
            self._stream.flush()


def _configure_logs(level: str) -> None:
    """One JSON object a line on standard error; libraries' warnings in the same form."""
    number = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    stamps = structlog.processors.TimeStamper(fmt="iso", utc=True)
    shared: list[Any] = [structlog.stdlib.add_log_level, stamps]
    structlog.configure(
        processors=[*shared, structlog.processors.format_exc_info, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _Unfailing(sys.stderr))),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=max(number, logging.WARNING))
