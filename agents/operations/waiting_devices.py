"""Devices that wait to be accepted: they sent with the key of a group whose `autoprovision` is false."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

WAITING_KEPT = 1_000
"""Devices waiting to be accepted; the oldest go first."""


class WaitingDevices:
    """Bounded, in the order in which they were last heard of."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[tuple[str, str], dict[str, Any]] = OrderedDict()

    def note(self, document: Mapping[str, Any]) -> None:
        """A device sent a message."""
        name = (document["apikey"], document["device_id"])
        waiting = self._waiting.pop(name, {**document, "messages": 0})
        waiting["messages"] += 1
        self._waiting[name] = waiting
        if len(self._waiting) > WAITING_KEPT:
            self._waiting.popitem(last=False)

    def forget(self, apikey: str, identifier: str) -> None:
        """It waits no longer."""
        self._waiting.pop((apikey, identifier), None)

    def of(self, service: str, subservice: str) -> list[dict[str, Any]]:
        """Those of a service and path."""
        return [
            dict(each)
            for each in self._waiting.values()
            if each["service"] == service and each["service_path"] == subservice
        ]

    def one(self, service: str, subservice: str, identifier: str, apikey: str | None) -> dict[str, Any] | None:
        """The one of this identifier and, where it is said, apikey."""
        return next(
            (
                each
                for each in self.of(service, subservice)
                if each["device_id"] == identifier and apikey in (None, each["apikey"])
            ),
            None,
        )
