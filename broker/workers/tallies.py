"""Counts of notifications, written to the store in groups."""

import asyncio
from collections import defaultdict
from collections.abc import Callable

import structlog

from broker.core.model.errors import NgsiLdError
from broker.core.model.subscription import Tally
from broker.operations.notify import SubscriptionRecords

_log = structlog.get_logger("eclor.notifications")

GATHERED = 0.1
"""Seconds for which counts wait for company: at most ten writes a second and tenant, whatever the traffic."""
GATHERED_SHARED = 0.01
"""The same while other processes serve the same database, and may be asked for these counts."""
_OTHERS = 0.05
"""Seconds in which other processes have written what they had counted, unless they are overloaded."""


class Tallies:
    """What became of notifications since the last write. `is_shared`: whether other processes have counts as well."""

    def __init__(self, store: SubscriptionRecords, is_shared: Callable[[], bool] = lambda: False) -> None:
        self._store = store
        self._is_shared = is_shared
        self._open: defaultdict[str, dict[str, Tally]] = defaultdict(dict)
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

    async def all_written(self, tenant: str) -> None:
        """As `written`, for the counts of other processes as well, as long as these are not overloaded."""
        await self.written(tenant)
        if self._is_shared():
            await asyncio.sleep(_OTHERS)

    async def written(self, tenant: str) -> None:
        """Return once everything counted for the tenant so far is in the store, or the store refused it."""
        async with self._lock:
            await self._write(tenant)

    async def close(self) -> None:
        """Write what is open."""
        if self._task is not None:
            self._task.cancel()
        for tenant in list(self._open):
            await self.written(tenant)

    async def _write_in_groups(self) -> None:
        while self._open:
            await asyncio.sleep(GATHERED_SHARED if self._is_shared() else GATHERED)
            for tenant in list(self._open):
                await self.written(tenant)

    async def _write(self, tenant: str) -> None:
        tallies = self._open.pop(tenant, None)
        if not tallies:
            return
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
