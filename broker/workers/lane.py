"""The delivery of one subscription's notifications, in order, whatever its receiver does.

A lane works through a bounded queue with a task that exists only while there is something to send. When the queue is
full, or what former processes left is not yet taken over, further entries are left in the outbox and fetched from it
when the queue is empty: memory stays bounded, nothing is lost, and nothing overtakes.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import structlog

from broker.core.model.errors import NgsiLdError
from broker.core.subscribe.schedule import newest_states, retry_delay, travelling_together
from broker.core.subscribe.subscription import Subscription
from broker.operations.notify import DeliveryError
from broker.operations.ports import OutboxEntry
from broker.workers.courier import Courier

_log = structlog.get_logger("eclor.notifications")

LONGEST_QUEUE = 1_000
"""Entries that one lane holds in memory: as many as a batch commonly has entities."""
LONGEST_QUEUES = 50_000
"""Entries that all lanes hold together: about 100 MB at worst."""
_UNREAD = 1.0
"""Seconds after which a lane looks again for a subscription that could not be read."""
_UNCLAIMED = 0.1
"""Part of the period of throttling after which a lane asks again whether it may send, where another process did."""
_SHORTEST_NAP = 0.1
"""Seconds between two such questions at least."""
_SECOND = 1_000_000


class Lane:
    """The notifications of one subscription of one tenant. `on_idle` is called when nothing is left to do."""

    def __init__(self, tenant: str, subscription_id: str, courier: Courier, on_idle: Callable[["Lane"], None]) -> None:
        self.tenant = tenant
        self.subscription_id = subscription_id
        self._courier = courier
        self._on_idle = on_idle
        self._queue: deque[OutboxEntry] = deque()
        self._task: asyncio.Task[None] | None = None
        self._is_overflowed = False
        self._has_missed = False
        self._waits: asyncio.Task[None] | None = None
        self._in_flight = 0
        self._has_waited = False
        self._failures = 0
        self._failing_since = 0.0
        self._opens_at = 0.0
        self._has_sent = False

    @property
    def is_resting(self) -> bool:
        """Whether it can be forgotten: nothing is being done, and no throttling still runs."""
        return self._task is None and self._opens_at <= self._courier.timer.monotonic()

    def offer(self, entry: OutboxEntry) -> None:
        """Take an entry over, or leave it in the outbox for later where there is no room."""
        courier = self._courier
        if not self._is_overflowed and len(self._queue) >= LONGEST_QUEUE:
            self._thin_out()
        if self._is_overflowed or len(self._queue) >= LONGEST_QUEUE or courier.queued >= LONGEST_QUEUES:
            self.leave()
        else:
            self._queue.append(entry)
            courier.queued += 1
            self._begin()

    def leave(self) -> None:
        """An entry for this lane is in the outbox, to be fetched in its turn."""
        self._is_overflowed = self._has_missed = True
        self._begin()

    def look_again(self) -> None:
        """The subscription was changed: do not wait for what the former one had to wait for."""
        if self._task is not None and self._waits is self._task:
            self._restart()

    def drop(self) -> None:
        """The subscription was deleted: stop at once, even in the middle of sending, and settle all that waits."""
        if self._task is not None:
            self._restart()

    async def close(self) -> None:
        """Stop; what is not delivered stays in the outbox."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _begin(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    def _restart(self) -> None:
        if self._task is not None:
            self._task.cancel()
        self._failures = self._in_flight = 0
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        try:
            while self._queue or self._is_overflowed:
                try:
                    await (self._work() if self._queue else self._catch_up())
                except Exception:
                    # A mistake of ours: other lanes go on, and this one tries again ever more rarely.
                    _log.exception("lane failed", tenant=self.tenant, subscription=self.subscription_id)
                    self._failures += 1
                    await self._wait(retry_delay(self._failures, 0.0))
        finally:
            if self._task is asyncio.current_task():
                self._task = None
                self._on_idle(self)

    async def _work(self) -> None:
        """Send what comes next, or wait until it may be sent."""
        if self._has_waited and self._courier.is_shared():
            # Another process may have deleted or paused it meanwhile.
            self._has_waited = False
            await self._courier.refresh(self.tenant)
        subscription = self._courier.find(self.tenant, self.subscription_id)
        if subscription is None and not self._courier.is_gone(self.tenant, self.subscription_id):
            # After a restart it may not have been read yet, for want of the database or of its @context.
            await self._wait(_UNREAD)
            return
        if subscription is None or not subscription.is_sending(self._courier.clock.now()):
            self._settle(self._take(len(self._queue)))
            return
        if not await self._is_open(subscription):
            return
        if subscription.throttling:
            self._thin_out()
        parcel = list(self._queue) if subscription.throttling else travelling_together(self._queue)
        self._in_flight = len(parcel)
        is_done = await self._attempt(subscription, parcel)
        self._in_flight = 0
        if is_done:
            self._settle(self._take(len(parcel)))
            self._failures = 0
            if self._has_sent:
                self._opens_at = self._courier.timer.monotonic() + subscription.throttling
        else:
            if not self._failures:
                self._failing_since = self._courier.timer.monotonic()
            self._failures += 1
            self._give_up_old()
            await self._wait(retry_delay(self._failures, subscription.endpoint.cooldown))

    async def _is_open(self, subscription: Subscription) -> bool:
        """Whether throttling lets something through now; if not, after having waited for a while."""
        delay = self._opens_at - self._courier.timer.monotonic()
        # What failed is tried again within the period that it was let through for.
        is_asked = subscription.throttling and not self._failures and self._courier.is_shared()
        if delay <= 0 and is_asked and not await self._courier.may_send(self.tenant, subscription):
            delay = max(subscription.throttling * _UNCLAIMED, _SHORTEST_NAP)
        if delay > 0:
            await self._wait(delay)
        return delay <= 0

    async def _attempt(self, subscription: Subscription, parcel: Sequence[OutboxEntry]) -> bool:
        """Whether the parcel is done with: delivered, or such that it never can be."""
        courier = self._courier
        self._has_sent = False
        changes, seed = [entry.change for entry in parcel], f"{parcel[0].key} {parcel[-1].key}"
        try:
            message = await courier.message(self.tenant, subscription, changes, seed)
        except NgsiLdError as error:
            _log.warning("linked entities can't be read", tenant=self.tenant, reason=error.detail)
            return False
        except Exception:
            _log.exception("notification can't be built", tenant=self.tenant, subscription=self.subscription_id)
            return True
        if message is None:
            return True
        self._has_sent = True
        try:
            await courier.deliver(self.tenant, subscription, message, self._failures)
        except DeliveryError as error:
            if not self._failures:
                _log.warning(
                    "notification failed", tenant=self.tenant, subscription=self.subscription_id, reason=str(error)
                )
            return False
        return True

    async def _catch_up(self) -> None:
        """Fetch from the outbox what was left in it."""
        await self._courier.adopted.wait()
        self._has_missed = False
        room = max(1, min(LONGEST_QUEUE, LONGEST_QUEUES - self._courier.queued))
        try:
            entries = await self._courier.outbox.pending(self.tenant, self.subscription_id, room)
        except NgsiLdError as error:
            _log.warning("waiting for the outbox", tenant=self.tenant, reason=error.detail)
            await self._wait(1.0)
            return
        self._queue.extend(entries)
        self._courier.queued += len(entries)
        # What came in while the database answered may not be among the entries: then look once more.
        self._is_overflowed = self._has_missed or len(entries) == room

    async def _wait(self, seconds: float) -> None:
        self._waits = asyncio.current_task()
        self._has_waited = True
        try:
            await self._courier.timer.sleep(seconds)
        finally:
            if self._waits is asyncio.current_task():
                self._waits = None

    def _thin_out(self) -> None:
        """Of a throttled subscription only the newest state of each entity is kept waiting."""
        subscription = self._courier.find(self.tenant, self.subscription_id)
        if subscription is None or not subscription.throttling:
            return
        in_flight = [self._queue.popleft() for _ in range(self._in_flight)]
        newest, needless = newest_states(self._queue)
        self._courier.queued -= len(needless)
        self._queue = deque(in_flight)
        self._queue.extend(
            entry if change is entry.change else replace(entry, change=change) for entry, change in newest.values()
        )
        self._settle(needless)

    def _give_up_old(self) -> None:
        if self._courier.timer.monotonic() - self._failing_since < self._courier.give_up_after:
            return
        oldest = self._courier.clock.now() - int(self._courier.give_up_after * _SECOND)
        count = 0
        for entry in self._queue:
            if entry.change.at >= oldest:
                break
            count += 1
        if count:
            self._courier.tallies.of(self.tenant, self.subscription_id).given_up += count
            _log.error("notifications given up", tenant=self.tenant, subscription=self.subscription_id, count=count)
            self._settle(self._take(count))

    def _take(self, count: int) -> list[OutboxEntry]:
        self._courier.queued -= count
        return [self._queue.popleft() for _ in range(count)]

    def _settle(self, entries: Iterable[OutboxEntry]) -> None:
        for entry in entries:
            self._courier.outbox.settle(entry.key, self.subscription_id)
