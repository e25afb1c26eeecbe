"""Puts the parts together: one object that runs the pipeline, one FastAPI application around it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import structlog
from fastapi import FastAPI

from agents.adapters.mqtt import MqttSource, parse_address
from agents.adapters.ngsild import NgsiLdBroker
from agents.codecs.registry import bundled_models
from agents.codecs.sandbox import CodecSandbox
from agents.core.errors import StoreUnavailable
from agents.http.api import add_routes
from agents.operations.backoff import Backoff
from agents.operations.devices import Devices
from agents.operations.forward import Forwarder
from agents.operations.ingest import Ingest
from agents.operations.status import Status
from agents.operations.tally import Tally
from agents.settings import Settings

if TYPE_CHECKING:
    from agents.adapters.mongo.devices import MongoDevices

_log = structlog.get_logger("agents")


class Agents:
    """Everything that lives as long as the process."""

    def __init__(self, settings: Settings) -> None:
        models = bundled_models()
        self._store = _store(settings.mongo_url)
        self.devices = Devices(models, self._store)
        self.tally = Tally()
        self._sandbox = CodecSandbox({name: model.codec for name, model in models.items() if model.codec})
        self._broker = NgsiLdBroker(settings.broker_url, tenant=settings.tenant)
        self._source = MqttSource(
            parse_address(settings.mqtt_url),
            client_id=settings.mqtt_client_id,
            on_change=lambda event, detail: _log.info(event, detail=detail),
        )
        forwarder = Forwarder(
            self._broker,
            self.tally,
            on_unavailable=lambda detail: _log.warning("broker_unavailable", detail=detail),
        )
        self._ingest = Ingest(self.devices, self._sandbox, forwarder, self.tally)
        self._ready = False
        self.status = Status(
            mqtt_connected=lambda: self._source.connected,
            codec_restarts=lambda: self._sandbox.restarts,
            ready=lambda: self._ready,
        )

    async def run(self) -> None:
        """Work until cancelled. Messages wait at the MQTT broker until the registrations are loaded."""
        await self._load()
        self._ready = True
        while True:
            try:
                await self._ingest.run(self._source)
            except Exception:
                # A flaw of ours: the unacknowledged come again over a new connection, and the stream goes on.
                _log.exception("pipeline_failed")
                self.tally.count("pipeline_failures")
                await self._source.close()
                await asyncio.sleep(1)

    async def close(self) -> None:
        """End connections and the codec worker."""
        await self._source.close()
        await self._sandbox.close()
        await self._broker.close()
        if self._store is not None:
            await self._store.close()

    async def _load(self) -> None:
        backoff = Backoff()
        while True:
            try:
                for problem in await self.devices.load():
                    _log.warning("registration_unusable", detail=problem)
                return
            except StoreUnavailable as away:
                _log.warning("store_unavailable", detail=away.detail)
                await asyncio.sleep(backoff.next())


def create_app(settings: Settings) -> FastAPI:
    """The HTTP application; the pipeline runs from its start to its end."""
    agents = Agents(settings)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        work = asyncio.create_task(agents.run())
        _log.info("started", devices=len(agents.devices))
        yield
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work
        await agents.close()
        _log.info("stopped")

    app = FastAPI(title="ECLOR IoT agents", lifespan=lifespan)
    add_routes(app, agents.devices, agents.tally, agents.status)
    return app


def _store(url: str | None) -> "MongoDevices | None":
    if url is None:
        return None
    from agents.adapters.mongo.devices import MongoDevices  # noqa: PLC0415  its 15 MB only where MongoDB is named

    return MongoDevices(url)
