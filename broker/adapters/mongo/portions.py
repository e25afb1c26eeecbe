"""How much goes into one command."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

_LARGEST_COMMAND = 12_000_000
"""Bytes of statements or documents in one command, well below MongoDB's 48 MB a message."""


def portions(items: Iterable[T], size: Callable[[T], int]) -> Iterator[list[T]]:
    """Items in their order, as many at once as one command takes, or a single one that is larger."""
    portion: list[T] = []
    total = 0
    for item in items:
        added = size(item)
        if portion and total + added > _LARGEST_COMMAND:
            yield portion
            portion, total = [], 0
        portion.append(item)
        total += added
    if portion:
        yield portion
