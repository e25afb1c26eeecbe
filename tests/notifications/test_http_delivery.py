"""Notifications over HTTP to real receivers (clauses 5.8.6, 6.3.8)."""

import asyncio
from itertools import pairwise

from broker.operations.subscriptions import delete_subscription, retrieve_subscription, update_subscription
from tests.core.subscribe.building import CONTEXT, CONTEXT_URL, created, deleted, entity, updated
from tests.notifications.world import until

ID = "urn:ngsi-ld:Subscription:1"


async def shown(broker, subscription_id=ID):
    return (await retrieve_subscription(broker.ports, "", subscription_id, CONTEXT))["notification"]


async def test_6_3_8_a_change_is_posted_with_link_and_receiver_info_in_the_given_case(broker, receiver):
    info = [{"key": "X-tOKEN", "value": "secret"}]
    await broker.subscribe(notification=receiver.notification("here?a=b", receiverInfo=info))
    broker.commit(created(entity(level=1)))
    await until(lambda: receiver.bodies)
    request = receiver.requests[0]
    assert (request.method, request.path_qs) == ("POST", "/here?a=b")
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Link"].startswith(f"<{CONTEXT_URL}>")
    assert (b"X-tOKEN", b"secret") in request.raw_headers
    await until(lambda: not broker.outbox.waiting)


async def test_5_8_6_what_does_not_match_is_not_sent(broker, receiver):
    await broker.subscribe(q="level>5", notification=receiver.notification())
    broker.commit(created(entity("1", level=1)), created(entity("2", level=9)), created(entity("3", "Lamp", level=9)))
    await until(lambda: receiver.bodies)
    await asyncio.sleep(0.05)
    assert receiver.values() == [9]


async def test_each_change_of_an_entity_is_sent_in_order(broker, receiver):
    await broker.subscribe(notification=receiver.notification())
    states = [entity(level=number) for number in range(50)]
    for before, after in pairwise(states):
        broker.commit(updated(before, after))
    await until(lambda: len(receiver.bodies) == 49)
    assert receiver.values() == list(range(1, 50))


async def test_changes_of_different_entities_that_wait_share_a_notification(broker, receiver):
    await broker.subscribe(notification=receiver.notification())
    broker.commit(*(created(entity(str(number), level=number)) for number in range(5)))
    await until(lambda: len(receiver.values()) == 5)
    assert len(receiver.bodies) == 1


async def test_5_2_14_counts_are_readable_before_the_receiver_has_answered(broker, receiver):
    receiver.gate = asyncio.Event()
    await broker.subscribe(notification=receiver.notification())
    assert "timesSent" not in await shown(broker)
    broker.commit(created(entity(level=1)))
    await until(lambda: receiver.requests)
    told = await shown(broker)
    assert (told["timesSent"], told["status"]) == (1, "ok")
    assert told["lastNotification"]
    assert "lastSuccess" not in told
    receiver.gate.set()
    await until(lambda: not broker.outbox.waiting)
    told = await shown(broker)
    assert told["lastSuccess"]
    assert "timesFailed" not in told
    assert "lastFailure" not in told


async def test_5_8_6_an_error_is_counted_and_the_notification_sent_again(broker, receiver):
    receiver.status = 500
    await broker.subscribe(notification=receiver.notification())
    broker.commit(created(entity(level=1)))
    await until(lambda: receiver.requests)
    await asyncio.sleep(0.05)
    told = await shown(broker)
    assert (told["status"], told["timesFailed"]) == ("failed", 1)
    assert told["lastFailure"]
    assert broker.outbox.waiting
    receiver.status = 200
    await until(lambda: receiver.bodies)
    await until(lambda: not broker.outbox.waiting)
    told = await shown(broker)
    assert (told["status"], told["timesSent"], told["timesFailed"]) == ("ok", 2, 1)


async def test_a_redirect_is_a_failure_and_not_followed(broker, receiver):
    receiver.status = 307
    await broker.subscribe(notification=receiver.notification())
    broker.commit(created(entity(level=1)))
    await until(lambda: receiver.requests)
    await asyncio.sleep(0.05)
    assert len(receiver.requests) == 1
    assert (await shown(broker))["status"] == "failed"


async def test_nothing_is_lost_while_a_receiver_is_away(broker, receiver):
    await broker.subscribe(notification=receiver.notification())
    await receiver.stop()
    for number in range(20):
        broker.commit(updated(entity(level=number - 1), entity(level=number)))
    await asyncio.sleep(0.2)
    assert (await shown(broker))["status"] == "failed"
    await receiver.start()
    await until(lambda: len(receiver.bodies) == 20)
    assert receiver.values() == list(range(20))
    await until(lambda: not broker.outbox.waiting)


async def test_a_hanging_receiver_delays_nobody_else(broker, make_receiver):
    hanging, healthy = await make_receiver(), await make_receiver()
    hanging.gate = asyncio.Event()
    await broker.subscribe(id="urn:s:hanging", notification=hanging.notification(timeout=60_000))
    await broker.subscribe(id="urn:s:healthy", notification=healthy.notification())
    for number in range(10):
        broker.commit(updated(entity(level=number - 1), entity(level=number)))
    await until(lambda: len(healthy.bodies) == 10)
    assert len(hanging.requests) == 1
    assert hanging.bodies == []


async def test_5_2_15_the_timeout_of_the_endpoint_counts(broker, receiver):
    receiver.gate = asyncio.Event()
    await broker.subscribe(notification=receiver.notification(timeout=50))
    broker.commit(created(entity(level=1)))
    await until(lambda: receiver.requests)
    await asyncio.sleep(0.2)
    assert (await shown(broker))["status"] == "failed"


async def test_more_than_the_queue_holds_comes_from_the_outbox_in_order(broker, receiver, monkeypatch):
    monkeypatch.setattr("broker.workers.lane.LONGEST_QUEUE", 5)
    receiver.gate = asyncio.Event()
    await broker.subscribe(notification=receiver.notification())
    for number in range(40):
        broker.commit(updated(entity(level=number - 1), entity(level=number)))
    await until(lambda: receiver.requests)
    receiver.gate.set()
    await until(lambda: len(receiver.bodies) >= 20)
    for number in range(40, 60):
        broker.commit(updated(entity(level=number - 1), entity(level=number)))
    await until(lambda: len(receiver.bodies) == 60)
    assert receiver.values() == list(range(60))
    assert broker.outbox.fetched > 1
    await until(lambda: not broker.outbox.waiting)
    assert broker.notifications._courier.queued == 0


async def test_5_8_5_nothing_is_sent_for_a_deleted_subscription(broker, receiver):
    receiver.status = 500
    await broker.subscribe(notification=receiver.notification())
    for number in range(3):
        broker.commit(updated(entity(level=number - 1), entity(level=number)))
    await until(lambda: receiver.requests)
    await delete_subscription(broker.ports, "", ID)
    await until(lambda: not broker.outbox.waiting)
    receiver.status = 200
    broker.commit(updated(entity(level=7), entity(level=8)))
    await asyncio.sleep(1.2)
    assert receiver.bodies == []


async def test_5_8_2_a_paused_subscription_is_sent_nothing_and_a_resumed_one_is(broker, receiver):
    await broker.subscribe(notification=receiver.notification())
    await update_subscription(broker.ports, "", ID, {"isActive": False}, CONTEXT)
    broker.commit(created(entity("1", level=1)))
    await update_subscription(broker.ports, "", ID, {"isActive": True}, CONTEXT)
    broker.commit(created(entity("2", level=2)))
    await until(lambda: receiver.bodies)
    assert receiver.values() == [2]


async def test_5_8_2_a_new_endpoint_is_tried_at_once(broker, make_receiver):
    wrong, right = await make_receiver(), await make_receiver()
    wrong.status = 404
    await broker.subscribe(notification=wrong.notification(cooldown=600_000))
    broker.commit(created(entity(level=1)))
    await until(lambda: wrong.requests)
    await asyncio.sleep(0.05)
    await update_subscription(broker.ports, "", ID, {"notification": right.notification()}, CONTEXT)
    await until(lambda: right.bodies)
    assert len(wrong.requests) == 1


async def test_what_is_too_old_is_given_up_and_settled(make_broker, receiver):
    receiver.status = 503
    broker = make_broker(give_up_after=1.0)
    await broker.subscribe(notification=receiver.notification())
    broker.commit(created(entity(level=1)))
    await until(lambda: not broker.outbox.waiting)
    receiver.status = 200
    await asyncio.sleep(0.05)
    assert receiver.bodies == []


async def test_a_new_process_delivers_what_a_dead_one_left(make_broker, receiver):
    first = make_broker()
    await first.subscribe(notification=receiver.notification())
    receiver.status = 500
    first.commit(created(entity(level=1)))
    await until(lambda: receiver.requests)
    await first.notifications.close()
    receiver.status = 200
    second = make_broker(first.store, first.outbox)
    await second.notifications.start([""])
    await until(lambda: receiver.bodies)
    assert receiver.values() == [1]
    await until(lambda: not second.outbox.waiting)


async def test_other_processes_changes_are_seen_after_a_refresh(make_broker, receiver):
    first = make_broker()
    second = make_broker(first.store)
    await second.notifications.refresh("")
    await first.subscribe(notification=receiver.notification())
    assert second.notifications.match("", [created(entity(level=1))]) == [()]
    assert await second.notifications.refresh("")
    assert second.notifications.match("", [created(entity(level=1))]) == [(ID,)]
    assert not await second.notifications.refresh("")
    await delete_subscription(first.ports, "", ID)
    assert await second.notifications.refresh("")
    assert second.notifications.match("", [created(entity(level=1))]) == [()]


async def test_a_subscription_that_trips_over_an_entity_fails_nobody_else(broker, receiver, monkeypatch):
    await broker.subscribe(id="urn:s:good", notification=receiver.notification())
    await broker.subscribe(id="urn:s:bad", q="level>5", notification=receiver.notification())
    bad = broker.notifications.find("", "urn:s:bad")
    object.__setattr__(bad, "satisfied", lambda _: 1 / 0)
    assert broker.notifications.match("", [created(entity(level=9))]) == [("urn:s:good",)]


async def test_5_8_6_a_deleted_entity_is_told_when_asked_for(broker, receiver):
    await broker.subscribe(notificationTrigger=["entityDeleted"], notification=receiver.notification())
    broker.commit(created(entity(level=1)), deleted(entity(level=1)))
    await until(lambda: receiver.bodies)
    assert "deletedAt" in receiver.bodies[0]["data"][0]
    assert len(receiver.bodies) == 1


async def test_5_8_5_deleting_ends_what_is_being_sent(broker, receiver):
    receiver.gate = asyncio.Event()
    await broker.subscribe(notification=receiver.notification(timeout=60_000))
    for number in range(3):
        broker.commit(updated(entity(level=number - 1), entity(level=number)))
    await until(lambda: receiver.requests)
    await delete_subscription(broker.ports, "", ID)
    await until(lambda: not broker.outbox.waiting, 2)
    receiver.gate.set()
    await asyncio.sleep(0.05)
    assert len(receiver.requests) == 1


async def test_6_3_14_a_notification_names_the_tenant_of_its_subscription_unless_it_is_the_default_one(
    broker, receiver
):
    for tenant in ("city", ""):
        await broker.subscribe(tenant, notification=receiver.notification(tenant or "default"))
        broker.commit(created(entity(level=1)), tenant=tenant)
    await until(lambda: len(receiver.requests) == 2)
    named = {request.path: request.headers.get("NGSILD-Tenant") for request in receiver.requests}
    assert named == {"/city": "city", "/default": None}
