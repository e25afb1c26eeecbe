"""What dead brokers owed is adopted whole and in order, even if the database goes away in the middle of it."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.cursor import AsyncCursor
from pymongo.errors import AutoReconnect

from broker.adapters.memory.stores import MemorySubscriptions
from broker.adapters.mongo import owned
from broker.adapters.mongo.client import Databases, connect
from broker.adapters.mongo.outbox import MongoOutbox
from broker.adapters.mongo.presence import Presence
from broker.adapters.mongo.registration_outbox import MongoRegistrationOutbox
from broker.adapters.mongo.tenants import MongoTenants
from broker.core.model.change import Change, Trigger
from broker.core.model.entity import Entity
from broker.core.model.errors import Unavailable
from broker.core.subscribe.message import Message
from broker.operations.notify import WaitingMessage
from broker.operations.ports import OutboxEntry
from broker.workers import notifications
from tests.core.subscribe.building import created, entity
from tests.notifications.world import Broker, OpenOutbox, Receiver, until

_SUBSCRIPTION = "urn:ngsi-ld:Subscription:1"
_JOURNAL = {"w": 1, "j": True}
_QUICKLY = {"w": 1, "j": False}
_MORE_THAN_AT_ONCE = 2_100
T = TypeVar("T")


def change(number: int) -> Change:
    return Change(Trigger.ENTITY_CREATED, Entity(f"urn:ngsi-ld:T:{number}", ["https://example.org/T"], {}), number)


@pytest.fixture(name="databases")
async def empty_databases(mongo_url: str) -> AsyncIterator[Databases]:
    databases = Databases(connect(mongo_url))
    for collection in ("outbox", "registrationOutbox"):
        await databases.main[collection].delete_many({})
    yield databases
    for collection in ("outbox", "registrationOutbox"):
        await databases.main[collection].delete_many({})
    await databases.client.close()


@pytest.fixture(name="receiver")
async def running_receiver() -> AsyncIterator[Receiver]:
    receiver = await Receiver().start()
    yield receiver
    await receiver.stop()


def outbox(databases: Databases) -> MongoOutbox:
    """That of a broker process of its own, which is announced nowhere: to others it is dead."""
    return MongoOutbox(databases, Presence(databases), MongoTenants(databases))


async def owe(databases: Databases, *numbers: int) -> None:
    dead = outbox(databases)
    for number in numbers:
        await dead.add("", [(change(number), (_SUBSCRIPTION,))], _JOURNAL)


async def take(parts: AsyncIterator[list[T]], found: list[T]) -> None:
    """Whatever is found before the database goes away stays found."""
    async for part in parts:
        found += part


async def adopted(living: MongoOutbox) -> list[OutboxEntry]:
    found: list[OutboxEntry] = []
    await take(living.adopt_abandoned(), found)
    return found


async def numbers_adopted(living: MongoOutbox) -> list[int]:
    return [each.change.at for each in await adopted(living)]


@dataclass
class Outage:
    """The database is away for the n-th operation of a kind, before it heard of it or before it could answer."""

    kind: type
    operation: str
    number: int
    is_heard: bool

    def begin(self, monkeypatch: pytest.MonkeyPatch) -> None:
        operation, calls = getattr(self.kind, self.operation), itertools.count(1)

        async def fail(driver: Any, *arguments: Any, **named: Any) -> Any:
            is_away = next(calls) == self.number
            if is_away and not self.is_heard:
                raise AutoReconnect("gone")
            answer = await operation(driver, *arguments, **named)
            if is_away:
                raise AutoReconnect("gone")
            return answer

        monkeypatch.setattr(self.kind, self.operation, fail)


OUTAGES = [
    Outage(AsyncCollection, "update_many", 1, is_heard=False),
    Outage(AsyncCollection, "update_many", 1, is_heard=True),
    Outage(AsyncCollection, "update_many", 2, is_heard=False),
    Outage(AsyncCollection, "update_many", 2, is_heard=True),
    # `to_list` looks for a part, then reads it.
    Outage(AsyncCursor, "to_list", 2, is_heard=False),
    Outage(AsyncCursor, "to_list", 3, is_heard=False),
]


@pytest.fixture(name="parts_of_two")
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owned, "_ADOPTED_AT_ONCE", 2)


async def test_what_several_dead_brokers_owed_is_adopted_in_order_of_time(databases: Databases) -> None:
    for number in range(6):
        # Their names say nothing about which came first.
        await owe(databases, number)
    assert await numbers_adopted(outbox(databases)) == list(range(6))


async def test_however_much_is_owed_one_look_takes_all_of_it_over_in_order(databases: Databases) -> None:
    dead = outbox(databases)
    for number in range(_MORE_THAN_AT_ONCE):
        await dead.add("", [(change(number), (_SUBSCRIPTION,))], _QUICKLY)
    assert await numbers_adopted(outbox(databases)) == list(range(_MORE_THAN_AT_ONCE))


async def test_what_is_owed_is_told_before_what_is_written_after_the_restart(
    databases: Databases, receiver: Receiver
) -> None:
    store = MemorySubscriptions()
    subscription = await Broker(store, outbox(databases), None, 3_600.0).subscribe(notification=receiver.notification())
    dead = outbox(databases)
    of_one_entity = {0: 1, 1_500: 2, _MORE_THAN_AT_ONCE - 1: 3}
    for number in range(_MORE_THAN_AT_ONCE):
        states = entity(str(number), level=0)
        if number in of_one_entity:
            states = entity("one", level=of_one_entity[number])
        await dead.add("", [(created(states), (subscription,))], _QUICKLY)

    living = outbox(databases)
    successor = Broker(store, living, None, 3_600.0)
    await successor.notifications.start([""])
    # The first that the broker is asked for once it serves.
    written = created(entity("one", level=4))
    successor.notifications.dispatch(await living.add("", [(written, (subscription,))], _QUICKLY))

    def told() -> list[tuple[str, Any]]:
        return [(each["id"], each["level"]["value"]) for body in receiver.bodies for each in body["data"]]

    await until(lambda: len(told()) > _MORE_THAN_AT_ONCE, 60.0)
    await successor.notifications.close()
    assert [level for id_, level in told() if id_ == written.entity.id] == [1, 2, 3, 4]
    assert len(told()) == len(set(told())) == _MORE_THAN_AT_ONCE + 1


@pytest.mark.parametrize("outage", OUTAGES)
@pytest.mark.usefixtures("parts_of_two")
async def test_an_adoption_that_was_cut_short_is_finished_by_the_next(
    databases: Databases, monkeypatch: pytest.MonkeyPatch, outage: Outage
) -> None:
    await owe(databases, *range(5))
    living = outbox(databases)
    found: list[OutboxEntry] = []
    outage.begin(monkeypatch)
    with pytest.raises(Unavailable):
        await take(living.adopt_abandoned(), found)
    assert len(found) < 5
    found += await adopted(living)
    assert [each.change.at for each in found] == list(range(5))
    assert await adopted(living) == []


@pytest.mark.parametrize("outage", OUTAGES)
@pytest.mark.usefixtures("parts_of_two")
async def test_what_is_written_after_the_restart_waits_until_everything_is_adopted(
    databases: Databases, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, outage: Outage
) -> None:
    monkeypatch.setattr(notifications, "_ABSENT", 0.05)
    store = MemorySubscriptions()
    former = Broker(store, outbox(databases), None, 3_600.0)
    subscription = await former.subscribe(notification=receiver.notification())
    dead = outbox(databases)
    for level in range(5):
        await dead.add("", [(created(entity(level=level)), (subscription,))], _JOURNAL)
    living = outbox(databases)
    successor = Broker(store, living, None, 3_600.0)
    outage.begin(monkeypatch)
    await successor.notifications.start([""])
    written = [(created(entity(level=5)), (subscription,))]
    successor.notifications.dispatch(await living.add("", written, _JOURNAL))
    await until(lambda: len(receiver.values()) == 6)
    await successor.notifications.close()
    assert receiver.values() == list(range(6))


class SlowOutbox(OpenOutbox):
    """Its adoption gives one entry, and the others once the test lets it go on."""

    def __init__(self) -> None:
        super().__init__()
        self.goes_on = asyncio.Event()

    async def adopt_abandoned(self) -> AsyncIterator[list[OutboxEntry]]:
        if self.is_adopted:
            return
        first, *others = self.waiting.values()
        yield [first]
        await self.goes_on.wait()
        self.is_adopted = True
        yield others


async def test_a_broker_serves_while_it_adopts_and_tells_nothing_out_of_turn(receiver: Receiver) -> None:
    outbox_ = SlowOutbox()
    broker = Broker(MemorySubscriptions(), outbox_, None, 3_600.0)
    subscription = await broker.subscribe(notification=receiver.notification())
    owed = [created(entity(level=1)), created(entity(level=2))]
    broker.keep([OutboxEntry(f"dead-{n}/0", "", each, (subscription,)) for n, each in enumerate(owed)])
    await broker.notifications.start([""])
    await until(lambda: receiver.values() == [1])
    broker.commit(created(entity(level=3)), created(entity("other", level=4)))
    # Time enough for what must not happen.
    await asyncio.sleep(0.2)
    assert receiver.values() == [1]
    assert not outbox_.fetched
    outbox_.goes_on.set()
    await until(lambda: len(receiver.values()) == 4)
    assert receiver.values() == [1, 2, 3, 4]
    broker.commit(created(entity(level=5)))
    await until(lambda: len(receiver.values()) == 5)
    await until(lambda: not outbox_.waiting)
    await broker.notifications.close()


async def test_two_who_adopt_at_once_share_and_double_nothing(databases: Databases) -> None:
    await owe(databases, *range(20))
    first, second = outbox(databases), outbox(databases)
    # Each takes the other for living, as processes do that have seen each other.
    both = {first._owned.owner, second._owned.owner}
    first._owned._presence.living = second._owned._presence.living = both
    found = await asyncio.gather(numbers_adopted(first), numbers_adopted(second))
    assert sorted(itertools.chain(*found)) == list(range(20))


async def test_what_is_written_after_an_adoption_comes_after_it_though_the_clock_was_set_back(
    databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    await owe(databases, 1, 2)
    living = outbox(databases)
    await adopted(living)
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    await living.add("", [(change(3), (_SUBSCRIPTION,))], _JOURNAL)
    assert [each.change.at for each in await living.pending("", _SUBSCRIPTION, 10)] == [1, 2, 3]


async def test_what_is_adopted_while_somebody_fetches_is_left_to_its_being_offered(
    databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    living = outbox(databases)
    await living.add("", [(change(1), (_SUBSCRIPTION,))], _JOURNAL)
    await owe(databases, 2, 3)
    await living.add("", [(change(4), (_SUBSCRIPTION,))], _JOURNAL)
    read, was_asked = AsyncCursor.next, False

    async def adopt_first(cursor: Any) -> Any:
        nonlocal was_asked
        if not was_asked:
            was_asked = True
            await adopted(living)
        return await read(cursor)

    monkeypatch.setattr(AsyncCursor, "__anext__", adopt_first)
    assert [each.change.at for each in await living.pending("", _SUBSCRIPTION, 10)] == [1, 4]
    assert [each.change.at for each in await living.pending("", _SUBSCRIPTION, 10)] == [1, 2, 3, 4]


@pytest.mark.parametrize("outage", OUTAGES)
@pytest.mark.usefixtures("parts_of_two")
async def test_messages_about_registrations_are_adopted_whole_and_in_order(
    databases: Databases, monkeypatch: pytest.MonkeyPatch, outage: Outage
) -> None:
    dead = MongoRegistrationOutbox(databases, Presence(databases))
    keys = [await dead.add("", _SUBSCRIPTION, Message("application/json", b"{}", None, (), "")) for _ in range(5)]
    living = MongoRegistrationOutbox(databases, Presence(databases))
    outage.begin(monkeypatch)
    found: list[WaitingMessage] = []
    with pytest.raises(Unavailable):
        await take(living.adopt(), found)
    await take(living.adopt(), found)
    assert [each.key for each in found] == keys
