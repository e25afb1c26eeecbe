"""Provisioned devices, in memory: each with its document, found by every name it is spoken of by."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any, TypeAlias

from agents.core.iot_refusals import no_device
from agents.core.model import Device
from agents.core.provisioned import key

DeviceKey: TypeAlias = tuple[str, str, str, str]
"""Service, path, identifier and apikey (or nothing), which tell a device from all others."""


@dataclass(slots=True)
class Entry:
    """A device as it was provisioned, and what its group made of that."""

    document: dict[str, Any]
    device: Device


class DeviceTable:
    """Every provisioned device of one agent."""

    def __init__(self) -> None:
        self._entries: dict[DeviceKey, Entry] = {}
        self._by_id: dict[str, Entry] = {}
        self._by_sender: dict[tuple[str, str], Entry] = {}
        self._by_eui: dict[str, Entry] = {}
        self._by_entity: dict[tuple[str | None, str], Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    def __contains__(self, name: DeviceKey) -> bool:
        return name in self._entries

    def of_key(self, name: DeviceKey) -> Entry | None:
        """The one that this tells from all others."""
        return self._entries.get(name)

    def of_sender(self, api_key: str, identifier: str) -> Entry | None:
        """The one that sends with this key under this identifier."""
        return self._by_sender.get((api_key, identifier))

    def of_eui(self, eui: str) -> Entry | None:
        """The LoRaWAN device with this devEUI, in lower hex."""
        return self._by_eui.get(eui)

    def of_id(self, identifier: str) -> Entry | None:
        """The one with this `Device.id`."""
        return self._by_id.get(identifier)

    def of_entity(self, tenant: str | None, entity_id: str) -> Entry | None:
        """The one that speaks of an entity."""
        return self._by_entity.get((tenant, entity_id))

    def one(self, service: str, subservice: str, identifier: str, apikey: str | None) -> Entry:
        """A device of a service and path, by identifier and, where it is said, apikey.

        Raises:
            ProvisioningError: There is no such device.
        """
        if apikey is not None:
            entry = self._entries.get((service, subservice, identifier, apikey))
        else:
            entry = self._by_id.get(key(service, subservice, identifier))
        if entry is None:
            raise no_device(identifier)
        return entry

    def enter(self, document: dict[str, Any], device: Device) -> Entry:
        """Add a device."""
        if device.id in self._by_id:
            # The same identifier under another key: told apart by a digest of the key, which does not reveal it.
            digest = blake2b((device.api_key or "").encode(), digest_size=4).hexdigest()
            device = replace(device, id=f"{device.id}~{digest}")
        return self._put(Entry(document, device))

    def renew(self, entry: Entry, device: Device) -> Entry:
        """Put what a changed group makes of a device in its place."""
        self.forget(entry)
        return self._put(Entry(entry.document, replace(device, id=entry.device.id)))

    def forget(self, entry: Entry) -> None:
        """Remove a device."""
        found, identifier = entry.device, entry.document["device_id"]
        del self._entries[device_key(entry.document)]
        _drop(self._by_id, found.id, entry)
        _drop(self._by_sender, (found.api_key or "", identifier), entry)
        _drop(self._by_eui, str(found.provisioned.lorawan.get("dev_eui", "")).lower(), entry)
        _drop(self._by_entity, (found.tenant, found.entity_id), entry)

    def _put(self, entry: Entry) -> Entry:
        found, document = entry.device, entry.document
        self._entries[device_key(document)] = entry
        self._by_id[found.id] = entry
        self._by_entity[(found.tenant, found.entity_id)] = entry
        if found.api_key is not None:
            self._by_sender[(found.api_key, document["device_id"])] = entry
        eui = found.provisioned.lorawan.get("dev_eui")
        if isinstance(eui, str):
            self._by_eui[eui.lower()] = entry
        return entry


def device_key(document: Mapping[str, Any]) -> DeviceKey:
    """What tells a device from all others."""
    return document["service"], document["service_path"], document["device_id"], document.get("apikey") or ""


def _drop(index: dict[Any, Entry], name: object, entry: Entry) -> None:
    """Another device may have come under the name since."""
    if index.get(name) is entry:
        del index[name]
