"""Devices that ask for values of their entity (`configuration/commands`), and are answered over MQTT."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

import orjson

from agents.core.errors import BrokerUnavailable
from agents.core.model import Device, Uplink
from agents.networks import ultralight
from agents.operations.courier import Publisher
from agents.operations.tally import Tally

WAITING = 1_000
"""Questions under way; further ones go unanswered, and the device asks again."""
_FIELDS = 100


class EntityReader(Protocol):
    """Reads entities of the context broker."""

    async def values(self, device: Device, names: list[str]) -> Mapping[str, Any]:
        """Simplified values of some attributes of the device's entity. Raises BrokerUnavailable."""
        ...


class Questions:
    """Answers one question after the other."""

    def __init__(self, reader: EntityReader, publisher: Publisher, tally: Tally) -> None:
        self._reader = reader
        self._publisher = publisher
        self._tally = tally
        self._waiting: asyncio.Queue[tuple[Device, Uplink]] = asyncio.Queue(WAITING)

    def ask(self, device: Device, uplink: Uplink) -> None:
        """A device asks."""
        try:
            self._waiting.put_nowait((device, uplink))
        except asyncio.QueueFull:
            self._tally.count("questions_dropped")

    async def run(self) -> None:
        """Answer until cancelled."""
        while True:
            device, uplink = await self._waiting.get()
            try:
                await self._answer(device, uplink)
            except BrokerUnavailable:
                self._tally.count("questions_dropped")

    async def _answer(self, device: Device, uplink: Uplink) -> None:
        fields = (uplink.decoded or {}).get("fields")
        names = [each for each in fields if isinstance(each, str)][:_FIELDS] if isinstance(fields, list) else []
        if not names or device.provisioned is None or device.api_key is None:
            return
        values = dict(await self._reader.values(device, names))
        values["dt"] = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
        topic = f"/{device.api_key}/{device.provisioned.device_id}/configuration/values"
        if uplink.network == ultralight.NETWORK:
            payload = ultralight.command(device.provisioned.device_id, "configuration", values).encode()
        else:
            payload = orjson.dumps(values)
        if await self._publisher.publish(topic, payload, qos=1, retain=False):
            self._tally.count("questions_answered")
