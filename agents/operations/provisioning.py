"""Groups and devices after FIWARE's provisioning: kept, looked up by key, made anew when a group changes.

Here belongs what needs all of them at hand: unicity, look-up, autoprovisioning, acceptance. What one document may say
is in `agents.core.iot_documents`, what a device makes of a measure in `agents.core.provisioned`, HTTP in `agents.http`.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any, Protocol, TypeAlias

from agents.core.describe import device_id as checked_device_id
from agents.core.errors import InvalidDescription, StoreUnavailable
from agents.core.iot_documents import (
    ProvisioningError,
    changes,
    device_document,
    group_document,
    shown_device,
    shown_group,
    wrong_syntax,
)
from agents.core.model import Device, Uplink
from agents.core.provisioned import MODEL, device, key
from agents.networks import ultralight
from agents.operations.backoff import Backoff

DEVICES_LIMIT = 200_000
"""Devices held in memory, some 3 KB each with their attributes."""
GROUPS_LIMIT = 10_000
CHUNK = 10_000
"""Documents in one request."""
WAITING_KEPT = 1_000
"""Devices waiting to be accepted; the oldest go first."""
CORE_CONTEXT = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.9.jsonld"
_GroupKey: TypeAlias = tuple[str, str]
_DeviceKey: TypeAlias = tuple[str, str, str, str]


class ProvisioningStore(Protocol):
    """Keeps groups and devices across restarts."""

    def groups(self) -> AsyncIterator[dict[str, Any]]:
        """Every stored group."""
        ...

    def devices(self) -> AsyncIterator[dict[str, Any]]:
        """Every stored device."""
        ...

    async def save_groups(self, documents: Sequence[Mapping[str, Any]]) -> None:
        """Store groups; the same resource and apikey again replaces."""
        ...

    async def save_devices(self, documents: Sequence[Mapping[str, Any]]) -> None:
        """Store devices; the same service, path, identifier and apikey again replaces."""
        ...

    async def remove_group(self, resource: str, apikey: str) -> None:
        """Forget a group."""
        ...

    async def remove_devices(self, documents: Sequence[Mapping[str, Any]]) -> None:
        """Forget devices."""
        ...


@dataclass(slots=True)
class _Entry:
    document: dict[str, Any]
    device: Device


class Provisioning:
    """What clients provisioned under `/iot`."""

    def __init__(
        self,
        store: ProvisioningStore | None = None,
        *,
        context: str = CORE_CONTEXT,
        on_change: Callable[[Sequence[Device]], None] = lambda devices: None,
        lorawan_models: Mapping[str, str] | None = None,
    ) -> None:
        self._store = store
        self._context = context
        self.on_change = on_change
        """Told of devices that are new or other than before."""
        self._lorawan_models = lorawan_models or {}
        self._groups: dict[_GroupKey, dict[str, Any]] = {}
        self._groups_at: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self._groups_with: dict[str, list[dict[str, Any]]] = {}
        self._entries: dict[_DeviceKey, _Entry] = {}
        self._by_id: dict[str, _Entry] = {}
        self._by_sender: dict[tuple[str, str], _Entry] = {}
        self._by_eui: dict[str, _Entry] = {}
        self._by_entity: dict[tuple[str | None, str], _Entry] = {}
        self._waiting: OrderedDict[tuple[str, str], dict[str, Any]] = OrderedDict()
        self._unsaved: list[dict[str, Any]] = []
        self._autoprovisioned = asyncio.Event()
        self._changing = asyncio.Lock()

    async def load(self) -> list[str]:
        """Read what is stored; gives the reasons why some of it could not be used."""
        problems: list[str] = []
        if self._store is None:
            return problems
        async for group in self._store.groups():
            self._groups[(group["resource"], group["apikey"])] = group
        self._regroup()
        async for document in self._store.devices():
            try:
                self._enter(document)
            except (InvalidDescription, ProvisioningError) as problem:
                problems.append(f"{document.get('device_id')}: {problem.detail}")
        return problems

    async def run(self) -> None:
        """Save the devices that came into being by themselves, until cancelled."""
        backoff = Backoff()
        while True:
            await self._autoprovisioned.wait()
            self._autoprovisioned.clear()
            documents, self._unsaved = self._unsaved, []
            try:
                if self._store is not None and documents:
                    await self._store.save_devices(documents)
                backoff.reset()
            except StoreUnavailable:
                self._unsaved = documents + self._unsaved
                self._autoprovisioned.set()
                await asyncio.sleep(backoff.next())

    # Looking up

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, uplink: Uplink) -> Device | None:
        """The device that sent an uplink; a new one where its group lets devices come by themselves."""
        if uplink.api_key is None:
            entry = self._by_eui.get(uplink.device_id)
        else:
            entry = self._by_sender.get((uplink.api_key, uplink.device_id)) or self._arrived(uplink)
        return entry.device if entry else None

    def by_id(self, identifier: str) -> Device | None:
        """A device by `Device.id`."""
        entry = self._by_id.get(identifier)
        return entry.device if entry else None

    def by_entity(self, tenant: str | None, entity_id: str) -> Device | None:
        """The device that speaks of an entity."""
        entry = self._by_entity.get((tenant, entity_id))
        return entry.device if entry else None

    def all(self) -> list[Device]:
        """Every device."""
        return [entry.device for entry in self._entries.values()]

    # Groups

    async def add_groups(self, given: Sequence[object], service: str, subservice: str) -> None:
        """Provision groups, all or none.

        Raises:
            ProvisioningError: One of them is wrong or there already.
        """
        _within(given, len(self._groups), GROUPS_LIMIT, "groups")
        documents = [group_document(each, service, subservice) for each in given]
        async with self._changing:
            seen: set[_GroupKey] = set()
            for each in documents:
                name = (each["resource"], each["apikey"])
                if name in self._groups or name in seen:
                    raise _duplicate_group(each)
                seen.add(name)
                self._try({"device_id": "probe", "service": service, "service_path": subservice}, each)
            if self._store is not None:
                await self._store.save_groups(documents)
            for each in documents:
                self._groups[(each["resource"], each["apikey"])] = each
            self._regroup()
            if documents:
                self._refresh(documents[0])

    def groups(
        self, service: str, subservice: str, *, resource: str | None = None, apikey: str | None = None
    ) -> list[dict[str, Any]]:
        """Groups of a service; the path `/*` means all of its paths."""
        return [
            shown_group(each)
            for each in self._groups.values()
            if each["service"] == service
            and (subservice == "/*" or each["subservice"] == subservice)
            and (resource is None or each["resource"] == resource)
            and (apikey is None or each["apikey"] == apikey)
        ]

    async def change_group(self, given: object, service: str, subservice: str, resource: str, apikey: str) -> None:
        """Change members of a group; its devices follow at once.

        Raises:
            ProvisioningError: There is no such group, or the change is wrong.
        """
        changed = changes(given, ())
        async with self._changing:
            old = self._group(service, subservice, resource, apikey)
            new = {**old, **changed}
            name = (new["resource"], new["apikey"])
            if name != (resource, apikey) and name in self._groups:
                raise _duplicate_group(new)
            self._try({"device_id": "probe", "service": service, "service_path": subservice}, new)
            if self._store is not None:
                await self._store.save_groups([new])
                if name != (resource, apikey):
                    await self._store.remove_group(resource, apikey)
            self._groups.pop((resource, apikey))
            self._groups[name] = new
            self._regroup()
            self._refresh(new)

    async def remove_group(
        self, service: str, subservice: str, resource: str, apikey: str, *, with_devices: bool
    ) -> None:
        """Forget a group, and its devices where that is asked for.

        Raises:
            ProvisioningError: There is no such group.
        """
        async with self._changing:
            group = self._group(service, subservice, resource, apikey)
            if self._store is not None:
                await self._store.remove_group(resource, apikey)
            del self._groups[(resource, apikey)]
            self._regroup()
            if with_devices:
                mine = [e for e in self._entries.values() if e.device.api_key == apikey and _of(e.document, group)]
                await self._remove(mine)
            self._refresh(group)

    # Devices

    async def add_devices(self, given: Sequence[object], service: str, subservice: str) -> list[Device]:
        """Provision devices, all or none.

        Raises:
            ProvisioningError: One of them is wrong or there already.
        """
        _within(given, len(self._entries), DEVICES_LIMIT, "devices")
        documents = [device_document(each, service, subservice) for each in given]
        async with self._changing:
            made = [(each, self._made(each)) for each in documents]
            seen: set[_DeviceKey] = set()
            senders: set[tuple[str, str]] = set()
            for each, one in made:
                sender = (one.api_key or "", each["device_id"])
                taken = one.api_key is not None and (sender in self._by_sender or sender in senders)
                if _key(each) in self._entries or _key(each) in seen or taken:
                    raise _duplicate_device(each)
                seen.add(_key(each))
                senders.add(sender)
            if self._store is not None:
                await self._store.save_devices(documents)
            entries = [self._enter(each) for each in documents]
        found = [entry.device for entry in entries]
        self.on_change(found)
        return found

    def devices(self, service: str, subservice: str) -> list[dict[str, Any]]:
        """Devices of a service and path, as clients read them."""
        return [
            self._shown(entry)
            for name, entry in self._entries.items()
            if name[0] == service and (subservice == "/*" or name[1] == subservice)
        ]

    def device(self, service: str, subservice: str, identifier: str, apikey: str | None = None) -> dict[str, Any]:
        """One device, as clients read it.

        Raises:
            ProvisioningError: There is no such device.
        """
        return self._shown(self._entry(service, subservice, identifier, apikey))

    async def change_device(
        self, given: object, service: str, subservice: str, identifier: str, apikey: str | None = None
    ) -> None:
        """Change members of a device.

        Raises:
            ProvisioningError: There is no such device, or the change is wrong.
        """
        changed = changes(given, ("device_id", "apikey") if apikey else ("device_id",))
        async with self._changing:
            entry = self._entry(service, subservice, identifier, apikey)
            new = {**entry.document, **changed}
            self._made(new)
            if _key(new) != _key(entry.document) and _key(new) in self._entries:
                raise _duplicate_device(new)
            if self._store is not None:
                await self._store.save_devices([new])
                if _key(new) != _key(entry.document):
                    await self._store.remove_devices([entry.document])
            self._forget(entry)
            found = self._enter(new).device
        self.on_change([found])

    async def remove_devices(self, wanted: Sequence[tuple[str, str | None]], service: str, subservice: str) -> None:
        """Forget devices, by identifier and, where it is said, apikey; all or none.

        Raises:
            ProvisioningError: There is no such device.
        """
        async with self._changing:
            await self._remove([self._entry(service, subservice, name, apikey) for name, apikey in wanted])

    # Devices that wait to be accepted

    def waiting(self, service: str, subservice: str) -> list[dict[str, Any]]:
        """Devices that sent with the key of a group that does not let them come by themselves."""
        return [
            dict(each) for each in self._waiting.values() if _of(each, {"service": service, "subservice": subservice})
        ]

    async def accept(self, wanted: Sequence[tuple[str, str | None]], service: str, subservice: str) -> list[Device]:
        """Provision waiting devices as their group describes them.

        Raises:
            ProvisioningError: One of them does not wait.
        """
        found = []
        for name, apikey in wanted:
            matching = [e for e in self.waiting(service, subservice)
                        if e["device_id"] == name and apikey in (None, e["apikey"])]  # fmt: skip
            if not matching:
                raise _no_device(name)
            found.append(matching[0])
        made = await self.add_devices(
            [{name: each[name] for name in ("device_id", "apikey", "protocol")} for each in found], service, subservice
        )
        for each in found:
            self._waiting.pop((each["apikey"], each["device_id"]), None)
        return made

    # Inside

    def _arrived(self, uplink: Uplink) -> _Entry | None:
        group = self._group_of_sender(uplink)
        if group is None:
            return None
        try:
            identifier = checked_device_id(uplink.device_id)
        except InvalidDescription:
            return None
        document = {
            "device_id": identifier,
            "service": group["service"],
            "service_path": group["subservice"],
            "apikey": group["apikey"],
            "protocol": "IoTA-UL" if uplink.network == ultralight.NETWORK else "IoTA-JSON",
        }
        if group.get("autoprovision") is False or len(self._entries) >= DEVICES_LIMIT:
            waiting = self._waiting.pop((group["apikey"], identifier), {**document, "messages": 0})
            waiting["messages"] += 1
            self._waiting[(group["apikey"], identifier)] = waiting
            if len(self._waiting) > WAITING_KEPT:
                self._waiting.popitem(last=False)
            return None
        entry = self._enter(document)
        self._unsaved.append(document)
        self._autoprovisioned.set()
        self.on_change([entry.device])
        return entry

    def _group_of_sender(self, uplink: Uplink) -> dict[str, Any] | None:
        """The group with the key; of several the one whose resource is that of the protocol."""
        matching = self._groups_with.get(uplink.api_key or "", [])
        usual = _resource(uplink.network == ultralight.NETWORK)
        return next((each for each in matching if each["resource"] == usual), matching[0] if matching else None)

    def _group_of(self, document: Mapping[str, Any]) -> dict[str, Any] | None:
        """The group a device belongs to: by its apikey, else the one of its service, path and type."""
        mine = self._groups_at.get((document["service"], document["service_path"]), [])
        if document.get("apikey") is not None:
            mine = [each for each in mine if each["apikey"] == document["apikey"]]
        kind, usual = document.get("entity_type"), _resource("UL" in str(document.get("protocol")).upper())
        # With several, the entity's type tells, else the resource of the protocol it speaks.
        return max(
            mine, key=lambda each: (bool(kind) and each["entity_type"] == kind, each["resource"] == usual), default=None
        )

    def _made(self, document: Mapping[str, Any]) -> Device:
        return self._try(document, self._group_of(document))

    def _try(self, document: Mapping[str, Any], group: Mapping[str, Any] | None) -> Device:
        try:
            found = device(document, group, self._context)
        except InvalidDescription as problem:
            raise wrong_syntax(problem.detail) from None
        model = self._lorawan_models.get(str(found.provisioned.lorawan.get("data_model")), MODEL)
        return found if model == MODEL else replace(found, model=model)

    def _enter(self, document: dict[str, Any]) -> _Entry:
        found = self._made(document)
        if found.id in self._by_id:
            # The same identifier under another key: told apart by a digest of the key, which does not reveal it.
            found = replace(
                found, id=f"{found.id}~{blake2b((found.api_key or '').encode(), digest_size=4).hexdigest()}"
            )
        entry = _Entry(document, found)
        self._entries[_key(document)] = entry
        self._index(entry)
        return entry

    def _index(self, entry: _Entry) -> None:
        found, document = entry.device, entry.document
        self._by_id[found.id] = entry
        self._by_entity[(found.tenant, found.entity_id)] = entry
        if found.api_key is not None:
            self._by_sender[(found.api_key, document["device_id"])] = entry
            self._waiting.pop((found.api_key, document["device_id"]), None)
        eui = found.provisioned.lorawan.get("dev_eui")
        if isinstance(eui, str):
            self._by_eui[eui.lower()] = entry

    def _forget(self, entry: _Entry) -> None:
        self._entries.pop(_key(entry.document), None)
        for index in (self._by_id, self._by_sender, self._by_eui, self._by_entity):
            for name in [name for name in _keys_of(entry) if index.get(name) is entry]:  # type: ignore[call-overload]
                del index[name]  # type: ignore[arg-type]

    async def _remove(self, entries: Sequence[_Entry]) -> None:
        if self._store is not None and entries:
            await self._store.remove_devices([each.document for each in entries])
        for each in entries:
            self._forget(each)

    def _regroup(self) -> None:
        self._groups_at, self._groups_with = {}, {}
        for each in self._groups.values():
            self._groups_at.setdefault((each["service"], each["subservice"]), []).append(each)
            self._groups_with.setdefault(each["apikey"], []).append(each)

    def _refresh(self, group: Mapping[str, Any]) -> None:
        """Make the devices of a group's service and path anew."""
        changed: list[Device] = []
        for entry in [each for each in self._entries.values() if _of(each.document, group)]:
            made = replace(self._made(entry.document), id=entry.device.id)
            self._forget(entry)
            new = _Entry(entry.document, made)
            self._entries[_key(entry.document)] = new
            self._index(new)
            changed.append(made)
        if changed:
            self.on_change(changed)

    def _group(self, service: str, subservice: str, resource: str, apikey: str) -> dict[str, Any]:
        group = self._groups.get((resource, apikey))
        if group is None or group["service"] != service or group["subservice"] != subservice:
            raise ProvisioningError("DEVICE_GROUP_NOT_FOUND", 404, f"Couldn't find device group of {resource}")
        return group

    def _entry(self, service: str, subservice: str, identifier: str, apikey: str | None) -> _Entry:
        if apikey is not None:
            entry = self._entries.get((service, subservice, identifier, apikey))
        else:
            entry = self._by_id.get(key(service, subservice, identifier))
        if entry is None:
            raise _no_device(identifier)
        return entry

    def _shown(self, entry: _Entry) -> dict[str, Any]:
        found = entry.device
        polling = found.provisioned.transport == "HTTP" and not found.provisioned.endpoint
        return shown_device(entry.document, found.entity_id, found.entity_type, polling=polling)


def _resource(ultralight_spoken: bool) -> str:
    """The resource that FIWARE's agent for the protocol has by default."""
    return "/iot/d" if ultralight_spoken else "/iot/json"


def _key(document: Mapping[str, Any]) -> _DeviceKey:
    return (document["service"], document["service_path"], document["device_id"], document.get("apikey") or "")


def _keys_of(entry: _Entry) -> tuple[object, ...]:
    found = entry.device
    return (
        found.id,
        (found.api_key, entry.document["device_id"]),
        str(found.provisioned.lorawan.get("dev_eui", "")).lower(),
        (found.tenant, found.entity_id),
    )


def _of(document: Mapping[str, Any], group: Mapping[str, Any]) -> bool:
    return bool(document["service"] == group["service"] and document["service_path"] == group["subservice"])


def _within(given: Sequence[object], present: int, limit: int, what: str) -> None:
    if len(given) > CHUNK:
        raise wrong_syntax(f"at most {CHUNK} {what} in one request")
    if present + len(given) > limit:
        raise wrong_syntax(f"this agent holds at most {limit} {what}")


def _duplicate_group(group: Mapping[str, Any]) -> ProvisioningError:
    return ProvisioningError(
        "DUPLICATE_GROUP", 409, f"A device group already exists for resource {group['resource']} and this apikey"
    )


def _duplicate_device(document: Mapping[str, Any]) -> ProvisioningError:
    return ProvisioningError(
        "DUPLICATE_DEVICE_ID",
        409,
        f"A device with the same id {document['device_id']} and apikey was already provisioned",
    )


def _no_device(identifier: str) -> ProvisioningError:
    return ProvisioningError("DEVICE_NOT_FOUND", 404, f"No device was found with id:{identifier}")
