"""How one message leaves the broker: built from changes, sent, counted. What all lanes share."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field

import structlog

from broker.core.model.change import Change
from broker.core.model.errors import NgsiLdError
from broker.core.model.instant import Instant
from broker.core.subscribe.message import Message
from broker.core.subscribe.notification import notification_of_changes
from broker.core.subscribe.schedule import brought_up_to_date
from broker.core.subscribe.subscription import Subscription
from broker.operations.distributed.uniting import united
from broker.operations.messages import joined_message
from broker.operations.notify import DeliveryError, Sink, Timer
from broker.operations.ports import Clock, Outbox, Ports
from broker.workers.tallies import Tallies

_log = structlog.get_logger("eclor.notifications")

_SUSPECTS_AT_ONCE = 64
"""Attempts at receivers that failed at least twice in a row: they may not take all connections from the others."""
_CLAIMED = 0.9
"""Part of the period of throttling for which no other process sends: less than all of it, for clocks that differ."""
_SECOND = 1_000_000


class SystemTimer:
    """The time of the machine and of the running loop."""

    def monotonic(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Come back after that long."""
        await asyncio.sleep(seconds)


@dataclass(slots=True)
class Courier:
    """Sends, for all lanes. `find` gives a subscription as it is now, or None; `is_gone`, that it is deleted.

    A receiver may be away for `give_up_after` seconds; after that, notifications of that age are given up. Until what
    former processes left is `adopted`, nothing is fetched from the outbox: newer entries would come first. `ports` is
    where linked entities are read. While other processes serve the same database (`is_shared`), `refresh` sees what
    they did to a tenant's subscriptions, and `claim` says whether this process may send to a subscription now, which
    then nobody else does until later. `queued` counts what all lanes hold in memory.
    """

    outbox: Outbox
    sinks: Mapping[str, Sink]
    clock: Clock
    timer: Timer
    tallies: Tallies
    find: Callable[[str, str], Subscription | None]
    is_gone: Callable[[str, str], bool]
    give_up_after: float
    is_shared: Callable[[], bool]
    refresh: Callable[[str], Awaitable[object]]
    claim: Callable[[str, str, Instant, Instant], Awaitable[bool]]
    ports: Ports | None = None
    queued: int = 0
    adopted: asyncio.Event = field(default_factory=asyncio.Event)
    _suspects: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_SUSPECTS_AT_ONCE))

    async def may_send(self, tenant: str, subscription: Subscription) -> bool:
        """Whether no other process has sent to the throttled subscription within its period."""
        now = self.clock.now()
        until = now + int(subscription.throttling * _CLAIMED * _SECOND)
        try:
            return await self.claim(tenant, subscription.id, now, until)
        except NgsiLdError as error:
            _log.warning("throttled notification waits", tenant=tenant, reason=error.detail)
            return False

    async def message(
        self, tenant: str, subscription: Subscription, changes: Sequence[Change], seed: str
    ) -> Message | None:
        """What to send; None where nothing is left once entities are put together. Raises what the store raises."""
        now, ports = self.clock.now(), self.ports
        if subscription.throttling and ports is not None and self.is_shared():
            # Another process may have told of a later state already: an earlier one must not follow it.
            current = await ports.entities.get_many(tenant, [change.entity.id for change in changes])
            changes = [brought_up_to_date(change, current.get(change.entity.id)) for change in changes]
        if subscription.whole is not None and ports is not None:
            changes = await united(ports, tenant, subscription, changes)
            if not changes:
                return None
        if subscription.join and ports is not None:
            return await joined_message(ports, tenant, subscription, changes, now, seed)
        return notification_of_changes(subscription, changes, now, seed, tenant)

    async def deliver(self, tenant: str, subscription: Subscription, message: Message, failures: int = 0) -> None:
        """Send once, and count it; `failures`: how often it failed before. Raises DeliveryError."""
        sink = self.sinks[subscription.endpoint.uri.partition(":")[0].lower()]
        self.tallies.of(tenant, subscription.id).sent(self.clock.now())
        try:
            async with self._suspects if failures > 1 else nullcontext():
                await sink.send(subscription.endpoint, message)
        except DeliveryError as error:
            self.tallies.of(tenant, subscription.id).failed(self.clock.now(), str(error))
            raise
        self.tallies.of(tenant, subscription.id).succeeded(self.clock.now())
