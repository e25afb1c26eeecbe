"""Looks after the notifications that a dead broker process left in the outbox while this one lives."""

import asyncio
from collections.abc import Awaitable, Callable

INTERVAL = 5.0
"""Seconds between two looks. At its start a process looks at once."""


async def adopt(take_over: Callable[[], Awaitable[object]]) -> None:
    """Take over what is abandoned, for ever."""
    while True:
        await asyncio.sleep(INTERVAL)
        await take_over()
