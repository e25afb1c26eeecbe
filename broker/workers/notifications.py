"""The notification side of the commit path: matching in memory, delivery in lanes (clause 5.8.6)."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

import structlog

from broker.core.model.change import Change
from broker.core.model.errors import NgsiLdError
from broker.core.model.instant import Instant
from broker.core.model.subscription import Stored
from broker.core.subscribe.index import SubscriptionIndex
from broker.core.subscribe.match import concerns, matching
from broker.core.subscribe.message import Message
from broker.core.subscribe.subscription import Subscription
from broker.operations.notify import DeliveryError, Sink, SubscriptionRecords, Timer
from broker.operations.ports import Clock, ContextLoader, Outbox, OutboxEntry, Ports
from broker.operations.subscriptions import load_subscription
from broker.workers.board import Board
from broker.workers.courier import Courier, SystemTimer
from broker.workers.lane import Lane
from broker.workers.tallies import Tallies

_log = structlog.get_logger("eclor.notifications")

GIVE_UP_AFTER = 3_600.0
"""Seconds for which a receiver may be away without losing a notification."""
_ABSENT = 1.0
"""Seconds between two attempts to reach the store at the start."""
_UPKEEP = 3.0
"""Seconds between two looks at what other processes did and at lanes that can be forgotten."""
_ADOPTION = 5.0
"""Seconds between two looks at what processes that died meanwhile left."""


SubscriptionBoard: TypeAlias = Board[Subscription, SubscriptionIndex]


class Notifications:
    """Notifier for all tenants of this process.

    `sinks` has one for each URI scheme (`http`, `https`, `mqtt`, `mqtts`). `is_shared`: whether other broker processes
    serve the same database. `attach` and `start` before use, `close` after it.
    """

    def __init__(
        self,
        *,
        store: SubscriptionRecords,
        outbox: Outbox,
        loader: ContextLoader,
        clock: Clock,
        sinks: Mapping[str, Sink],
        timer: Timer | None = None,
        give_up_after: float = GIVE_UP_AFTER,
        is_shared: Callable[[], bool] = lambda: False,
    ) -> None:
        self._splits_entities = False
        self._is_shared = is_shared
        self._store = store
        self._outbox = outbox
        self._loader = loader
        self._clock = clock
        self._sinks = sinks
        self._tallies = Tallies(store, is_shared)
        self._courier = Courier(
            outbox=outbox,
            sinks=sinks,
            clock=clock,
            timer=timer or SystemTimer(),
            tallies=self._tallies,
            find=self.find,
            is_gone=self.is_gone,
            give_up_after=give_up_after,
            is_shared=is_shared,
            refresh=self._refreshed,
            claim=store.claim,
        )
        self._courier.adopted.set()
        self._boards: dict[str, SubscriptionBoard] = {}
        self._lanes: dict[tuple[str, str], Lane] = {}
        self._resting: dict[tuple[str, str], Lane] = {}
        self._loops: list[asyncio.Task[None]] = []

    def attach(self, ports: Ports) -> None:
        """Read linked entities, and parts of entities, there."""
        self._courier.ports = ports
        self._splits_entities = ports.federation is not None and ports.federation.splits_entities

    async def start(self, tenants: Iterable[str]) -> None:
        """Load the subscriptions of these tenants, and begin to deliver what former processes left undelivered.

        What is dispatched from now on comes after that.
        """
        for tenant in tenants:
            # Without its subscriptions, a change would concern nobody and be told to nobody.
            while not await self._refreshed(tenant):  # noqa: ASYNC110 (the database tells nobody when it is back)
                await asyncio.sleep(_ABSENT)
        self._courier.adopted.clear()
        self._loops = [asyncio.create_task(each) for each in (self._keep_up(), self._keep_adopting())]

    async def close(self) -> None:
        """Stop sending; what is not delivered stays in the outbox. Counts are written."""
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*(lane.close() for lane in list(self._lanes.values())))
        await self._tallies.close()
        await asyncio.gather(*(sink.close() for sink in set(self._sinks.values())))

    def match(self, tenant: str, changes: Sequence[Change]) -> list[tuple[str, ...]]:
        """For each change, the ids of the subscriptions that it concerns."""
        board = self._boards.get(tenant)
        if board is None or not len(board.index):
            return [()] * len(changes)
        now = self._clock.now()
        return [self._matching(board, change, now) for change in changes]

    async def refresh(self, tenant: str) -> bool:
        """See what other broker processes did to the subscriptions; whether anything differed.

        Raises Unavailable where the store can't be reached.
        """
        differed = await self._board(tenant).refresh()
        self._changed(tenant, differed)
        return bool(differed)

    def dispatch(self, entries: Sequence[OutboxEntry]) -> None:
        """Take over entries that are durably in the outbox, and see that they are delivered."""
        if self._courier.adopted.is_set():
            self._offer(entries)
            return
        for entry in entries:
            for subscription_id in entry.subscriptions:
                self._lane(entry.tenant, subscription_id).leave()

    def subscribed(self, tenant: str, subscription: Subscription) -> None:
        """A subscription was created or updated by this process: the next `match` knows it."""
        self._board(tenant).put(subscription.uniting(self._splits_entities))
        self._changed(tenant, {subscription.id})

    def unsubscribed(self, tenant: str, subscription_id: str) -> None:
        """A subscription was deleted by this process: nothing more is matched or sent for it."""
        self._board(tenant).remove(subscription_id)
        self._changed(tenant, {subscription_id})

    async def counted(self, tenant: str) -> None:
        """Return once the store has all counts of notifications so far."""
        await self._tallies.all_written(tenant)

    def find(self, tenant: str, subscription_id: str) -> Subscription | None:
        """A subscription as it is now, or None."""
        board = self._boards.get(tenant)
        return None if board is None else board.index.get(subscription_id)

    async def current(self, tenant: str, subscription_id: str) -> Subscription | None:
        """A subscription as the store has it, or None. Raises Unavailable where the store can't be reached."""
        if self._is_shared() or tenant not in self._boards:
            await self.refresh(tenant)
        return self.find(tenant, subscription_id)

    def about(self, tenant: str, types: Iterable[str] | None) -> Iterable[Subscription]:
        """The subscriptions that may be about entities of these types (None: any), as this process knows them."""
        board = self._boards.get(tenant)
        return () if board is None else board.index.about(types)

    def is_gone(self, tenant: str, subscription_id: str) -> bool:
        """Whether there is certainly no such subscription any more; not so before the store could be asked."""
        board = self._boards.get(tenant)
        return board is not None and board.is_gone(subscription_id)

    def periodic(self) -> Iterator[tuple[str, Subscription]]:
        """The subscriptions with a timeInterval, with their tenants."""
        for tenant, board in self._boards.items():
            for subscription in board.index.periodic():
                yield tenant, subscription

    async def send_once(self, tenant: str, subscription: Subscription, messages: Sequence[Message]) -> None:
        """Send without retrying, and count: the next periodic notification tells more than this one."""
        for message in messages:
            try:
                await self._courier.deliver(tenant, subscription, message)
            except DeliveryError as error:
                _log.warning(
                    "periodic notification failed", tenant=tenant, subscription=subscription.id, reason=str(error)
                )
                return

    def _matching(self, board: SubscriptionBoard, change: Change, now: Instant) -> tuple[str, ...]:
        try:
            return matching(board.index, change, now)
        except Exception:
            # A subscription that trips over an entity must fail neither the write nor the other subscriptions.
            return tuple(each.id for each in board.index.candidates(change).values() if _concerns(each, change, now))

    def _new_board(self, tenant: str) -> SubscriptionBoard:
        return Board(tenant, self._store, SubscriptionIndex(), self._load)

    async def _load(self, stored: Stored) -> Subscription:
        return (await load_subscription(self._loader, stored, counts=False)).uniting(self._splits_entities)

    def _board(self, tenant: str) -> SubscriptionBoard:
        board = self._boards.get(tenant)
        if board is None:
            board = self._boards[tenant] = self._new_board(tenant)
        return board

    def _lane(self, tenant: str, subscription_id: str) -> Lane:
        key = (tenant, subscription_id)
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = Lane(tenant, subscription_id, self._courier, self._rest)
        return lane

    def _rest(self, lane: Lane) -> None:
        """Forget a lane that has nothing to do, at once or when its throttling has ended."""
        key = (lane.tenant, lane.subscription_id)
        if lane.is_resting:
            self._lanes.pop(key, None)
        else:
            self._resting[key] = lane

    def _offer(self, entries: Iterable[OutboxEntry]) -> None:
        for entry in entries:
            for subscription_id in entry.subscriptions:
                self._lane(entry.tenant, subscription_id).offer(entry)

    def _changed(self, tenant: str, subscription_ids: Iterable[str]) -> None:
        for subscription_id in subscription_ids:
            lane = self._lanes.get((tenant, subscription_id))
            if lane is None:
                continue
            if self.find(tenant, subscription_id) is None:
                lane.drop()
            else:
                lane.look_again()

    async def _refreshed(self, tenant: str) -> bool:
        """Whether the store could be asked."""
        try:
            await self.refresh(tenant)
        except NgsiLdError as error:
            _log.warning("subscriptions can't be read", tenant=tenant, reason=error.detail)
            return False
        return True

    async def _keep_adopting(self) -> None:
        while True:
            if await self._adopt():
                self._courier.adopted.set()
            await asyncio.sleep(_ADOPTION if self._courier.adopted.is_set() else _ABSENT)

    async def _adopt(self) -> bool:
        """Take over the undelivered notifications of processes that are gone; whether that was all of them."""
        try:
            async for entries in self._outbox.adopt_abandoned():
                # At once: the outbox counts them as offered. Their lanes wait for the subscriptions.
                self._offer(entries)
                for tenant in {entry.tenant for entry in entries} - self._boards.keys():
                    await self._refreshed(tenant)
        except NgsiLdError as error:
            _log.warning("adoption waits", reason=error.detail)
            return False
        except Exception:
            _log.exception("adoption failed")
            return False
        return True

    async def _keep_up(self) -> None:
        while True:
            await asyncio.sleep(_UPKEEP)
            for key, lane in list(self._resting.items()):
                if lane.is_resting:
                    del self._resting[key]
                    if self._lanes.get(key) is lane:
                        del self._lanes[key]
            for tenant, board in list(self._boards.items()):
                await self._refreshed(tenant)
                try:
                    self._changed(tenant, await board.look_again())
                except NgsiLdError as error:
                    _log.warning("subscriptions can't be read", tenant=tenant, reason=error.detail)


def _concerns(subscription: Subscription, change: Change, now: Instant) -> bool:
    try:
        return concerns(subscription, change, now)
    except Exception:
        _log.exception("subscription can't be matched", subscription=subscription.id)
        return False
