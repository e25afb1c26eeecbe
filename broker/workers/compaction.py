"""Packs histories: what was recorded some time ago moves into chunks, a fraction of its size (ADR 11)."""

import asyncio

import structlog

from broker.core.model.errors import NgsiLdError
from broker.operations.ports import Clock, TemporalStore, TenantStore

_log = structlog.get_logger("eclor.history")

INTERVAL = 60.0
"""Seconds between two looks: a busy sensor has tens of readings by then."""


async def compact(history: TemporalStore, tenants: TenantStore, clock: Clock, interval: float = INTERVAL) -> None:
    """Look at every tenant, for ever."""
    while True:
        await asyncio.sleep(interval)
        try:
            for tenant in await tenants.all():
                if count := await history.compact(tenant, clock.now()):
                    _log.info("histories packed", tenant=tenant, records=count)
        except NgsiLdError as error:
            _log.warning("packing of histories waits", reason=error.detail)
