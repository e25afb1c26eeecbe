"""From messages in the spool to entities in the broker, step by step. Nothing a message holds stops the stream."""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agents.core.errors import AgentError, Rejected, UnknownDevice, UnusableReading
from agents.core.instant import plausible
from agents.core.measured import utc
from agents.core.model import Device, DeviceModel, Instant, Uplink
from agents.operations import clock
from agents.operations.backlog import Backlog
from agents.operations.devices import Devices
from agents.operations.interpret import Interpreter
from agents.operations.item import Item, Observer
from agents.operations.ports import IDENTITY_BYTES, Codecs, Message, Rejection
from agents.operations.read import uplinks
from agents.operations.storage import Storage, Write
from agents.operations.tally import Tally

BATCH = 1_000
"""Messages taken at once; the batch grows by itself while the broker is busy with the one before."""
SHOWN = 1_024
"""Bytes of a rejected payload that an operator is shown."""
_DETAIL = 1_000
_TOPIC = 1_024


@dataclass(frozen=True, slots=True)
class _Batch:
    """Messages taken together, ready to be stored."""

    messages: Sequence[Message]
    items: Sequence[Item]
    identities: Sequence[bytes | None]
    """Of the items, in their order."""
    rejected: list[Rejection]


class Ingest:
    """The pipeline between the spool and the context broker."""

    def __init__(
        self,
        backlog: Backlog,
        devices: Devices,
        codecs: Codecs,
        storage: Storage,
        tally: Tally,
        observer: Observer,
        *,
        now: Callable[[], Instant] = clock.now,
    ) -> None:
        self._backlog = backlog
        self._devices = devices
        self._interpreter = Interpreter(devices, codecs, tally, now)
        self._storage = storage
        self._tally = tally
        self._observer = observer
        self._now = now
        self._in_flight: set[bytes | None] = set()

    async def run(self) -> None:
        """Process messages until cancelled; each leaves the spool once it is stored or rejected.

        While a batch is on its way to the broker the next one is read, decoded and mapped.
        """
        storing: asyncio.Task[None] | None = None
        under_way: list[Message] = []
        try:
            while True:
                messages = await self._backlog.take(BATCH)
                under_way += messages
                batch = await self._prepare(messages)
                if storing is not None:
                    await storing
                    del under_way[: -len(messages)]
                storing = asyncio.create_task(self._finish(batch))
        except BaseException:
            if storing is not None:
                storing.cancel()
                await asyncio.gather(storing, return_exceptions=True)
            self._in_flight.clear()
            self._storage.forget()
            self._backlog.retake(under_way)
            raise

    async def process(self, messages: Sequence[Message]) -> None:
        """Take messages, the last ones taken from the spool, through all the steps."""
        await self._finish(await self._prepare(messages))

    async def _prepare(self, messages: Sequence[Message]) -> _Batch:
        rejected: list[Rejection] = []
        items = self._read(messages, rejected)
        fresh, identities = self._without_repetitions(items)
        await self._interpreter.decode(fresh)
        self._interpreter.translate(fresh)
        return _Batch(messages, fresh, identities, rejected)

    async def _finish(self, batch: _Batch) -> None:
        await self._store(batch.items)
        for item in batch.items:
            if item.error is not None:
                batch.rejected.append(self._rejection(item.message, item.error, item))
        pairs = zip(batch.items, batch.identities, strict=True)
        stored = [identity for item, identity in pairs if identity and not item.error]
        await self._backlog.settle(batch.messages, stored, batch.rejected)
        self._in_flight.difference_update(batch.identities)
        for item in batch.items:
            self._observer.observe(item)

    def _read(self, messages: Sequence[Message], rejected: list[Rejection]) -> list[Item]:
        items: list[Item] = []
        for message in messages:
            uplink: Uplink | None = None
            try:
                for uplink in uplinks(message, self._tally):
                    items.append(self._item(message, uplink))
            except Rejected as error:
                rejected.append(self._rejection(message, error, None if uplink is None else uplink.device_id))
        return items

    def _item(self, message: Message, uplink: Uplink) -> Item:
        device = self._devices.find(uplink)
        if device is None:
            self._devices.note_unknown(uplink.device_id)
            raise UnknownDevice("register the device with POST /devices")
        model = self._devices.models[device.model]
        if uplink.api_key is not None:
            _check_json_device(uplink, device, model)
        said = uplink.time
        if said is not None and uplink.local and device.provisioned is not None:
            said = utc(said, device.provisioned)
        return Item(message, uplink, device, model, plausible(said, message.at, self._now()))

    def _without_repetitions(self, items: list[Item]) -> tuple[list[Item], list[bytes | None]]:
        fresh: list[Item] = []
        identities: list[bytes | None] = []
        for item in items:
            identity = _identity(item)
            if identity is not None:
                if identity in self._in_flight or self._backlog.known(identity):
                    self._tally.count("repeated")
                    continue
                self._in_flight.add(identity)
            fresh.append(item)
            identities.append(identity)
        return fresh, identities

    async def _store(self, items: Sequence[Item]) -> None:
        told = [(item, entity) for item in items for entity in item.entities]
        writes = [Write(entity, item.device.tenant, item.message.doubtful) for item, entity in told]
        refused = await self._storage.store(writes)
        for n, reason in refused.items():
            told[n][0].error = _RefusedByBroker(reason)
        for item in items:
            if item.error is None:
                if item.introduces:
                    self._devices.introduced(item.device)
                self._tally.count("stored")

    def _rejection(self, message: Message, error: AgentError, of: Item | str | None) -> Rejection:
        self._tally.count(f"rejected_{error.reason}")
        item = of if isinstance(of, Item) else None
        # What decoded well and only fits no attribute may be a device's configuration, keys included.
        shown = b"" if isinstance(error, UnusableReading) else (item and item.uplink.payload) or message.payload
        return Rejection(
            id=message.seq,
            at=message.at,
            topic=message.topic[:_TOPIC],
            payload=message.payload,
            device_id=item.device.id if item else of if isinstance(of, str) else None,
            reason=error.reason,
            detail=error.detail[:_DETAIL],
            shown=shown[:SHOWN],
        )


def _check_json_device(uplink: Uplink, device: Device, model: DeviceModel) -> None:
    """A LoRaWAN device proved itself to its network server, a JSON device does it by its key alone."""
    if model.codec is not None:
        raise UnknownDevice("this device speaks through its network server, not in JSON")
    if device.api_key is not None and uplink.api_key != device.api_key:
        raise UnknownDevice("the API key in the topic is not the one the device was registered with")


def _identity(item: Item) -> bytes | None:
    """A digest of what the same uplink delivered twice has in common; `None` where it cannot be told."""
    uplink = item.uplink
    identity: object = uplink.identity
    if identity is None:
        if uplink.time is None:
            return None
        # Saved with its time by the device: the same words about the same instant are the same measure.
        identity = (uplink.device_id, uplink.time, sorted(uplink.decoded.items()) if uplink.decoded else uplink.payload)
    return hashlib.blake2b(repr(identity).encode(), digest_size=IDENTITY_BYTES).digest()


class _RefusedByBroker(AgentError):
    reason = "broker"
