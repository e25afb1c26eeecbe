"""What happened to the messages: counters, and the last rejected ones with their reason."""

import time
from collections import Counter, deque
from dataclasses import dataclass
from typing import Any

from agents.core.errors import AgentError

REJECTED_KEPT = 200
"""Rejected messages shown to the operator, the newest last."""
PAYLOAD_SHOWN = 1_024
"""Bytes of a rejected payload that are kept."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A message that did not become a measure."""

    at: float
    """Seconds since 1970."""
    topic: str
    device_id: str | None
    reason: str
    detail: str
    payload: bytes


class Tally:
    """Counters of a running agent; all start at zero with it."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._rejected: deque[Rejection] = deque(maxlen=REJECTED_KEPT)

    def count(self, name: str, number: int = 1) -> None:
        """Add to a counter."""
        self.counts[name] += number

    def reject(self, topic: str, payload: bytes, error: AgentError, device_id: str | None = None) -> None:
        """Count a message that did not become a measure and keep it for the operator."""
        self.counts[f"rejected_{error.reason}"] += 1
        self._rejected.append(
            Rejection(time.time(), topic[:256], device_id, error.reason, error.detail, payload[:PAYLOAD_SHOWN])
        )

    def rejected(self) -> list[dict[str, Any]]:
        """The last rejected messages, payloads in hexadecimal. API keys in topics are hidden."""
        return [
            {
                "at": each.at,
                "topic": _without_key(each.topic),
                "deviceId": each.device_id,
                "reason": each.reason,
                "detail": each.detail,
                "payload": each.payload.hex(),
            }
            for each in self._rejected
        ]


def _without_key(topic: str) -> str:
    """The level before the device in a topic of measures is a secret."""
    levels = topic.split("/")
    if "attrs" in levels and (at := levels.index("attrs")) >= 2:
        levels[at - 2] = "…"
    return "/".join(levels)
