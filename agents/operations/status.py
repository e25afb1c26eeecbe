"""What an agent can say about itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Status:
    """Looks at the running parts when asked."""

    mqtt_connected: Callable[[], bool]
    codec_restarts: Callable[[], int]
    ready: Callable[[], bool]
    """Registrations are loaded and messages are being taken."""
    waiting: Callable[[], tuple[int, int]] = lambda: (0, 0)
    """Messages in the spool, and their bytes."""

    def health(self, devices: int) -> Mapping[str, Any]:
        """State of the parts, for a person or a probe."""
        working = self.ready() and self.mqtt_connected()
        return {
            "status": "ok" if working else "starting",
            "mqttConnected": self.mqtt_connected(),
            "devices": devices,
            "codecRestarts": self.codec_restarts(),
            "messagesWaiting": self.waiting()[0],
        }
