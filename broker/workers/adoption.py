"""Looks after the notifications that a dead broker process left in the outbox while this one lives."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from broker.core.model.errors import NgsiLdError

_log = structlog.get_logger("eclor.adoption")

INTERVAL = 5.0
"""Seconds between two looks. At its start a process looks at once."""


async def adopt(take_over: Callable[[], Awaitable[None]]) -> None:
    """Take over what is abandoned, for ever."""
    while True:
        await asyncio.sleep(INTERVAL)
        try:
            await take_over()
        except NgsiLdError as error:
            _log.warning("adoption waits", reason=error.detail)
