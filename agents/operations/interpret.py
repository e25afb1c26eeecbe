"""What uplinks say: payloads decoded by the codecs of their models, measures as entities."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from agents.codecs.outcome import Decoded
from agents.codecs.sandbox import CodecCall
from agents.core.errors import Rejected, UnusableReading
from agents.core.instant import parse_instant, plausible
from agents.core.model import Instant, Reading
from agents.core.translate import NORMALIZED, located
from agents.operations.devices import Devices
from agents.operations.item import Item
from agents.operations.ports import Codecs
from agents.operations.tally import Tally


class Interpreter:
    """Fills in items; one that cannot be read on is left with its error."""

    def __init__(self, devices: Devices, codecs: Codecs, tally: Tally, now: Callable[[], Instant]) -> None:
        self._devices = devices
        self._codecs = codecs
        self._tally = tally
        self._now = now

    async def decode(self, items: Sequence[Item]) -> None:
        """Run the codecs of those that come as bytes."""
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

    def translate(self, items: Sequence[Item]) -> None:
        """Make the entities that tell the broker of what was decoded; static attributes come with a device's first."""
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
            time = plausible(parse_instant(measurement.get("time")), item.time, self._now())
            if time == item.time:
                _complete(present, measurement)
            else:
                found.append(Reading(name, {NORMALIZED: measurement}, time))
        found.append(Reading(name, {**measures, NORMALIZED: present} if item.normalized else measures, item.time))
        return sorted(found, key=lambda each: each.time) if len(found) > 1 else found


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


def _check_writable(entities: object) -> None:
    """What can be read as JSON can't always be written (nested 255 deep, half a character): nor sent to the broker."""
    try:
        # In the list of its batch, whose nesting counts as well.
        orjson.dumps([entities])
    except orjson.JSONEncodeError as problem:
        raise UnusableReading(f"the measures can't be passed on as JSON: {problem}") from None
