"""The last message of devices whose provisioning wants it shown (`storeLastMeasure`), as the device's `lastMeasure`."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from agents.core.instant import format_instant
from agents.core.model import Device, Instant

DEVICES_KNOWN = 10_000
"""Devices whose last message is kept, some 1 KB each; it ends with the process, their history does not."""


class LastMeasures:
    """By `Device.id`."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, dict[str, Any]] = OrderedDict()

    def heard(self, device: Device, measures: Mapping[str, Any], at: Instant) -> None:
        """A device sent measures."""
        if device.provisioned is None or not device.provisioned.store_last_measure:
            return
        self._kept.pop(device.id, None)
        self._kept[device.id] = {"timestamp": format_instant(at), "measure": [dict(measures)]}
        if len(self._kept) > DEVICES_KNOWN:
            self._kept.popitem(last=False)

    def forget(self, device: Device) -> None:
        """Its last message is no more to be shown."""
        self._kept.pop(device.id, None)

    def of(self, device: Device) -> dict[str, Any] | None:
        """When it came and what was in it; `None` where nothing is known."""
        return self._kept.get(device.id)
