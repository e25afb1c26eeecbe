"""What a newcomer reads: one line a notification, a few a second at most, and a summary now and then."""

import statistics
import time
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TextIO

LINES_PER_SECOND = 3.0
BURST = 12
_KEPT_DELAYS = 10_000

_COLOURS = {
    "WasteContainer": "33",
    "Streetlight": "93",
    "ParkingSpot": "34",
    "WaterConsumptionObserved": "36",
    "AirQualityObserved": "35",
    "ThreePhaseAcMeasurement": "31",
}


class Console:
    """Writes to one stream; colours only on a terminal."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._colours = stream.isatty()
        self._clock = clock
        self._tokens = float(BURST)
        self._filled_at = clock()
        self._delays: deque[float] = deque(maxlen=_KEPT_DELAYS)
        self._received = 0
        self._sent = 0

    def say(self, text: str) -> None:
        """A line that is always written."""
        self._stream.write(f"{datetime.now().astimezone():%H:%M:%S}  {text}\n")
        self._stream.flush()

    def sent(self) -> None:
        """A device has reported."""
        self._sent += 1

    def notified(self, kind: str, place: str, values: Mapping[str, Any], delay: float | None) -> None:
        """A notification came in; `delay` in seconds since the device's frame left, where that is known."""
        self._received += 1
        if delay is not None:
            self._delays.append(delay)
        if not self._may_write():
            return
        told = "  ".join(f"{name} {_short(value)}" for name, value in values.items())
        after = "" if delay is None else f"  ← notified {delay * 1000:.0f} ms after the frame left"
        self.say(f"{self._painted(kind)}  {place:<38.38}  {told:<24}{after}")

    def summary(self, seconds: float) -> None:
        """How the time since the last summary went."""
        line = f"— last {seconds:.0f} s: {self._sent} reports sent, {self._received} notifications received"
        if self._delays:
            ordered = sorted(self._delays)
            slow = ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
            line += f", from frame to notification {statistics.median(ordered) * 1000:.0f} ms"
            line += f" (95 % within {slow * 1000:.0f} ms)"
        self.say(line)
        self._delays.clear()
        self._received = self._sent = 0

    def _may_write(self) -> bool:
        now = self._clock()
        self._tokens = min(float(BURST), self._tokens + (now - self._filled_at) * LINES_PER_SECOND)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def _painted(self, kind: str) -> str:
        padded = f"{kind:<24}"
        return f"\x1b[{_COLOURS.get(kind, '0')}m{padded}\x1b[0m" if self._colours else padded


def _short(value: Any) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
