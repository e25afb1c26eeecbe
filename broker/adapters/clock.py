"""The present, in microseconds."""

import time

from broker.core.model.instant import Instant


class SystemClock:
    """The system's time, which here never runs backwards while the process lives."""

    def __init__(self) -> None:
        self._last = 0

    def now(self) -> Instant:
        """Microseconds since 1970 UTC."""
        self._last = max(self._last, time.time_ns() // 1_000)
        return self._last
