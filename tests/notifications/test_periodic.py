"""Subscriptions with a timeInterval (clauses 5.2.12, 5.8.6)."""

import asyncio
from dataclasses import replace

from broker.core.model.entity import Entity
from broker.operations.ports import EntityWrite
from broker.operations.subscriptions import update_subscription
from broker.workers.intervals import Intervals
from tests.core.subscribe.building import CONTEXT, created, entity
from tests.notifications.world import until

ID = "urn:ngsi-ld:Subscription:1"


async def store(broker, what: Entity) -> None:
    await broker.entities.write("", EntityWrite(what.id, lambda _: created(what)))


def intervals(broker) -> Intervals:
    return Intervals(broker.notifications, broker.ports, broker.store, broker.clock)


async def test_5_8_6_all_that_match_are_sent_regardless_of_changes(broker, receiver):
    await store(broker, entity("1", level=1))
    await store(broker, entity("2", level=9))
    await store(broker, entity("3", level=8))
    await broker.subscribe(timeInterval=0.2, q="level>5", notification=receiver.notification())
    task = asyncio.create_task(intervals(broker).run())
    await until(lambda: len(receiver.bodies) >= 2)
    task.cancel()
    assert sorted(each["level"]["value"] for each in receiver.bodies[0]["data"]) == [8, 9]
    assert receiver.bodies[0]["data"] == receiver.bodies[1]["data"]
    assert receiver.bodies[0]["id"] != receiver.bodies[1]["id"]


async def test_5_8_6_nothing_is_sent_where_nothing_matches_or_while_paused(broker, receiver):
    await broker.subscribe(timeInterval=0.1, notification=receiver.notification())
    task = asyncio.create_task(intervals(broker).run())
    await asyncio.sleep(0.6)
    assert receiver.requests == []
    await update_subscription(broker.ports, "", ID, {"isActive": False}, CONTEXT)
    await store(broker, entity("1", level=1))
    await asyncio.sleep(0.5)
    assert receiver.requests == []
    await update_subscription(broker.ports, "", ID, {"isActive": True}, CONTEXT)
    await until(lambda: receiver.bodies)
    task.cancel()


async def test_two_processes_send_each_periodic_notification_once(make_broker, receiver):
    first = make_broker()
    second = make_broker(first.store, first.outbox)
    second.ports = replace(second.ports, entities=first.entities)
    await store(first, entity("1", level=1))
    await first.subscribe(timeInterval=0.5, notification=receiver.notification())
    await second.notifications.refresh("")
    tasks = [asyncio.create_task(intervals(each).run()) for each in (first, second)]
    await asyncio.sleep(1.8)
    for task in tasks:
        task.cancel()
    assert 2 <= len(receiver.bodies) <= 4


async def test_a_dead_receiver_of_one_delays_no_other(broker, make_receiver):
    hanging, healthy = await make_receiver(), await make_receiver()
    hanging.gate = asyncio.Event()
    await store(broker, entity("1", level=1))
    await broker.subscribe(id="urn:s:1", timeInterval=0.1, notification=hanging.notification())
    await broker.subscribe(id="urn:s:2", timeInterval=0.1, notification=healthy.notification())
    task = asyncio.create_task(intervals(broker).run())
    await until(lambda: len(healthy.bodies) >= 3)
    task.cancel()
    assert len(hanging.requests) == 1
