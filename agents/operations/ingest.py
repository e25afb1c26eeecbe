"""From messages in the spool to entities in the broker, step by step. Nothing a message holds stops the stream."""

import asyncio
import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from agents.codecs.outcome import Decoded
from agents.codecs.sandbox import CodecCall
from agents.core.errors import AgentError, Rejected, UnknownDevice, UnusableReading
from agents.core.instant import parse_instant
from agents.core.measured import utc
from agents.core.model import Device, DeviceModel, Instant, Reading, Uplink
from agents.core.translate import NORMALIZED, located
from agents.operations.backlog import Backlog
from agents.operations.devices import Devices
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
_FUTURE = 86_400 * 1_000_000  # µs a device's clock may be ahead; beyond, the time of arrival holds
_EARLIEST = 946_684_800 * 1_000_000  # µs, the year 2000: a clock that was never set


@dataclass(frozen=True, slots=True)
class _Batch:
    """Messages taken together, ready to be stored."""

    messages: Sequence[Message]
    items: Sequence[Item]
    identities: Sequence[bytes | None]
    """Of the items, in their order."""
    rejected: list[Rejection]


def _now() -> Instant:
    return time.time_ns() // 1000


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
        now: Callable[[], Instant] = _now,
    ) -> None:
        self._backlog = backlog
        self._devices = devices
        self._codecs = codecs
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
        await self._decode(fresh)
        self._translate(fresh)
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
        return Item(message, uplink, device, model, self._plausible(said, message.at))

    def _plausible(self, said: Instant | None, otherwise: Instant) -> Instant:
        """The time a device or network said, unless no clock that was set can have said so."""
        plausible = said is not None and _EARLIEST <= said <= self._now() + _FUTURE
        return said if plausible and said is not None else otherwise

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

    async def _decode(self, items: Sequence[Item]) -> None:
        waiting: list[Item] = []
        for item in items:
            # Our own codec knows what the mapping expects; a network server's object may have other names.
            if item.model.codec is not None and item.uplink.payload:
                waiting.append(item)
            else:
                item.measures = item.uplink.decoded or {}
        calls = [_call(each) for each in waiting]
        for item, result in zip(waiting, await self._codecs.decode(calls) if calls else (), strict=True):
            if isinstance(result, Decoded):
                item.measures, item.normalized = result.data, result.normalized
                self._tally.count("codec_warnings", len(result.warnings))
            else:
                item.error = result

    def _translate(self, items: Sequence[Item]) -> None:
        introduced: set[str] = set()
        for item in items:
            if item.error is not None:
                continue
            if item.uplink.kind == "network":
                item.entities = _found_by_network(item)
            if item.uplink.kind != "measures":
                continue
            device = item.device
            introduce = device.id not in introduced and self._devices.needs_introduction(device)
            try:
                entities = self._entities(item, introduce)
                _check_writable(entities)
                # What was said of lazy attributes alone is not stored, and takes nothing along.
                item.entities, item.introduces = entities, introduce and bool(entities)
                if entities:
                    introduced.add(device.id)
            except Rejected as error:
                item.error = error

    def _entities(self, item: Item, introduce: bool) -> list[dict[str, Any]]:
        made: list[dict[str, Any]] = []
        unusable: UnusableReading | None = None
        for reading in self._readings(item):
            first = introduce and not made
            try:
                made += self._devices.entities(item.uplink, reading, item.device, item.message.at, introduce=first)
            except UnusableReading as problem:
                unusable = problem
        if not made and unusable is not None:
            raise unusable
        return made

    def _readings(self, item: Item) -> list[Reading]:
        """What was measured, in order of time: now, and at other times where a device saved measurements up."""
        measures, name = item.measures or {}, item.device.id
        present: dict[str, Any] = {}
        found: list[Reading] = []
        for measurement in item.normalized:
            time = self._plausible(parse_instant(measurement.get("time")), item.time)
            if time == item.time:
                _complete(present, measurement)
            else:
                found.append(Reading(name, {NORMALIZED: measurement}, time))
        found.append(Reading(name, {**measures, NORMALIZED: present} if item.normalized else measures, item.time))
        return sorted(found, key=lambda each: each.time) if len(found) > 1 else found

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


def _call(item: Item) -> CodecCall:
    uplink, model = item.uplink, item.model
    normalized = model.normalized and item.device.provisioned is None
    return CodecCall(model.id, uplink.payload, uplink.f_port, item.time, model.variables, normalized)


def _complete(known: dict[str, Any], more: Mapping[str, Any]) -> None:
    """Add members that are not there yet, at every depth."""
    for name, value in more.items():
        if isinstance(value, Mapping):
            inner = known.setdefault(name, {})
            if isinstance(inner, dict):
                _complete(inner, value)
        else:
            known.setdefault(name, value)


def _found_by_network(item: Item) -> list[dict[str, Any]]:
    """The device's place as its network worked it out; none where the registration says where it stands."""
    found = (item.uplink.decoded or {}).get("location")
    device = item.device
    statics = device.static if device.provisioned is None else device.provisioned.statics
    if not isinstance(found, Mapping) or "location" in statics:
        return []
    entity = located(device, found, item.time)
    return [] if entity is None else [entity]


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


def _check_writable(entities: object) -> None:
    """What can be read as JSON can't always be written (nested 255 deep, half a character): nor sent to the broker."""
    try:
        # In the list of its batch, whose nesting counts as well.
        orjson.dumps([entities])
    except orjson.JSONEncodeError as problem:
        raise UnusableReading(f"the measures can't be passed on as JSON: {problem}") from None


class _RefusedByBroker(AgentError):
    reason = "broker"
