"""Agents that share messages and a store: what one is told of devices the others take up."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from agents.core.errors import StoreUnavailable

EVERY = 1.0
"""Seconds between two looks, each of which asks the store for two numbers."""


class Shared(Protocol):
    """Something kept in a store that others change as well. Every method raises StoreUnavailable."""

    async def revision(self) -> int:
        """A number that grows with each change."""
        ...

    async def refresh(self) -> None:
        """Take up what was changed."""
        ...


async def follow(shared: Sequence[Shared], on_unavailable: Callable[[str], None], *, every: float = EVERY) -> None:
    """Take up what others change, until cancelled. Messages of devices not known yet are kept, and read then."""
    known: dict[int, int] = {}
    while True:
        try:
            for number, each in enumerate(shared):
                revision = await each.revision()
                if known.get(number) != revision:
                    await each.refresh()
                    known[number] = revision
        except StoreUnavailable as away:
            on_unavailable(away.detail)
        await asyncio.sleep(every)
