"""Puts the parts together: one object that runs the pipeline, one FastAPI application around it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING
from urllib.parse import quote

import structlog
from fastapi import FastAPI

from agents.adapters.mqtt import MqttSource, parse_address
from agents.adapters.ngsild import NgsiLdBroker
from agents.adapters.ngsild_commands import HttpPoster, NgsiLdCommands
from agents.adapters.spool import SqliteSpool
from agents.codecs.registry import bundled_models, models_at, sources
from agents.codecs.sandbox import CodecSandbox
from agents.codecs.watch import CatalogueWatch
from agents.core.errors import InvalidDescription, StoreUnavailable
from agents.core.provisioned import MODEL
from agents.http.administration import LogLevel, add_administration
from agents.http.api import add_routes
from agents.http.guard import Guard, broker_credential
from agents.http.iot_commands import NOTIFY, add_commands
from agents.http.iot_lazy import add_lazy
from agents.http.iot_provisioning import add_provisioning
from agents.http.iot_south import South
from agents.http.lorawan import add_lorawan_routes
from agents.http.supervision import add_supervision
from agents.http.tokens import Tokens, is_loopback
from agents.operations.backlog import Backlog
from agents.operations.backoff import Backoff
from agents.operations.devices import Devices
from agents.operations.fellow_agents import follow
from agents.operations.forward import Forwarder
from agents.operations.ingest import Ingest
from agents.operations.intake import Intake
from agents.operations.iot import READABLE, Iot, Outside
from agents.operations.network_server import NetworkSource, Publishers
from agents.operations.observation import Observation
from agents.operations.provisioned_devices import CORE_CONTEXT
from agents.operations.status import Status
from agents.operations.storage import Storage
from agents.operations.supervise import Supervision
from agents.operations.tally import Tally
from agents.operations.trace import Trace
from agents.settings import Settings

if TYPE_CHECKING:
    from agents.adapters.mongo.devices import MongoDevices
    from agents.adapters.mongo.provisioning import MongoProvisioning

_log = structlog.get_logger("agents")


class Agents:
    """Everything that lives as long as the process."""

    def __init__(self, settings: Settings) -> None:
        self._shares = settings.mqtt_share is not None
        self._catalogue = CatalogueWatch(settings.codecs_dir)
        models = {**models_at(settings.codecs_dir), MODEL: READABLE}
        self._store = _store(settings.mongo_url)
        self.devices = Devices(models, self._store)
        self.tally = Tally()
        self._sandbox = CodecSandbox(sources(models))
        self._broker = NgsiLdBroker(settings.broker_url, tenant=settings.tenant)
        share = f"$share/{settings.mqtt_share}/" if settings.mqtt_share else ""
        self._source = MqttSource(
            parse_address(settings.mqtt_url),
            # Results of commands go to every agent: one of them knows the command.
            topics=[topic if topic.endswith("/cmdexe") else share + topic for topic in settings.mqtt_topics],
            client_id=settings.mqtt_client_id,
            on_change=lambda event, detail: _log.info(event, detail=detail),
            on_lost=lambda: self.tally.count("lost_qos0"),
        )
        self._network = _network_server(settings, share, on_lost=lambda: self.tally.count("lost_qos0"))
        forwarder = Forwarder(
            self._broker,
            self.tally,
            on_unavailable=lambda detail: _log.warning("broker_unavailable", detail=detail),
        )
        self._spool = SqliteSpool(settings.data_dir / "agents" / f"{quote(settings.mqtt_client_id, safe='')}.sqlite3")
        self.backlog = Backlog(self._spool, limit=settings.spool_mb << 20)
        self.devices.welcome = lambda names: self.backlog.replay(devices=names)
        self.intake = Intake(self.backlog, self.tally)
        self.observation = Observation(Supervision(self.devices, forwarder, self._spool, self.tally), Trace())
        storage = Storage(self._broker, forwarder, self.tally, alone=not self._shares)
        self._commanding_broker = NgsiLdCommands(settings.broker_url, tenant=settings.tenant)
        self._poster = HttpPoster()
        self._iot_store = _iot_store(settings.mongo_url)
        self.iot = self._make_iot(settings, storage)
        observer = self.iot.observer(self.observation)
        self._ingest = Ingest(self.backlog, self.devices, self._sandbox, storage, self.tally, observer)
        self._ready = False
        self.status = Status(
            mqtt_connected=lambda: self._source.connected and (self._network is None or self._network.connected),
            codec_restarts=lambda: self._sandbox.restarts,
            ready=lambda: self._ready,
            waiting=lambda: (self.backlog.count, self.backlog.size),
        )

    def _make_iot(self, settings: Settings, storage: Storage) -> Iot:
        outside = Outside(
            broker=self._commanding_broker,
            publisher=self._source if self._network is None else Publishers(self._source, self._network),
            poster=self._poster,
            encoder=self._sandbox,
            store=self._iot_store,
            notify_url=settings.provider_url.rstrip("/") + NOTIFY,
            provider_url=settings.provider_url.rstrip("/"),
            account=settings.thingpark_account,
            credential=broker_credential(settings.token),
        )
        return Iot(
            self.devices,
            storage,
            self.tally,
            outside,
            context=settings.iot_context or CORE_CONTEXT,
            welcome=lambda names: self.backlog.replay(devices=names),
            alone=not self._shares,
        )

    async def open(self) -> None:
        """Open the spool. Raises InvalidDescription where it cannot be used."""
        await self.backlog.open()
        await self.observation.supervision.load()
        self.iot.restore_routes(self.observation.supervision.routes())

    async def run(self) -> None:
        """Work until cancelled. Messages wait at the MQTT broker until the registrations are loaded."""
        await self._load()
        self._ready = True
        await asyncio.gather(
            self._kept_going(self._take_in, "intake_failed"),
            self._kept_going(self._take_in_of_network, "network_intake_failed"),
            self._kept_going(self._ingest.run, "pipeline_failed"),
            self._kept_going(self.iot.run, "commands_failed"),
            self._kept_going(self.observation.supervision.run, "supervision_failed"),
            self._kept_going(self._take_models, "catalogue_failed"),
            *([self._kept_going(self._follow, "following_failed")] if self._shares else ()),
        )

    async def _take_in(self) -> None:
        try:
            await self.intake.run(self._source)
        finally:
            # What is not acknowledged comes again over a new connection.
            await self._source.close()

    async def _take_in_of_network(self) -> None:
        if self._network is None:
            await asyncio.Event().wait()  # there is none, and nothing to do
            return
        try:
            await self.intake.run(NetworkSource(self._network))
        finally:
            await self._network.close()

    async def _take_models(self) -> None:
        async for found in self._catalogue.models():
            if isinstance(found, InvalidDescription):
                _log.warning("catalogue_unusable", detail=found.detail)
                continue
            # Those that came with the platform have a mapping and stay in force.
            self.devices.add_models({**found, **bundled_models()})
            self._sandbox.replace(sources(self.devices.models))
            _log.info("catalogue_read", models=len(found))

    async def _follow(self) -> None:
        await follow(
            [self.devices, self.iot.provisioning], lambda detail: _log.warning("store_unavailable", detail=detail)
        )

    async def _kept_going(self, work: Callable[[], Awaitable[None]], event: str) -> None:
        while True:
            try:
                await work()
            except Exception:
                # A flaw of ours: what was not done with is still in the spool, and the stream goes on.
                _log.exception(event)
                self.tally.count(event)
                await asyncio.sleep(1)

    async def close(self) -> None:
        """End connections and the codec worker."""
        await self.iot.close()
        await self._source.close()
        if self._network is not None:
            await self._network.close()
        await self._sandbox.close()
        await self._broker.close()
        await self._commanding_broker.close()
        await self._poster.close()
        await self._spool.close()
        for store in (self._store, self._iot_store):
            if store is not None:
                await store.close()

    async def _load(self) -> None:
        backoff = Backoff()
        while True:
            try:
                for problem in [*await self.devices.load(), *await self.iot.load()]:
                    _log.warning("registration_unusable", detail=problem)
                return
            except StoreUnavailable as away:
                _log.warning("store_unavailable", detail=away.detail)
                await asyncio.sleep(backoff.next())


def create_app(settings: Settings, log_level: LogLevel | None = None) -> FastAPI:
    """The HTTP application; the pipeline runs from its start to its end."""
    agents = Agents(settings)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await agents.open()
        work = asyncio.create_task(agents.run())
        _log.info("started", devices=len(agents.devices))
        yield
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work
        await agents.close()
        _log.info("stopped")

    app = FastAPI(title="ECLOR IoT agents", lifespan=lifespan)
    app.state.resources = lambda: agents.iot.provisioning.resources
    add_supervision(app, agents.devices, agents.backlog, agents.observation)
    add_provisioning(app, agents.iot.provisioning)
    add_commands(app, agents.iot.provisioning, agents.devices, agents.iot.commands)
    add_lazy(app, agents.iot.provisioning, agents.iot.lazy)
    South(agents.devices, agents.intake, agents.iot.commands, agents.status.ready).add(app)
    is_local = is_loopback(settings.host)
    tokens = Tokens(settings.lorawan_tokens, open_without=is_local)
    add_lorawan_routes(app, agents.intake, tokens)
    add_routes(app, agents.devices, agents.tally, agents.status)
    add_administration(app, agents.status, log_level or LogLevel(), settings.port)
    app.add_middleware(Guard, token=settings.token, open_without=is_local or settings.asks_nobody)
    if not (is_local or settings.token or settings.asks_nobody):
        _log.warning("provisioning_open", detail="whoever reaches this port can provision: set ECLOR_AGENTS_TOKEN")
    return app


def _network_server(settings: Settings, share: str, on_lost: Callable[[], None]) -> MqttSource | None:
    if settings.lorawan_mqtt_url is None:
        return None
    return MqttSource(
        parse_address(settings.lorawan_mqtt_url),
        topics=[share + topic for topic in settings.lorawan_topics],
        client_id=f"{settings.mqtt_client_id}-lorawan",
        on_change=lambda event, detail: _log.info(f"network_server_{event}", detail=detail),
        on_lost=on_lost,
    )


def _iot_store(url: str | None) -> "MongoProvisioning | None":
    if url is None:
        return None
    from agents.adapters.mongo.provisioning import MongoProvisioning  # noqa: PLC0415  as below

    return MongoProvisioning(url)


def _store(url: str | None) -> "MongoDevices | None":
    if url is None:
        return None
    from agents.adapters.mongo.devices import MongoDevices  # noqa: PLC0415  its 15 MB only where MongoDB is named

    return MongoDevices(url)
