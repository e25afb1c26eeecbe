"""From deliveries to entities in the broker, step by step. Nothing a message holds stops the stream."""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from agents.codecs.sandbox import CodecCall, Decoded
from agents.core.errors import AgentError, MalformedMessage, Rejected, UnknownDevice, UnusableReading
from agents.core.model import Device, DeviceModel, Instant, Reading, Uplink
from agents.core.topics import EventTopic, parse_topic
from agents.core.translate import translate
from agents.networks import chirpstack, json_measures
from agents.operations.devices import Devices
from agents.operations.forward import Forwarder
from agents.operations.ports import Codecs, Delivery, Source
from agents.operations.tally import Tally

BATCH = 1_000
"""Deliveries taken at once; the batch grows by itself while the broker is busy with the one before."""
REMEMBERED = 50_000
"""Uplinks whose repetition is recognized: at 1,500 a second, half a minute's worth."""
PAYLOAD_LIMIT = 262_144
"""Bytes of a message; ChirpStack events take some 2 KB, a thousand saved-up measures some 100 KB."""
_FUTURE = 86_400 * 1_000_000  # µs a device's clock may be ahead; beyond, the time of arrival holds
_EARLIEST = 946_684_800 * 1_000_000  # µs, the year 2000: a clock that was never set


@dataclass(slots=True)
class Item:
    """One uplink on its way through the steps."""

    delivery: Delivery
    uplink: Uplink
    device: Device
    model: DeviceModel
    time: Instant
    measures: Mapping[str, Any] | None = None
    entity: dict[str, Any] | None = None


def _now() -> Instant:
    return time.time_ns() // 1000


class Ingest:
    """The pipeline between a source of messages and the context broker."""

    def __init__(
        self,
        devices: Devices,
        codecs: Codecs,
        forwarder: Forwarder,
        tally: Tally,
        *,
        now: Callable[[], Instant] = _now,
    ) -> None:
        self._devices = devices
        self._codecs = codecs
        self._forwarder = forwarder
        self._tally = tally
        self._now = now
        self._seen: OrderedDict[object, None] = OrderedDict()

    async def run(self, source: Source) -> None:
        """Process deliveries until cancelled; each is acknowledged once it is stored or rejected."""
        while True:
            deliveries = await source.take(BATCH)
            await self.process(deliveries)
            source.acknowledge(deliveries)

    async def process(self, deliveries: Sequence[Delivery]) -> None:
        """Take deliveries through all the steps."""
        self._tally.count("messages", len(deliveries))
        items = self._read(deliveries)
        items = self._without_repetitions(items)
        items = await self._decode(items)
        items = self._translate(items)
        items = await self._store(items)
        self._remember(items)

    def _read(self, deliveries: Sequence[Delivery]) -> list[Item]:
        items: list[Item] = []
        for delivery in deliveries:
            device_id: str | None = None
            try:
                for uplink in self._uplinks(delivery):
                    device_id = uplink.device_id
                    items.append(self._item(delivery, uplink))
            except Rejected as error:
                self._tally.reject(delivery.topic, delivery.payload, error, device_id)
        return items

    def _uplinks(self, delivery: Delivery) -> Sequence[Uplink]:
        if len(delivery.payload) > PAYLOAD_LIMIT:
            raise MalformedMessage(f"a message has at most {PAYLOAD_LIMIT} bytes")
        topic = parse_topic(delivery.topic)
        if topic is None:
            raise MalformedMessage("no topic of measures")
        if not isinstance(topic, EventTopic):
            return json_measures.uplinks(topic, delivery.payload)
        try:
            message = orjson.loads(delivery.payload)
        except orjson.JSONDecodeError:
            raise MalformedMessage("not JSON: set ChirpStack's MQTT integration to JSON, not Protobuf") from None
        uplink = chirpstack.uplink(topic, message)
        self._tally.count(f"chirpstack_{topic.event}")
        return () if uplink is None else (uplink,)

    def _item(self, delivery: Delivery, uplink: Uplink) -> Item:
        device = self._devices.get(uplink.device_id)
        if device is None:
            self._devices.note_unknown(uplink.device_id)
            raise UnknownDevice("register the device with POST /devices")
        model = self._devices.models[device.model]
        if uplink.network == json_measures.NETWORK:
            _check_json_device(uplink, device, model)
        return Item(delivery, uplink, device, model, self._time(uplink))

    def _time(self, uplink: Uplink) -> Instant:
        now = self._now()
        said = uplink.time
        return said if said is not None and _EARLIEST <= said <= now + _FUTURE else now

    def _without_repetitions(self, items: list[Item]) -> list[Item]:
        fresh: list[Item] = []
        batch: set[object] = set()
        for item in items:
            identity = item.uplink.identity
            if identity is not None and (identity in self._seen or identity in batch):
                self._tally.count("repeated")
                continue
            batch.add(identity)
            fresh.append(item)
        return fresh

    async def _decode(self, items: list[Item]) -> list[Item]:
        waiting: list[Item] = []
        for item in items:
            # Our own codec knows what the mapping expects; a network server's object may have other names.
            if item.model.codec is not None and item.uplink.payload:
                waiting.append(item)
            else:
                item.measures = item.uplink.decoded or {}
        calls = [CodecCall(i.model.id, i.uplink.payload, i.uplink.f_port, i.time) for i in waiting]
        for item, result in zip(waiting, await self._codecs.decode(calls) if calls else (), strict=True):
            if isinstance(result, Decoded):
                item.measures = result.data
                self._tally.count("codec_warnings", len(result.warnings))
            else:
                self._reject(item, result)
        return [item for item in items if item.measures is not None]

    def _translate(self, items: list[Item]) -> list[Item]:
        introduced: set[str] = set()
        for item in items:
            device = item.device
            introduce = device.id not in introduced and self._devices.needs_introduction(device)
            try:
                reading = Reading(device.id, item.measures or {}, item.time)
                item.entity = translate(reading, device, item.model, introduce=introduce)
                introduced.add(device.id)
            except Rejected as error:
                self._reject(item, error)
        return [item for item in items if item.entity is not None]

    async def _store(self, items: list[Item]) -> list[Item]:
        for together in _rounds(items):
            refused = await self._forwarder.store([item.entity for item in together if item.entity is not None])
            for item in together:
                reason = refused.get(item.device.entity_id)
                if reason is not None:
                    self._reject(item, _RefusedByBroker(reason))
                else:
                    self._devices.introduced(item.device)
                    self._tally.count("stored")
        return items

    def _remember(self, items: list[Item]) -> None:
        for item in items:
            identity = item.uplink.identity
            if identity is not None:
                self._seen[identity] = None
        while len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)

    def _reject(self, item: Item, error: AgentError) -> None:
        # What decoded well and only fits no attribute may be a device's configuration, keys included.
        readable = isinstance(error, UnusableReading)
        payload = b"" if readable else item.uplink.payload or item.delivery.payload
        self._tally.reject(item.delivery.topic, payload, error, item.device.id)


def _check_json_device(uplink: Uplink, device: Device, model: DeviceModel) -> None:
    """A LoRaWAN device proved itself to its network server, a JSON device does it by its key alone."""
    if model.codec is not None:
        raise UnknownDevice("this device speaks through its network server, not in JSON")
    if device.api_key is not None and uplink.api_key != device.api_key:
        raise UnknownDevice("the API key in the topic is not the one the device was registered with")


class _RefusedByBroker(AgentError):  # noqa: N818  named after what happened
    reason = "broker"


def _rounds(items: Sequence[Item]) -> list[list[Item]]:
    """Split so that each round holds an entity once, in the order of arrival: no state is lost from its history."""
    rounds: list[list[Item]] = []
    occurrences: dict[str, int] = {}
    for item in items:
        number = occurrences.get(item.device.entity_id, 0)
        occurrences[item.device.entity_id] = number + 1
        if number == len(rounds):
            rounds.append([])
        rounds[number].append(item)
    return rounds
