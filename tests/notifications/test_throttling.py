"""Throttling and cooldown on a clock that the test moves (clauses 5.2.12, 5.2.15)."""

import asyncio

import pytest

from tests.core.subscribe.building import created, entity, updated
from tests.notifications.world import SteppedTimer, until


@pytest.fixture
def timer():
    return SteppedTimer()


@pytest.fixture
def broker(make_broker, timer):
    return make_broker(timer=timer)


async def settled(seconds=0.05):
    await asyncio.sleep(seconds)


async def test_5_2_12_within_the_window_nothing_is_sent_and_after_it_the_newest_state(broker, receiver, timer):
    await broker.subscribe(throttling=10, notification=receiver.notification())
    broker.commit(created(entity(level=0)))
    await until(lambda: receiver.bodies and not broker.outbox.waiting)
    for number in range(1, 6):
        broker.commit(updated(entity(level=number - 1), entity(level=number)))
    await timer.advance(9.9)
    await settled()
    assert receiver.values() == [0]
    await timer.advance(0.2)
    await until(lambda: len(receiver.bodies) == 2)
    assert receiver.values() == [0, 5]
    await until(lambda: not broker.outbox.waiting)
    await timer.advance(20)
    await settled()
    assert len(receiver.bodies) == 2


async def test_5_2_12_every_entity_that_changed_is_in_the_one_notification(broker, receiver, timer):
    await broker.subscribe(throttling=10, notification=receiver.notification())
    broker.commit(created(entity("0", level=0)))
    await until(lambda: receiver.bodies and not broker.outbox.waiting)
    for number in range(1, 200):
        broker.commit(created(entity(str(number), level=number)))
    await timer.advance(10)
    await until(lambda: len(receiver.bodies) == 2)
    assert sorted(receiver.values()) == list(range(200))


async def test_5_2_12_the_window_outlives_idle_times(broker, receiver, timer):
    await broker.subscribe(throttling=10, notification=receiver.notification())
    broker.commit(created(entity("1", level=1)))
    await until(lambda: not broker.outbox.waiting)
    await settled()
    await timer.advance(5)
    broker.commit(created(entity("2", level=2)))
    await settled()
    assert receiver.values() == [1]
    await timer.advance(5)
    await until(lambda: len(receiver.bodies) == 2)


async def test_a_throttled_subscription_holds_no_more_than_the_newest_states(broker, receiver, timer, monkeypatch):
    monkeypatch.setattr("broker.workers.lane.LONGEST_QUEUE", 5)
    receiver.gate = asyncio.Event()
    await broker.subscribe(throttling=10, notification=receiver.notification())
    broker.commit(created(entity(level=0)))
    await until(lambda: receiver.requests)
    for number in range(1, 50):
        broker.commit(updated(entity(level=number - 1), entity(level=number)))
    assert broker.notifications._courier.queued <= 5
    receiver.gate.set()
    await until(lambda: receiver.bodies)
    await settled()
    await timer.advance(10)
    await until(lambda: len(receiver.bodies) == 2)
    assert receiver.values() == [0, 49]
    await until(lambda: not broker.outbox.waiting)
    assert broker.outbox.fetched == 0


async def test_5_2_15_no_attempt_before_the_cooldown_is_over(broker, receiver, timer):
    receiver.status = 500
    await broker.subscribe(notification=receiver.notification(cooldown=90_000))
    broker.commit(created(entity(level=1)))
    await until(lambda: receiver.requests)
    await settled()
    receiver.status = 200
    await timer.advance(89)
    await settled()
    assert len(receiver.requests) == 1
    await timer.advance(1)
    await until(lambda: receiver.bodies and not broker.outbox.waiting)


async def test_retries_come_ever_more_rarely(broker, receiver, timer):
    receiver.status = 500
    await broker.subscribe(notification=receiver.notification())
    broker.commit(created(entity(level=1)))
    await until(lambda: len(receiver.requests) == 1)
    await settled()
    for attempts, delay in ((2, 1), (3, 2), (4, 4)):
        await timer.advance(delay - 0.5)
        await settled()
        assert len(receiver.requests) == attempts - 1
        await timer.advance(0.5)
        await until(lambda attempts=attempts: len(receiver.requests) == attempts)
        await settled()
