"""Notifications about registrations: matching in memory, one queue for each subscription (clause 5.11.7).

What waits is in the outbox until its receiver has it, so that a restart loses nothing.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import structlog

from broker.core.federate.documents import rendered
from broker.core.federate.notification import (
    Reason,
    RegistrationSubscription,
    notification_of_registrations,
    reason_of,
)
from broker.core.federate.registration import Registration
from broker.core.model.errors import NgsiLdError
from broker.core.model.instant import Instant
from broker.core.subscribe.message import Message
from broker.core.subscribe.schedule import retry_delay
from broker.operations.notify import DeliveryError, MessageOutbox, Sink, SubscriptionRecords
from broker.operations.ports import Clock, ContextLoader, TenantStore
from broker.operations.registration_subscriptions import load_registration_subscription
from broker.workers.board import Board
from broker.workers.tallies import Tallies

_log = structlog.get_logger("eclor.registrations")

_SELDOM = 30
"""Rounds of upkeep between two looks at the store where no other process lives."""
_UPKEEP = 1.0
"""Seconds between two looks at what other processes did."""
_ADOPTION = 5
"""Rounds of upkeep between two looks for what a dead process left."""
_ATTEMPTS = 8
"""Tries of one notification: over two minutes, for which a receiver may be away."""
_WAITING = 1_000
"""Notifications that wait for one receiver; of more, the oldest are lost."""
_LARGEST = 100
"""Registrations in one notification."""
_SECOND = 1_000_000


class SubscriptionTable:
    """Registration subscriptions of one tenant by id."""

    def __init__(self) -> None:
        self._by_id: dict[str, RegistrationSubscription] = {}

    def __iter__(self) -> Iterator[RegistrationSubscription]:
        return iter(self._by_id.values())

    def get(self, subscription_id: str, /) -> RegistrationSubscription | None:
        """The subscription, or None."""
        return self._by_id.get(subscription_id)

    def put(self, subscription: RegistrationSubscription, /) -> None:
        """Add a subscription, or replace the one with its id."""
        self._by_id[subscription.id] = subscription

    def remove(self, subscription_id: str, /) -> None:
        """Take a subscription out, if it is there."""
        self._by_id.pop(subscription_id, None)


_Board: TypeAlias = Board[RegistrationSubscription, SubscriptionTable]


@dataclass(slots=True)
class _Queue:
    """What waits for one receiver, and who sends it."""

    waiting: deque[tuple[str, Message]]
    task: asyncio.Task[None] | None = None


class RegistrationNotifications:
    """The RegistrationNotifier of a process. `start` before use, `close` after it.

    `is_shared` tells whether other processes change the store, too.
    """

    def __init__(
        self,
        *,
        store: SubscriptionRecords,
        tenants: TenantStore,
        loader: ContextLoader,
        clock: Clock,
        sinks: Mapping[str, Sink],
        outbox: MessageOutbox,
        is_shared: Callable[[], bool] = lambda: True,
    ) -> None:
        self._is_shared = is_shared
        self._outbox = outbox
        self._store = store
        self._tenants = tenants
        self._loader = loader
        self._clock = clock
        self._sinks = sinks
        self._tallies = Tallies(store)
        self._boards: dict[str, _Board] = {}
        self._queues: dict[tuple[str, str], _Queue] = {}
        self._due: dict[tuple[str, str], Instant] = {}
        self._registrations: Any = None
        self._upkeep: asyncio.Task[None] | None = None

    async def start(self, registrations: Any) -> None:
        """Load the subscriptions. `registrations.of(tenant)` gives a tenant's registrations, or None."""
        self._registrations = registrations
        for tenant in await self._tenants.all():
            await self._refresh(tenant)
        await self._adopt()
        self._upkeep = asyncio.create_task(self._keep_up())

    async def close(self) -> None:
        """Stop sending; what waits stays in the outbox. Counts are written."""
        tasks = [queue.task for queue in self._queues.values() if queue.task is not None]
        for task in (*tasks, *((self._upkeep,) if self._upkeep is not None else ())):
            task.cancel()
        await self._tallies.close()

    async def tell(self, tenant: str, before: Registration | None, after: Registration | None) -> None:
        """A registration was created, updated or deleted by this process: keep what is to be told of it, and send it.

        Where the store can't be asked for subscriptions that others made, those known here are told.
        """
        if self._is_shared():
            try:
                await self._refresh(tenant)
            except NgsiLdError as error:
                _log.warning("subscriptions to registrations can't be read", tenant=tenant, reason=error.detail)
        board = self._boards.get(tenant)
        now = self._clock.now()
        for each in list(board.index) if board is not None else ():
            subscription = each.subscription
            if subscription.time_interval is not None or not subscription.is_sending(now):
                continue
            was, places = each.places(before), each.places(after)
            reason = reason_of(bool(was), bool(places))
            registration = after if places else before
            if reason is not None and registration is not None:
                shown = rendered(registration, subscription.context, {}, places or was)
                await self._send(tenant, each, notification_of_registrations(subscription, [shown], reason, now))

    async def subscribed(self, tenant: str, subscription: RegistrationSubscription) -> None:
        """A subscription was created or updated: tell it of all that matches now, instead of what waits."""
        self._board(tenant).put(subscription)
        if self._queues.pop((tenant, subscription.id), None) is not None:
            await self._outbox.remove_all(tenant, subscription.id)
        await self._send_all(tenant, subscription)

    async def unsubscribed(self, tenant: str, subscription_id: str) -> None:
        """A subscription was deleted: nothing more is sent for it."""
        self._board(tenant).remove(subscription_id)
        self._drop(tenant, subscription_id)
        await self._outbox.remove_all(tenant, subscription_id)

    async def counted(self, tenant: str) -> None:
        """Return once the store has all counts of notifications so far."""
        await self._tallies.written(tenant)

    async def _send_all(self, tenant: str, subscription: RegistrationSubscription) -> None:
        """All registrations that match now; nothing where none does."""
        now = self._clock.now()
        self._due[tenant, subscription.id] = now + _interval(subscription)
        if not subscription.subscription.is_sending(now):
            return
        matched = []
        for registration in self._registrations.of(tenant) or ():
            places = subscription.places(registration)
            if places and not registration.is_expired(now):
                matched.append(rendered(registration, subscription.subscription.context, {}, places))
        for start in range(0, len(matched), _LARGEST):
            part = matched[start : start + _LARGEST]
            message = notification_of_registrations(subscription.subscription, part, Reason.NEWLY_MATCHING, now)
            await self._send(tenant, subscription, message)

    async def _send(self, tenant: str, subscription: RegistrationSubscription, message: Message) -> None:
        entry = await self._outbox.add(tenant, subscription.id, message)
        lost = self._queue(tenant, subscription.id, entry, message)
        if lost is not None:
            _log.error("notification given up", tenant=tenant, subscription=subscription.id, most=_WAITING)
            await self._outbox.remove(lost)

    def _queue(self, tenant: str, subscription_id: str, entry: str, message: Message) -> str | None:
        """Let a kept message wait for its turn; the one that had to make room, if any had to."""
        key = (tenant, subscription_id)
        queue = self._queues.get(key)
        if queue is None:
            queue = self._queues[key] = _Queue(deque())
        queue.waiting.append((entry, message))
        lost = queue.waiting.popleft()[0] if len(queue.waiting) > _WAITING else None
        if queue.task is None:
            queue.task = asyncio.create_task(self._deliver(key, queue))
        return lost

    async def _adopt(self) -> None:
        async for adopted in self._outbox.adopt():
            lost = [self._queue(each.tenant, each.subscription, each.key, each.message) for each in adopted]
            for key in filter(None, lost):
                await self._outbox.remove(key)

    async def _deliver(self, key: tuple[str, str], queue: _Queue) -> None:
        while queue.waiting and self._queues.get(key) is queue:
            entry, message = queue.waiting.popleft()
            for attempt in range(1, _ATTEMPTS + 1):
                board = self._boards.get(key[0])
                subscription = None if board is None else board.index.get(key[1])
                if subscription is None or await self._delivered(key[0], subscription, message, first=attempt == 1):
                    break
                await asyncio.sleep(retry_delay(attempt, subscription.subscription.endpoint.cooldown))
            await self._forget(entry)
        if self._queues.get(key) is queue:
            del self._queues[key]

    async def _forget(self, entry: str) -> None:
        try:
            await self._outbox.remove(entry)
        except NgsiLdError as error:
            # It comes again after a restart: at least once.
            _log.warning("notification could not be settled", reason=error.detail)

    async def _delivered(
        self, tenant: str, subscription: RegistrationSubscription, message: Message, *, first: bool
    ) -> bool:
        """One attempt. However many a notification needs, it counts as one that was sent, and failed, once."""
        endpoint = subscription.subscription.endpoint
        if first:
            self._tallies.of(tenant, subscription.id).sent(self._clock.now())
        try:
            await self._sinks[endpoint.uri.partition(":")[0].lower()].send(endpoint, message)
        except DeliveryError as error:
            if first:
                self._tallies.of(tenant, subscription.id).failed(self._clock.now())
                _log.warning("notification failed", tenant=tenant, subscription=subscription.id, reason=str(error))
            return False
        self._tallies.of(tenant, subscription.id).succeeded(self._clock.now())
        return True

    def _board(self, tenant: str) -> _Board:
        board = self._boards.get(tenant)
        if board is None:
            load = partial(load_registration_subscription, self._loader)
            board = self._boards[tenant] = Board(tenant, self._store, SubscriptionTable(), load)
        return board

    def _drop(self, tenant: str, subscription_id: str) -> None:
        self._due.pop((tenant, subscription_id), None)
        queue = self._queues.pop((tenant, subscription_id), None)
        if queue is not None and queue.task is not None:
            queue.task.cancel()

    async def _refresh(self, tenant: str) -> None:
        self._drop_gone(tenant, await self._board(tenant).refresh())

    def _drop_gone(self, tenant: str, differed: Iterable[str]) -> None:
        for subscription_id in differed:
            if self._board(tenant).index.get(subscription_id) is None:
                self._drop(tenant, subscription_id)

    async def _keep_up(self) -> None:
        was_shared, rounds = True, 0
        while True:
            await asyncio.sleep(_UPKEEP)
            # Once more after another process has gone: what it changed last is there to be read.
            is_shared, rounds = self._is_shared(), rounds + 1
            refreshes, was_shared = is_shared or was_shared or rounds % _SELDOM == 0, is_shared
            try:
                if not rounds % _ADOPTION:
                    await self._adopt()
                for tenant in await self._tenants.all():
                    if refreshes:
                        await self._refresh(tenant)
                    self._drop_gone(tenant, await self._board(tenant).look_again())
                    for each in list(self._board(tenant).index):
                        if each.subscription.time_interval is not None:
                            await self._send_if_due(tenant, each)
            except NgsiLdError as error:
                _log.warning("subscriptions to registrations wait for the database", reason=error.detail)
            except Exception:
                _log.exception("subscriptions to registrations could not be kept up")

    async def _send_if_due(self, tenant: str, subscription: RegistrationSubscription) -> None:
        """Periodic notifications: of several processes, the one that claims the interval sends."""
        now = self._clock.now()
        due = self._due.setdefault((tenant, subscription.id), subscription.modified_at + _interval(subscription))
        if due > now:
            return
        interval = _interval(subscription)
        self._due[tenant, subscription.id] = due + interval * ((now - due) // interval + 1)
        if await self._store.claim(tenant, subscription.id, now, now + int(interval * 0.9)):
            next_due = self._due[tenant, subscription.id]
            await self._send_all(tenant, subscription)
            self._due[tenant, subscription.id] = next_due


def _interval(subscription: RegistrationSubscription) -> Instant:
    """In microseconds; at least a second, at which the subscriptions are looked at."""
    return max(int((subscription.subscription.time_interval or 0.0) * _SECOND), _SECOND)
