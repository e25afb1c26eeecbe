"""Waiting times between attempts."""

import random

FIRST = 0.5
LONGEST = 30.0


class Backoff:
    """Doubles from half a second to half a minute, each a little different so that many do not come together."""

    def __init__(self, first: float = FIRST, longest: float = LONGEST) -> None:
        self._first = first
        self._longest = longest
        self.attempts = 0

    def next(self) -> float:
        """Seconds to wait before the next attempt."""
        wait = min(self._first * float(1 << min(self.attempts, 16)), self._longest)
        self.attempts += 1
        return wait * random.uniform(0.8, 1.2)  # noqa: S311  no secret

    def reset(self) -> None:
        """The attempt succeeded."""
        self.attempts = 0
