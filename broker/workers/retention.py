"""Forgets histories after the time for which they are to be kept."""

import asyncio

import structlog

from broker.core.model.errors import NgsiLdError
from broker.core.temporal.aggregate import Period
from broker.core.temporal.policy import Policy
from broker.operations.ports import Clock, TemporalStore, TenantStore

_log = structlog.get_logger("eclor.history")

INTERVAL = 3600.0
"""Seconds between two looks; what is kept for days may stay an hour longer."""


async def retain(
    history: TemporalStore,
    tenants: TenantStore,
    clock: Clock,
    policy: Policy[Period | None],
    interval: float = INTERVAL,
) -> None:
    """Look at every tenant, for ever."""
    while True:
        try:
            for tenant in await tenants.all():
                if count := await history.retain(tenant, policy, clock.now()):
                    _log.info("histories trimmed", tenant=tenant, chunks=count)
        except NgsiLdError as error:
            _log.warning("retention waits", reason=error.detail)
        await asyncio.sleep(interval)
