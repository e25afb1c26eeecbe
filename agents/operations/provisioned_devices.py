"""The provisioned devices as messages find them: by every name, or coming by themselves where their group lets them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from agents.core.describe import device_id as checked_device_id
from agents.core.errors import InvalidDescription
from agents.core.iot_refusals import wrong_syntax
from agents.core.model import Device, Uplink
from agents.core.provisioned import MODEL, device
from agents.networks import ultralight
from agents.operations.device_table import DeviceKey, DeviceTable, Entry, device_key
from agents.operations.groups import Groups
from agents.operations.last_measures import LastMeasures
from agents.operations.outstanding import Outstanding
from agents.operations.waiting_devices import WaitingDevices

DEVICES_LIMIT = 200_000
"""Devices held in memory, some 3 KB each with their attributes."""
CORE_CONTEXT = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.9.jsonld"


def nobody(devices: Sequence[Device]) -> None:
    """Tell nobody."""


class ProvisionedDevices:
    """Groups and devices in memory."""

    def __init__(
        self,
        *,
        context: str = CORE_CONTEXT,
        on_change: Callable[[Sequence[Device]], None] = nobody,
        lorawan_models: Mapping[str, str] | None = None,
    ) -> None:
        self.on_change = on_change
        """Told of devices that are new or other than before."""
        self._context = context
        self._lorawan_models = lorawan_models or {}
        self._groups = Groups()
        self._table = DeviceTable()
        self._waiting = WaitingDevices()
        self.last_measures = LastMeasures()
        self._unsaved: Outstanding[DeviceKey, dict[str, Any]] = Outstanding()

    def __len__(self) -> int:
        return len(self._table)

    @property
    def resources(self) -> frozenset[str]:
        """The resources of all groups."""
        return self._groups.resources

    def find(self, uplink: Uplink) -> Device | None:
        """The device that sent an uplink; a new one where its group lets devices come by themselves."""
        if uplink.api_key is None:
            entry = self._table.of_eui(uplink.device_id)
        else:
            entry = self._table.of_sender(uplink.api_key, uplink.device_id) or self._arrived(uplink)
        return entry.device if entry else None

    def knows(self, api_key: str, identifier: str) -> bool:
        """Whether a group has this key, or the device sends with it."""
        return self._groups.with_key(api_key) or self._table.of_sender(api_key, identifier) is not None

    def by_id(self, identifier: str) -> Device | None:
        """A device by `Device.id`."""
        entry = self._table.of_id(identifier)
        return entry.device if entry else None

    def by_entity(self, tenant: str | None, entity_id: str) -> Device | None:
        """The device that speaks of an entity."""
        entry = self._table.of_entity(tenant, entity_id)
        return entry.device if entry else None

    def all(self) -> list[Device]:
        """Every device."""
        return [entry.device for entry in self._table]

    def _arrived(self, uplink: Uplink) -> Entry | None:
        group = self._groups.of_sender(uplink)
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
        if group.get("autoprovision") is False or len(self._table) >= DEVICES_LIMIT:
            self._waiting.note(document)
            return None
        entry = self._entered(document, self._made(document))
        self._unsaved.add(device_key(document), document)
        self.on_change([entry.device])
        return entry

    def _made(self, document: Mapping[str, Any]) -> Device:
        return self._try(document, self._groups.of_device(document))

    def _try(self, document: Mapping[str, Any], group: Mapping[str, Any] | None) -> Device:
        try:
            found = device(document, group, self._context)
        except InvalidDescription as problem:
            raise wrong_syntax(problem.detail) from None
        model = self._lorawan_models.get(str(found.provisioned.lorawan.get("data_model")), MODEL)
        return found if model == MODEL else replace(found, model=model)

    def _entered(self, document: dict[str, Any], made: Device) -> Entry:
        entry = self._table.enter(document, made)
        if entry.device.api_key is not None:
            self._waiting.forget(entry.device.api_key, document["device_id"])
        return entry

    def _of(self, service: str, subservice: str) -> list[Entry]:
        return [
            each
            for each in self._table
            if each.document["service"] == service and subservice in ("/*", each.document["service_path"])
        ]
