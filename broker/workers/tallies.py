"""Counts of notifications, written to the store in groups."""

import asyncio
import time
from collections import defaultdict

import structlog

from broker.core.model.errors import NgsiLdError
from broker.core.model.subscription import Tally
from broker.operations.notify import SubscriptionRecords

_log = structlog.get_logger("eclor.notifications")

GATHERED = 0.1
"""Seconds for which counts wait for company: at most ten writes a second and tenant, whatever the traffic."""


class Tallies:
    """What became of notifications since the last write."""

    def __init__(self, store: SubscriptionRecords) -> None:
        self._store = store
        self._open: defaultdict[str, dict[str, Tally]] = defaultdict(dict)
        self._written_at: dict[str, float] = {}
        self._lock = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def of(self, tenant: str, subscription_id: str) -> Tally:
        """The tally to count on, at once: it may not be kept over an await."""
        tallies = self._open[tenant]
        tally = tallies.get(subscription_id)
        if tally is None:
            tally = tallies[subscription_id] = Tally()
            if self._task is None or self._task.done():
                self._task = asyncio.create_task(self._write_in_groups())
        return tally

    async def written(self, tenant: str) -> None:
        """Return once everything counted for the tenant so far is in the store, or the store refused it."""
        async with self._lock:
            await self._write(tenant)

    async def shared(self, tenant: str) -> None:
        """As `written` where the last write is long ago: under load what is counted is known soon enough."""
        if time.monotonic() - self._written_at.get(tenant, 0.0) > GATHERED:
            await self.written(tenant)

    async def close(self) -> None:
        """Write what is open."""
        if self._task is not None:
            self._task.cancel()
        for tenant in list(self._open):
            await self.written(tenant)

    async def _write_in_groups(self) -> None:
        while self._open:
            await asyncio.sleep(GATHERED)
            for tenant in list(self._open):
                await self.written(tenant)

    async def _write(self, tenant: str) -> None:
        tallies = self._open.pop(tenant, None)
        if not tallies:
            return
        self._written_at[tenant] = time.monotonic()
        try:
            await self._store.count(tenant, tallies)
        except NgsiLdError as error:
            _log.warning("counts of notifications wait for the database", tenant=tenant, reason=error.detail)
            self._take_back(tenant, tallies)
        except asyncio.CancelledError:
            self._take_back(tenant, tallies)
            raise

    def _take_back(self, tenant: str, tallies: dict[str, Tally]) -> None:
        newer = self._open[tenant]
        for subscription_id, tally in tallies.items():
            newer[subscription_id] = tally.plus(newer[subscription_id]) if subscription_id in newer else tally
