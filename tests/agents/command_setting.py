"""Commands with everything around them in memory: the MQTT broker, devices' endpoints, codecs, the broker."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from agents.codecs.outcome import Encoded
from agents.core.errors import UndecodablePayload
from agents.core.model import Device
from agents.operations.commands import Commands
from agents.operations.courier import DeviceCourier
from agents.operations.provisioning import Provisioning
from agents.operations.storage import Write
from agents.operations.tally import Tally

HOUR = 3_600_000_000


class Reports:
    """What the broker is told of commands."""

    def __init__(self) -> None:
        self.writes: list[Write] = []

    async def store(self, writes: Sequence[Write]) -> dict[int, str]:
        self.writes += writes
        return {}

    def of(self, name: str = "switch") -> list[tuple[str, Any]]:
        told = [write.entity for write in self.writes if f"{name}_status" in write.entity]
        return [(each[f"{name}_status"]["value"], each[f"{name}_info"]["value"]) for each in told]


class World:
    """MQTT broker, devices' endpoints and codecs, all in memory."""

    def __init__(self) -> None:
        self.connected = True
        self.published: list[tuple[str, bytes]] = []
        self.posted: list[tuple[str, bytes, dict[str, str]]] = []
        self.answer: tuple[int, bytes] | None = (200, b"")

    async def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool) -> bool:
        if self.connected:
            self.published.append((topic, payload))
        return self.connected

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes] | None:
        self.posted.append((url, body, dict(headers)))
        return self.answer

    async def encode(self, codec: str, data: Mapping[str, Any], f_port: int | None) -> Encoded | UndecodablePayload:
        return Encoded(bytes([data["switch"]]), 7, [])


class Setting:
    """Commands with devices that clients provisioned."""

    def __init__(self, store: Any = None) -> None:
        self.now = 1_000 * HOUR
        self.world, self.reports = World(), Reports()
        self.provisioning = Provisioning()
        self.courier = DeviceCourier(self.world, self.world, self.world, lambda: self.now)
        storage: Any = self.reports
        self.commands = Commands(self.courier, storage, Tally(), self.provisioning.by_id, store, now=lambda: self.now)
        self._work: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._work = asyncio.create_task(self.commands.run())

    async def stop(self) -> None:
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)
        await self.commands.close()

    async def device(self, **document: Any) -> Device:
        given = {"device_id": "d1", "apikey": "k", "entity_type": "Lamp", "commands": [{"name": "switch"}], **document}
        return (await self.provisioning.add_devices([given], "openiot", "/"))[0]
