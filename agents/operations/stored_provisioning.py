"""The provisioned devices and their store: read at start, saved as they come, taken up where other agents change it."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agents.core.errors import InvalidDescription
from agents.core.iot_refusals import ProvisioningError
from agents.core.model import Device
from agents.operations.device_table import DeviceKey, DeviceTable, Entry, device_key
from agents.operations.provisioned_devices import CORE_CONTEXT, ProvisionedDevices, nobody
from agents.operations.provisioning_store import NoStore, ProvisioningStore


class StoredProvisioning(ProvisionedDevices):
    """Groups and devices in memory as they are in the store."""

    def __init__(
        self,
        store: ProvisioningStore | None = None,
        *,
        context: str = CORE_CONTEXT,
        on_change: Callable[[Sequence[Device]], None] = nobody,
        on_gone: Callable[[Sequence[Device]], None] = nobody,
        on_groups: Callable[[], None] = lambda: None,
        lorawan_models: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(context=context, on_change=on_change, lorawan_models=lorawan_models)
        self._store: ProvisioningStore = store or NoStore()
        self._on_gone = on_gone
        self._on_groups = on_groups
        self._changing = asyncio.Lock()

    async def load(self) -> list[str]:
        """Read what is stored, in the place of what is known; gives the reasons why some of it could not be used."""
        problems: list[str] = []
        # A store that stops answering half-way leaves nothing behind, for the next attempt to find twice.
        groups, documents = await self._stored()
        self._groups.replace_all(groups)
        self._table = DeviceTable()
        for document in documents:
            try:
                self._table.enter(document, self._made(document))
            except (InvalidDescription, ProvisioningError) as problem:
                problems.append(f"{document.get('device_id')}: {problem.detail}")
        return problems

    async def revision(self) -> int:
        """A number that grows with each change in the store. Raises StoreUnavailable."""
        return await self._store.revision()

    async def refresh(self) -> None:
        """Take up what other agents changed in the store. Raises StoreUnavailable."""
        async with self._changing:
            # What comes by itself while the store is read may not be in what was read, and is not gone for that.
            saved = {name for each in self._table if (name := device_key(each.document)) not in self._unsaved}
            groups, documents = await self._stored()
            gone = saved - {device_key(each) for each in documents}
            self._forget([entry for name in gone if (entry := self._table.of_key(name)) is not None])
            regrouped = self._groups.replace_all(groups)
            changed = [found for each in documents if (found := self._taken_up(each, anew=regrouped)) is not None]
        if changed:
            self.on_change(changed)
        if regrouped:
            self._on_groups()

    async def run(self) -> None:
        """Save the devices that came into being by themselves, until cancelled."""
        await self._unsaved.tell(self._save)

    async def _save(self, documents: dict[DeviceKey, dict[str, Any]]) -> None:
        await self._store.save_devices(list(documents.values()))
        documents.clear()

    async def _stored(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Groups and devices."""
        return [each async for each in self._store.groups()], [each async for each in self._store.devices()]

    def _taken_up(self, document: dict[str, Any], *, anew: bool) -> Device | None:
        """What a stored device is now; `None` where that is what it was, or nothing that can be used."""
        entry = self._table.of_key(device_key(document))
        if entry is not None and entry.document == document and not anew:
            return None
        try:
            made = self._made(document)
        except (InvalidDescription, ProvisioningError):
            return None
        if entry is None:
            return self._entered(document, made).device
        self._table.forget(entry)
        found = self._entered(document, made).device
        if found.entity_id != entry.device.entity_id:
            self._on_gone([entry.device])
        return found

    def _forget(self, entries: Sequence[Entry]) -> None:
        for each in entries:
            self._unsaved.drop(device_key(each.document))
            self._table.forget(each)
            self.last_measures.forget(each.device)
        self._on_gone([each.device for each in entries])
