"""Periodic notifications: subscriptions with a timeInterval (clauses 5.2.12, 5.8.6)."""

import asyncio

import structlog

from broker.core.model.errors import NgsiLdError
from broker.core.model.instant import Instant
from broker.core.subscribe.subscription import Subscription
from broker.operations.messages import periodic_messages
from broker.operations.notify import SubscriptionRecords
from broker.operations.ports import Clock, Ports
from broker.workers.notifications import Notifications

_log = structlog.get_logger("eclor.intervals")

_SECOND = 1_000_000
_LONGEST_NAP = 0.25
"""Seconds after which new subscriptions are noticed."""
_CLAIMED = 0.9
"""Part of an interval for which no other process sends: less than all of it, for clocks that differ."""


class Intervals:
    """Sends what is due, each subscription on its own. Several processes share the work without doubling it."""

    def __init__(self, notifications: Notifications, ports: Ports, store: SubscriptionRecords, clock: Clock) -> None:
        self._notifications = notifications
        self._ports = ports
        self._store = store
        self._clock = clock
        self._due: dict[tuple[str, str], tuple[Subscription, Instant]] = {}
        self._sending: dict[tuple[str, str], asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Send, for ever; cancel to end."""
        try:
            while True:
                soonest = self.send_due()
                nap = (soonest - self._clock.now()) / _SECOND if soonest is not None else _LONGEST_NAP
                await asyncio.sleep(min(max(nap, 0.01), _LONGEST_NAP))
        finally:
            for task in self._sending.values():
                task.cancel()

    def send_due(self) -> Instant | None:
        """Begin to send what is due now; when the next one will be, or None where there is none."""
        now = self._clock.now()
        due: dict[tuple[str, str], tuple[Subscription, Instant]] = {}
        for tenant, subscription in self._notifications.periodic():
            key = (tenant, subscription.id)
            known, at = self._due.get(key, (None, 0))
            interval = _interval(subscription)
            if known is not subscription:
                at = max(subscription.modified_at + interval, now)
            if at <= now:
                at += interval * ((now - at) // interval + 1)
                if key not in self._sending and subscription.is_sending(now):
                    self._begin(tenant, subscription)
            due[key] = (subscription, at)
        self._due = due
        return min((at for _, at in due.values()), default=None)

    def _begin(self, tenant: str, subscription: Subscription) -> None:
        key = (tenant, subscription.id)
        task = self._sending[key] = asyncio.create_task(self._send(tenant, subscription))
        task.add_done_callback(lambda _: self._sending.pop(key, None))

    async def _send(self, tenant: str, subscription: Subscription) -> None:
        try:
            now = self._clock.now()
            until = now + int(_interval(subscription) * _CLAIMED)
            if await self._store.claim(tenant, subscription.id, now, until):
                messages = await periodic_messages(self._ports, tenant, subscription, now)
                # It may have been paused or deleted while the entities were looked for.
                if self._notifications.find(tenant, subscription.id) is subscription:
                    await self._notifications.send_once(tenant, subscription, messages)
        except NgsiLdError as error:
            _log.warning("periodic notification left out", subscription=subscription.id, reason=error.detail)
        except Exception:
            _log.exception("periodic notification failed", subscription=subscription.id)


def _interval(subscription: Subscription) -> Instant:
    """In microseconds, at least 0.1 s: more often would keep the database busy with one subscription."""
    return max(int((subscription.time_interval or 0.0) * _SECOND), _SECOND // 10)
