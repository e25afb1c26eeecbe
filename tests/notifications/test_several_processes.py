"""Several broker processes on one store, as far as notifications are concerned."""

import asyncio
from dataclasses import replace

import pytest

from broker.operations.ports import EntityWrite
from broker.operations.subscriptions import delete_subscription, retrieve_subscription
from tests.core.subscribe.building import CONTEXT, created, entity, updated
from tests.notifications.world import OpenOutbox, until

ID = "urn:ngsi-ld:Subscription:1"


@pytest.fixture
def brokers(make_broker):
    """Two that share subscriptions and entities; what one of them commits, it delivers itself."""
    first = make_broker()
    second = make_broker(first.store, OpenOutbox())
    second.ports = replace(second.ports, entities=first.entities)
    second.notifications.attach(second.ports)
    first.is_shared = second.is_shared = True
    return first, second


async def test_5_2_14_a_notification_is_counted_for_all_before_its_receiver_answers(brokers, receiver):
    first, second = brokers
    receiver.gate = asyncio.Event()
    await first.subscribe(notification=receiver.notification())
    first.commit(created(entity(level=1)))
    await until(lambda: receiver.requests)
    shown = await retrieve_subscription(second.ports, "", ID, CONTEXT)
    assert shown["notification"]["timesSent"] == 1
    assert shown["notification"]["status"] == "ok"


async def test_5_2_12_throttling_holds_over_all_processes_and_no_older_state_follows(brokers, receiver):
    first, second = brokers
    await first.subscribe(throttling=0.5, notification=receiver.notification())
    await second.notifications.refresh("")
    states = [entity(level=number).with_(modified_at=number + 1) for number in range(3)]
    first.commit(created(states[0]))
    await until(lambda: receiver.values() == [0])
    await first.entities.write("", EntityWrite(states[2].id, lambda _: created(states[2])))
    first.commit(updated(states[0], states[1]))
    second.commit(updated(states[1], states[2]))
    await asyncio.sleep(0.2)
    assert receiver.values() == [0]
    await until(lambda: len(receiver.bodies) == 3)
    assert receiver.values() == [0, 2, 2]


async def test_5_8_5_what_another_process_deleted_is_not_tried_again(brokers, receiver):
    first, second = brokers
    await first.subscribe(notification=receiver.notification())
    receiver.status = 500
    first.commit(created(entity(level=1)))
    await until(lambda: receiver.requests)
    await delete_subscription(second.ports, "", ID)
    await until(lambda: not first.outbox.waiting)
    assert len(receiver.requests) == 1
