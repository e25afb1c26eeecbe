"""How a device is doing, from nothing but its messages: when it was heard, how well, and what is missing."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from agents.core.model import Instant, Uplink

SECOND = 1_000_000
LEAST_SILENCE = 600 * SECOND
"""µs without a message before any device counts as silent."""
FIRST_SILENCE = 25 * 3_600 * SECOND
"""µs that a device may be quiet as long as nobody knows its habits: one that reports daily is not silent."""
_INTERVALS = 3  # a radio loses a message now and then; three in a row are another matter
_WEIGHT = 0.2  # of the newest interval in the mean
_FRAMES = 100  # over which the loss of frames is told
_MOST_VOLTS = 5
_LARGEST_GAP = 1_000  # frames; beyond, the counter was set anew rather than a thousand frames lost


@dataclass(slots=True)
class Health:
    """The state of one device."""

    last_seen: Instant = 0
    """When its last message arrived."""
    interval: float = 0.0
    """µs between its messages, a moving mean; 0 as long as there was one message only."""
    battery: float | None = None
    """1 full, 0 empty."""
    rssi: float | None = None
    """dBm at the gateway that heard best."""
    snr: float | None = None
    """dB at that gateway."""
    margin: float | None = None
    """dB by which its last downlink was above the limit of demodulation, as its network server told."""
    f_cnt: int | None = None
    received: float = 0.0
    lost: float = 0.0
    route: Mapping[str, str] | None = None
    """What its network server wants to hear again with a downlink; kept, so that a restart forgets no way back."""
    silent: bool = False
    reported: Instant = 0
    """When the broker was last told."""

    def hear(self, uplink: Uplink, at: Instant, battery: float | None) -> None:
        """Take note of a message."""
        gap = at - self.last_seen
        if self.last_seen and gap > 0:
            self.interval = self.interval + _WEIGHT * (gap - self.interval) if self.interval else float(gap)
        self.last_seen = max(self.last_seen, at)
        self.silent = False
        if battery is not None:
            self.battery = battery
        if uplink.rssi is not None:
            self.rssi, self.snr = uplink.rssi, uplink.snr
        told = (uplink.decoded or {}).get("margin") if uplink.kind == "network" else None
        if isinstance(told, int | float):
            self.margin = told
        if uplink.route:
            self.route = dict(uplink.route)
        if uplink.f_cnt is not None:
            self._count(uplink.f_cnt)

    def is_silent(self, now: Instant, listening_since: Instant) -> bool:
        """Whether it has been quiet for longer than it usually is, and somebody would have heard."""
        patience = max(LEAST_SILENCE, _INTERVALS * self.interval) if self.interval else FIRST_SILENCE
        return now - max(self.last_seen, listening_since) > patience

    @property
    def loss(self) -> float | None:
        """Share of its last hundred or so frames that did not arrive; `None` where frames are not counted."""
        total = self.received + self.lost
        return round(self.lost / total, 3) if total else None

    def _count(self, f_cnt: int) -> None:
        missing = 0 if self.f_cnt is None else f_cnt - self.f_cnt - 1
        self.f_cnt = f_cnt
        self.received += 1
        if 0 < missing < _LARGEST_GAP:
            self.lost += missing
        if self.received + self.lost > _FRAMES:
            share = _FRAMES / (self.received + self.lost)
            self.received, self.lost = self.received * share, self.lost * share


def battery_level(measures: Mapping[str, Any] | None, entity: Mapping[str, Any] | None) -> float | None:
    """The charge from 0 to 1: as the mapping gives it, else from the per cent that most codecs call `battery`."""
    mapped = (entity or {}).get("batteryLevel")
    if isinstance(mapped, Mapping) and _is_number(mapped.get("value")):
        return float(mapped["value"])
    percent = (measures or {}).get("battery")
    if not isinstance(percent, int | float) or isinstance(percent, bool) or not 0 <= percent <= 100:
        return None
    # Other codecs give volts under that name, with decimals: 3.6 is no per cent.
    return None if isinstance(percent, float) and percent <= _MOST_VOLTS else percent / 100


def to_json(health: Health) -> dict[str, Any]:
    """For storing."""
    return asdict(health)


def from_json(stored: Mapping[str, Any]) -> Health:
    """What was stored; members of other versions are left out."""
    return Health(**{name: value for name, value in stored.items() if name in Health.__slots__})


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
