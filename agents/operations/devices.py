"""The devices the agents know: in memory for the pipeline, in a store for the next start."""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import chain, islice
from typing import Any

from agents.core.describe import describe, device
from agents.core.errors import InvalidDescription
from agents.core.measured import measured
from agents.core.model import Device, DeviceModel, Instant, Reading, Uplink
from agents.core.translate import translate
from agents.operations.ports import DeviceStore
from agents.operations.provisioning import Provisioning

UNKNOWN_KEPT = 200
"""Identifiers of unregistered senders shown to the operator; the oldest go first."""
DEVICES_LIMIT = 200_000
"""Registrations held in memory, some 1 KB each."""
CHUNK = 10_000
"""Registrations in one request."""


class Devices:
    """Registered devices by identifier."""

    def __init__(self, models: Mapping[str, DeviceModel], store: DeviceStore | None = None) -> None:
        self.models = dict(models)
        """By `<maker>/<model>`; always the same object, which `add_models` changes."""
        self._store = store
        self._devices: dict[str, Device] = {}
        self._by_entity: dict[str, Device] = {}
        self.on_registered: Callable[[Sequence[Device]], None] = lambda devices: None
        """Told of new registrations of devices that take commands."""
        self._introduced: set[str] = set()
        self._unknown: OrderedDict[str, int] = OrderedDict()
        self._skipped: OrderedDict[str, dict[str, str]] = OrderedDict()
        self.provisioning: Provisioning | None = None
        """Devices that clients provision as at FIWARE's agents."""
        self._changing = asyncio.Lock()
        self.welcome: Callable[[Sequence[str]], Awaitable[object]] | None = None
        """Told of the identifiers of new devices: what they sent before can now be understood."""

    async def load(self) -> list[str]:
        """Read the stored registrations; gives the reasons why some could not be used."""
        problems: list[str] = []
        if self._store is not None:
            async for stored in self._store.all():
                try:
                    found = self._read(stored)
                    self._devices[found.id] = found
                    self._by_entity[found.entity_id] = found
                except InvalidDescription as problem:
                    problems.append(problem.detail)
        return problems

    async def revision(self) -> int:
        """A number that grows with each change in the store. Raises StoreUnavailable."""
        return 0 if self._store is None else await self._store.revision()

    async def refresh(self) -> None:
        """Take up what other agents changed in the store. Raises StoreUnavailable."""
        if self._store is None:
            return
        async with self._changing:
            stored: dict[str, Device] = {}
            async for description in self._store.all():
                with contextlib.suppress(InvalidDescription):
                    found = self._read(description)
                    stored[found.id] = found
            for name in self._devices.keys() - stored.keys():
                self._drop(name)
            changed = [each for each in stored.values() if self._devices.get(each.id) != each]
            self._take(changed)
        await self._tell(changed)

    def add_models(self, models: Mapping[str, DeviceModel]) -> None:
        """Take models in, or in the place of older ones; a model that devices may have stays where it is not named."""
        self.models.update(models)

    def __len__(self) -> int:
        return len(self._devices) + (len(self.provisioning) if self.provisioning is not None else 0)

    def get(self, device_id: str) -> Device | None:
        """A device by its identifier."""
        return self._devices.get(device_id) or (self.provisioning and self.provisioning.by_id(device_id)) or None

    def by_entity(self, entity_id: str) -> Device | None:
        """The registered device that speaks of an entity of the agents' own tenant."""
        return self._by_entity.get(entity_id)

    def commanded(self) -> list[Device]:
        """Registered devices that take commands."""
        return [each for each in self._devices.values() if each.commands]

    def find(self, uplink: Uplink) -> Device | None:
        """The device that sent an uplink; one that a client provisioned under `/iot` goes before."""
        found = self.provisioning.find(uplink) if self.provisioning is not None else None
        return found or self._devices.get(uplink.device_id)

    def knows(self, api_key: str, device_id: str) -> bool:
        """Whether a device may send with this key, or a group has it; nothing is provisioned by asking."""
        registered = self._devices.get(device_id)
        if registered is not None and registered.api_key in (None, api_key):
            return True
        return self.provisioning is not None and self.provisioning.knows(api_key, device_id)

    def entities(
        self, uplink: Uplink, reading: Reading, device: Device, now: Instant, *, introduce: bool
    ) -> list[dict[str, Any]]:
        """What a reading tells the broker: the device's entity and, where its provisioning says so, others.

        Args:
            now: When the message arrived.
            introduce: Send the static attributes along.

        Raises:
            UnusableReading: Nothing.
        """
        if device.provisioned is None:
            return [translate(reading, device, self.models[device.model], introduce=introduce)]
        timed = uplink.time is not None
        found = measured(reading, device, now, timed=timed, introduce=introduce)
        if found.skipped:
            self._note_skipped(device, found.skipped)
        return found.entities

    def skipped(self) -> dict[str, dict[str, str]]:
        """Attributes that could not be made of the last measures, with the reasons, by device."""
        return {name: dict(reasons) for name, reasons in self._skipped.items()}

    def _note_skipped(self, device: Device, reasons: list[tuple[str, str]]) -> None:
        self._skipped.pop(device.id, None)
        self._skipped[device.id] = dict(reasons)
        if len(self._skipped) > UNKNOWN_KEPT:
            self._skipped.popitem(last=False)

    def page(self, offset: int, limit: int) -> list[Device]:
        """Devices in the order of their registration, after them those provisioned under `/iot`."""
        provisioned = self.provisioning.all() if self.provisioning is not None else ()
        return list(islice(chain(self._devices.values(), provisioned), offset, offset + limit))

    async def register(self, descriptions: Sequence[object]) -> tuple[int, int]:
        """Register devices, all or none; the same id again replaces.

        Returns:
            How many were new and how many replaced.

        Raises:
            InvalidDescription: One of them is wrong, or there are too many.
        """
        if len(descriptions) > CHUNK:
            raise InvalidDescription(f"register at most {CHUNK} devices at once")
        devices = [self._read(each) for each in descriptions]
        async with self._changing:
            new = {each.id for each in devices} - self._devices.keys()
            if len(self._devices) + len(new) > DEVICES_LIMIT:
                raise InvalidDescription(f"this agent holds at most {DEVICES_LIMIT} devices")
            if self._store is not None:
                await self._store.save(devices)
            self._take(devices)
        await self._tell(devices)
        return len(new), len(devices) - len(new)

    async def remove(self, device_id: str) -> bool:
        """Forget a device; tells whether it was there."""
        async with self._changing:
            if device_id not in self._devices:
                return False
            if self._store is not None:
                await self._store.remove(device_id)
            self._drop(device_id)
        return True

    def _take(self, devices: Sequence[Device]) -> None:
        for each in devices:
            self._devices[each.id] = each
            self._by_entity[each.entity_id] = each
            self._introduced.discard(each.id)
            self._unknown.pop(each.id, None)

    async def _tell(self, devices: Sequence[Device]) -> None:
        self.on_registered([each for each in devices if each.commands])
        if self.welcome is not None and devices:
            await self.welcome([each.id for each in devices])

    def _drop(self, device_id: str) -> None:
        gone = self._devices.pop(device_id)
        if self._by_entity.get(gone.entity_id) is gone:
            del self._by_entity[gone.entity_id]
        self._introduced.discard(device_id)

    def introduce_again(self, devices: Sequence[Device]) -> None:
        """The static attributes of these may be others now."""
        self._introduced.difference_update(each.id for each in devices)

    def needs_introduction(self, device: Device) -> bool:
        """Whether the static attributes have yet to reach the broker since start or registration."""
        return device.id not in self._introduced

    def introduced(self, device: Device) -> None:
        """The broker has the static attributes, unless the device was registered anew meanwhile."""
        if self.get(device.id) is device:
            self._introduced.add(device.id)

    def note_unknown(self, device_id: str) -> None:
        """Keep the identifier of a sender nobody registered, for the operator."""
        count = self._unknown.pop(device_id, 0)
        self._unknown[device_id] = count + 1
        if len(self._unknown) > UNKNOWN_KEPT:
            self._unknown.popitem(last=False)

    def unknown(self) -> dict[str, int]:
        """Last unregistered senders with their number of messages, the newest last."""
        return dict(self._unknown)

    def _read(self, description: object) -> Device:
        name = description.get("model") if isinstance(description, Mapping) else None
        model = self.models.get(name) if isinstance(name, str) else None
        if model is None:
            raise InvalidDescription(f"model is one of {', '.join(sorted(self.models))}")
        return device(description, model)


def public(device: Device) -> dict[str, Any]:
    """A registration without its API key, for showing."""
    shown = describe(device)
    if shown.pop("apiKey", None) is not None:
        shown["hasApiKey"] = True
    return shown
