"""Removes transient entities past their time (clause 4.22) from the database; to readers they are gone before."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from broker.core.model.errors import NgsiLdError

_log = structlog.get_logger("eclor.expiry")

INTERVAL = 1.5
"""Seconds between two looks: an id is free again within two seconds of its entity's end."""


async def remove_expired(tenants: Callable[[], Awaitable[list[str]]], remove: Callable[[str], Awaitable[int]]) -> None:
    """Look at every tenant, for ever. `remove` removes what has expired in one and says how much that was."""
    while True:
        await asyncio.sleep(INTERVAL)
        try:
            for tenant in await tenants():
                if count := await remove(tenant):
                    _log.info("expired entities removed", tenant=tenant, count=count)
        except NgsiLdError as error:
            _log.warning("expiry waits", reason=error.detail)
