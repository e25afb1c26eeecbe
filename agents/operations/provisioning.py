"""Groups and devices after FIWARE's provisioning: created, changed and removed, kept, looked up, made anew.

Here belongs what needs all of them at hand: unicity, autoprovisioning, acceptance. What one document may say is in
`agents.core.iot_documents`, what a device makes of a measure in `agents.core.provisioned`, HTTP in `agents.http`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from agents.core.iot_documents import changes, device_document, group_document, shown_device, shown_group
from agents.core.iot_refusals import duplicate_device, duplicate_group, no_device, wrong_syntax
from agents.core.model import Device
from agents.operations.device_table import Entry, device_key
from agents.operations.groups import group_key
from agents.operations.provisioned_devices import DEVICES_LIMIT
from agents.operations.stored_provisioning import StoredProvisioning

GROUPS_LIMIT = 10_000
CHUNK = 10_000
"""Documents in one request."""


class Provisioning(StoredProvisioning):
    """What clients provisioned under `/iot`."""

    # Groups

    async def add_groups(self, given: Sequence[object], service: str, subservice: str) -> None:
        """Provision groups, all or none.

        Raises:
            ProvisioningError: One of them is wrong or there already.
        """
        _within(given, len(self._groups), GROUPS_LIMIT, "groups")
        documents = [group_document(each, service, subservice) for each in given]
        async with self._changing:
            seen = set()
            for each in documents:
                if group_key(each) in self._groups or group_key(each) in seen:
                    raise duplicate_group(each)
                seen.add(group_key(each))
                self._try({"device_id": "probe", "service": service, "service_path": subservice}, each)
            await self._store.save_groups(documents)
            self._groups.put(*documents)
            self._refresh(service, subservice)
        self._on_groups()

    def groups(
        self, service: str, subservice: str, *, resource: str | None = None, apikey: str | None = None
    ) -> list[dict[str, Any]]:
        """Groups of a service; the path `/*` means all of its paths."""
        return [
            shown_group(each)
            for each in self._groups
            if each["service"] == service
            and subservice in ("/*", each["subservice"])
            and resource in (None, each["resource"])
            and apikey in (None, each["apikey"])
        ]

    async def change_group(self, given: object, service: str, subservice: str, resource: str, apikey: str) -> None:
        """Change members of a group; its devices follow at once.

        Raises:
            ProvisioningError: There is no such group, or the change is wrong.
        """
        changed = changes(given, ())
        async with self._changing:
            old = self._groups.one(service, subservice, resource, apikey)
            new = {**old, **changed}
            moved = group_key(new) != group_key(old)
            if moved and group_key(new) in self._groups:
                raise duplicate_group(new)
            self._try({"device_id": "probe", "service": service, "service_path": subservice}, new)
            await self._store.save_groups([new])
            if moved:
                await self._store.remove_group(resource, apikey)
            self._groups.replace(group_key(old), new)
            self._refresh(service, subservice)

    async def remove_group(
        self, service: str, subservice: str, resource: str, apikey: str, *, with_devices: bool
    ) -> None:
        """Forget a group, and its devices where that is asked for.

        Raises:
            ProvisioningError: There is no such group.
        """
        async with self._changing:
            self._groups.one(service, subservice, resource, apikey)
            await self._store.remove_group(resource, apikey)
            self._groups.remove((resource, apikey))
            if with_devices:
                await self._remove([e for e in self._of(service, subservice) if e.device.api_key == apikey])
            self._refresh(service, subservice)

    # Devices

    async def add_devices(self, given: Sequence[object], service: str, subservice: str) -> list[Device]:
        """Provision devices, all or none.

        Raises:
            ProvisioningError: One of them is wrong or there already.
        """
        _within(given, len(self._table), DEVICES_LIMIT, "devices")
        documents = [device_document(each, service, subservice) for each in given]
        async with self._changing:
            made = [(each, self._made(each)) for each in documents]
            seen: set[object] = set()
            for each, one in made:
                names = {device_key(each), (one.api_key or device_key(each), each["device_id"])}
                if device_key(each) in self._table or self._taken(one, each) or names & seen:
                    raise duplicate_device(each)
                seen |= names
            await self._store.save_devices(documents)
            found = [self._entered(each, one).device for each, one in made]
        self.on_change(found)
        return found

    def devices(self, service: str, subservice: str) -> list[dict[str, Any]]:
        """Devices of a service, as clients read them; the path `/*` means all of its paths."""
        return [self._shown(entry) for entry in self._of(service, subservice)]

    def device(self, service: str, subservice: str, identifier: str, apikey: str | None = None) -> dict[str, Any]:
        """One device, as clients read it.

        Raises:
            ProvisioningError: There is no such device.
        """
        return self._shown(self._table.one(service, subservice, identifier, apikey))

    async def change_device(
        self, given: object, service: str, subservice: str, identifier: str, apikey: str | None = None
    ) -> None:
        """Change members of a device.

        Raises:
            ProvisioningError: There is no such device, or the change is wrong.
        """
        changed = changes(given, ("device_id", "apikey") if apikey else ("device_id",))
        clears = changed.pop("lastMeasure", None) == {}
        async with self._changing:
            entry = self._table.one(service, subservice, identifier, apikey)
            new = {**entry.document, **changed}
            made, moved = self._made(new), device_key(new) != device_key(entry.document)
            if moved and (device_key(new) in self._table or self._taken(made, new, but=entry)):
                raise duplicate_device(new)
            await self._store.save_devices([new])
            self._unsaved.drop(device_key(entry.document))
            if moved:
                await self._store.remove_devices([entry.document])
            self._table.forget(entry)
            if clears:
                self.last_measures.forget(entry.device)
            found = self._entered(new, made).device
            if found.entity_id != entry.device.entity_id:
                self._on_gone([entry.device])
        self.on_change([found])

    async def remove_devices(self, wanted: Sequence[tuple[str, str | None]], service: str, subservice: str) -> None:
        """Forget devices, by identifier and, where it is said, apikey; all or none.

        Raises:
            ProvisioningError: There is no such device.
        """
        async with self._changing:
            await self._remove([self._table.one(service, subservice, name, apikey) for name, apikey in wanted])

    # Devices that wait to be accepted

    def waiting(self, service: str, subservice: str) -> list[dict[str, Any]]:
        """Devices that sent with the key of a group that does not let them come by themselves."""
        return self._waiting.of(service, subservice)

    async def accept(self, wanted: Sequence[tuple[str, str | None]], service: str, subservice: str) -> list[Device]:
        """Provision waiting devices as their group describes them.

        Raises:
            ProvisioningError: One of them does not wait.
        """
        found = []
        for name, apikey in wanted:
            waiting = self._waiting.one(service, subservice, name, apikey)
            if waiting is None:
                raise no_device(name)
            found.append({member: waiting[member] for member in ("device_id", "apikey", "protocol")})
        return await self.add_devices(found, service, subservice)

    # Inside

    def _taken(self, made: Device, document: Mapping[str, Any], *, but: Entry | None = None) -> bool:
        """Whether another device sends with the same key under the same identifier."""
        if made.api_key is None:
            return False
        return self._table.of_sender(made.api_key, document["device_id"]) not in (None, but)

    async def _remove(self, entries: Sequence[Entry]) -> None:
        if not entries:
            return
        await self._store.remove_devices([each.document for each in entries])
        self._forget(entries)

    def _shown(self, entry: Entry) -> dict[str, Any]:
        found = entry.device
        polling = found.provisioned.transport == "HTTP" and not found.provisioned.endpoint
        shown = shown_device(entry.document, found.entity_id, found.entity_type, polling=polling)
        last = self.last_measures.of(found)
        return shown if last is None else {**shown, "lastMeasure": last}

    def _refresh(self, service: str, subservice: str) -> None:
        """Make the devices of a service and path anew, whose groups changed."""
        renewed = [self._table.renew(each, self._made(each.document)).device for each in self._of(service, subservice)]
        if renewed:
            self.on_change(renewed)


def _within(given: Sequence[object], present: int, limit: int, what: str) -> None:
    if len(given) > CHUNK:
        raise wrong_syntax(f"at most {CHUNK} {what} in one request")
    if present + len(given) > limit:
        raise wrong_syntax(f"this agent holds at most {limit} {what}")
