"""The time of day, which tests replace."""

import time

from agents.core.model import Instant


def now() -> Instant:
    """This instant."""
    return time.time_ns() // 1000
