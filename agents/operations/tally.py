"""What happened to the messages, in numbers."""

from collections import Counter


class Tally:
    """Counters of a running agent; all start at zero with it."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def count(self, name: str, number: int = 1) -> None:
        """Add to a counter."""
        self.counts[name] += number
