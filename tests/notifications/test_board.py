"""The subscriptions of a process keep in step with the store, whatever comes in between."""

import asyncio
from functools import partial

from broker.adapters.memory.stores import MemorySubscriptions
from broker.core.model.errors import LdContextNotAvailable
from broker.core.subscribe.index import SubscriptionIndex
from broker.operations.notify import SubscriptionChanges
from broker.operations.subscriptions import delete_subscription, load_subscription, update_subscription
from broker.workers import board as boards
from broker.workers.board import Board
from tests.core.subscribe.building import CONTEXT, CONTEXT_URL
from tests.notifications.world import KnownContexts

ID = "urn:ngsi-ld:Subscription:1"


class SlowStore(MemorySubscriptions):
    """Answers with what it had when it was asked, once the gate is open."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = asyncio.Event()

    async def page(self, tenant, limit, offset):
        answer = await super().page(tenant, limit, offset)
        self.asked.set()
        await self.gate.wait()
        return answer


async def while_refreshing(broker, store, act):
    """Do something while a refresh waits for the store's answer."""
    store.gate.clear()
    store.asked.clear()
    refreshing = asyncio.create_task(broker.notifications.refresh(""))
    await store.asked.wait()
    await act
    store.gate.set()
    await refreshing


async def test_a_refresh_never_brings_back_what_this_process_deleted(make_broker):
    store = SlowStore()
    broker = make_broker(store)
    await broker.subscribe()
    await while_refreshing(broker, store, delete_subscription(broker.ports, "", ID))
    assert broker.notifications.find("", ID) is None


async def test_a_refresh_never_undoes_an_update_of_this_process(make_broker):
    store = SlowStore()
    broker = make_broker(store)
    await broker.subscribe(throttling=1)
    change = update_subscription(broker.ports, "", ID, {"throttling": 7}, CONTEXT)
    await while_refreshing(broker, store, change)
    assert broker.notifications.find("", ID).throttling == 7


async def test_a_subscription_whose_context_is_away_is_read_once_it_is_back(make_broker, monkeypatch):
    class Away(KnownContexts):
        is_away = True

        async def load(self, context, *, counts=True):
            if self.is_away and context == CONTEXT_URL:
                raise LdContextNotAvailable("away")
            return await super().load(context)

    monkeypatch.setattr(boards, "_RETRY_AFTER", 0.0)
    broker = make_broker()
    await broker.subscribe()
    loader = Away()
    board = Board("", broker.store, SubscriptionIndex(), partial(load_subscription, loader))
    assert await board.refresh() == set()
    assert await board.look_again() == set()
    assert len(board.index) == 0
    loader.is_away = False
    assert await board.look_again() == {ID}
    assert board.index.get(ID) is not None
    assert await board.look_again() == set()


class DyingStore(MemorySubscriptions):
    """A writer that says what it is going to store, and dies after it has stored it: nobody hears of it again."""

    def __init__(self) -> None:
        super().__init__()
        self.noted: list[str] = []

    async def changes(self, tenant, since):
        noted, self.noted = self.noted, []
        return SubscriptionChanges(since + len(noted), {each: await self.get(tenant, each) for each in noted})


async def test_what_a_writer_stored_before_it_died_is_found_by_the_others(make_broker):
    writer = make_broker(DyingStore())
    store = writer.store
    board = Board("", store, SubscriptionIndex(), partial(load_subscription, KnownContexts()))
    store.noted.append(ID)
    assert await board.refresh() == set()
    await writer.subscribe()
    assert await board.refresh() == set()
    assert await board.look_again() | await board.look_again() == {ID}
    assert board.index.get(ID) is not None


class HeldStore(MemorySubscriptions):
    """Holds back the answer to the first question until the gate is open."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.is_asked = False

    async def page(self, tenant, limit, offset):
        answer, first = await super().page(tenant, limit, offset), not self.is_asked
        self.is_asked = True
        if first:
            await self.gate.wait()
        return answer


async def test_a_refresh_that_read_before_another_one_undoes_nothing_of_it(make_broker):
    store = HeldStore()
    writer, reader = make_broker(store), make_broker(store)
    store._advance("")
    slow = asyncio.create_task(reader.notifications.refresh(""))
    await asyncio.sleep(0)
    await writer.subscribe()
    await reader.notifications.refresh("")
    assert reader.notifications.find("", ID) is not None
    store.gate.set()
    await slow
    assert reader.notifications.find("", ID) is not None


async def test_many_are_applied_in_turns_and_what_is_deleted_in_between_stays_deleted(make_broker, monkeypatch):
    monkeypatch.setattr(boards, "_APPLIED_AT_ONCE", 1)
    store = MemorySubscriptions()
    first = make_broker(store)
    for number in range(5):
        await first.subscribe(id=f"urn:s:{number}")
    board = Board("", store, SubscriptionIndex(), partial(load_subscription, KnownContexts()))
    refreshing = asyncio.create_task(board.refresh())
    while not len(board.index):  # noqa: ASYNC110 (the refresh tells nobody how far it is)
        await asyncio.sleep(0)
    assert len(board.index) < 5
    await store.delete("", "urn:s:4")
    board.remove("urn:s:4")
    await refreshing
    assert [each.id for each in board.index] == [f"urn:s:{number}" for number in range(4)]


async def test_5_8_2_of_two_states_the_newer_one_stays_whichever_is_told_last(make_broker):
    broker = make_broker(MemorySubscriptions())
    await broker.subscribe()
    older = broker.notifications.find("", ID)
    await update_subscription(broker.ports, "", ID, {"q": "level>1"}, CONTEXT)
    newer = broker.notifications.find("", ID)
    broker.notifications.subscribed("", older)
    assert broker.notifications.find("", ID) is newer
