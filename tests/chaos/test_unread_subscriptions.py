"""A broker that restarts while database or contexts are away: a subscription it can't read yet is not a deleted one."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from broker.adapters.memory.stores import MemorySubscriptions
from broker.core.model.errors import LdContextNotAvailable, Unavailable
from broker.operations.notify import SubscriptionChanges
from broker.workers import board, lane, notifications
from tests.core.subscribe.building import CONTEXT_URL, created, entity
from tests.notifications.world import Broker, KnownContexts, OpenOutbox, Receiver, until


class FlickeringStore(MemorySubscriptions):
    """A store that can be away."""

    is_away = False

    async def changes(self, tenant: str, since: int) -> SubscriptionChanges:
        if self.is_away:
            raise Unavailable("away")
        return await super().changes(tenant, since)


@pytest.fixture(name="receiver")
async def running_receiver() -> AsyncIterator[Receiver]:
    receiver = await Receiver().start()
    yield receiver
    await receiver.stop()


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifications, "_ABSENT", 0.05)
    monkeypatch.setattr(notifications, "_UPKEEP", 0.05)
    monkeypatch.setattr(lane, "_UNREAD", 0.05)
    monkeypatch.setattr(board, "_RETRY_AFTER", 0.1)


async def owed(receiver: Receiver, store: MemorySubscriptions) -> OpenOutbox:
    """What a broker leaves that dies while its receiver is away."""
    outbox = OpenOutbox()
    former = Broker(store, outbox, None, 3_600.0)
    await former.subscribe(notification=receiver.notification())
    receiver.status = 503
    former.commit(created(entity(level=1)))
    await until(lambda: receiver.requests)
    await former.notifications.close()
    receiver.status = 200
    assert outbox.waiting
    return outbox


async def test_a_broker_begins_only_when_it_knows_the_subscriptions(receiver: Receiver) -> None:
    store = FlickeringStore()
    outbox = await owed(receiver, store)
    store.is_away = True
    successor = Broker(store, outbox, None, 3_600.0)
    starting = asyncio.create_task(successor.notifications.start([""]))
    await asyncio.sleep(0.3)
    assert not starting.done()
    assert outbox.waiting
    store.is_away = False
    await starting
    await until(lambda: receiver.values() == [1])
    await until(lambda: not outbox.waiting)
    await successor.notifications.close()


async def test_what_is_owed_waits_for_a_subscription_whose_context_is_away(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = MemorySubscriptions()
    outbox = await owed(receiver, store)
    successor = Broker(store, outbox, None, 3_600.0)
    is_away = True
    load = KnownContexts.load

    async def load_or_fail(self: KnownContexts, context: Any, *, counts: bool = True) -> Any:
        if is_away and context == CONTEXT_URL:
            raise LdContextNotAvailable("away")
        return await load(self, context, counts=counts)

    monkeypatch.setattr(KnownContexts, "load", load_or_fail)
    await successor.notifications.start([""])
    await asyncio.sleep(0.3)
    assert outbox.waiting
    assert not outbox.settled
    is_away = False
    await until(lambda: receiver.values() == [1])
    await until(lambda: not outbox.waiting)
    await successor.notifications.close()
