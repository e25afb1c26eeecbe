"""The last messages of each device with what every step made of them, for whoever looks why a value is not there."""

from collections import OrderedDict, deque
from typing import Any

import orjson

from agents.core.errors import UnusableReading
from agents.core.instant import format_instant
from agents.operations.item import Item

KEPT_OF_ONE = 10
"""Messages kept of a device."""
KEPT = 10_000
"""Messages kept of all devices, some 1.5 KB each; those of the devices silent for longest go first."""
_SHOWN = 512


class Trace:
    """Remembers messages in memory, as long as the process lives."""

    def __init__(self) -> None:
        self._messages: OrderedDict[str, deque[bytes]] = OrderedDict()
        self._count = 0

    def observe(self, item: Item) -> None:
        """Remember what became of an uplink."""
        device_id = item.device.id
        kept = self._messages.pop(device_id, None)
        if kept is None:
            kept = deque(maxlen=KEPT_OF_ONE)
        self._messages[device_id] = kept
        self._count += len(kept) < KEPT_OF_ONE
        # As text: half the size of the objects, and nothing that others could still change.
        kept.append(orjson.dumps(_steps(item), default=repr, option=orjson.OPT_NON_STR_KEYS))
        if self._count > KEPT:
            _, oldest = self._messages.popitem(last=False)
            self._count -= len(oldest)

    def of(self, device_id: str) -> list[dict[str, Any]]:
        """The messages of a device, the oldest first."""
        return [orjson.loads(each) for each in self._messages.get(device_id, ())]

    def forget(self, device_id: str) -> None:
        """Drop the messages of a device."""
        self._count -= len(self._messages.pop(device_id, ()))


def _steps(item: Item) -> dict[str, Any]:
    uplink = item.uplink
    # What gives no attribute may be a device's configuration, keys included.
    secret = isinstance(item.error, UnusableReading)
    frame: dict[str, Any] = {"network": uplink.network, "payload": "" if secret else uplink.payload[:_SHOWN].hex()}
    for name, value in (
        ("fPort", uplink.f_port or None),
        ("fCnt", uplink.f_cnt),
        ("rssi", uplink.rssi),
        ("snr", uplink.snr),
        ("gateway", uplink.gateway),
    ):
        if value is not None:
            frame[name] = value
    steps: dict[str, Any] = {
        "received": format_instant(item.message.at),
        "observed": format_instant(item.time),
        "frame": frame,
    }
    if item.measures is not None and not secret:
        steps["decoded"] = item.measures
    if item.normalized and not secret:
        steps["normalized"] = item.normalized
    if item.entities:
        steps["mapped"] = item.entities
    if item.error is None:
        steps["stored"] = True
    else:
        steps["error"] = {"reason": item.error.reason, "detail": item.error.detail}
    return steps
