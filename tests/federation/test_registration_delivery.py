"""What subscribers are told of registrations, over restarts and several processes (clause 5.11.7)."""

import asyncio

import pytest

from broker.adapters.clock import SystemClock
from broker.adapters.delivery.http import HttpSink
from broker.adapters.memory.stores import MemorySubscriptions
from broker.operations.notify import SubscriptionChanges
from broker.workers import registration_notifications
from broker.workers.registration_notifications import RegistrationNotifications
from broker.workers.registry import Registrations
from tests.notifications.world import Receiver, until

ID = "urn:ngsi-ld:Subscription:1"


@pytest.fixture
async def receiver():
    receiver = await Receiver().start()
    yield receiver
    await receiver.stop()


def another(broker):
    """A second process on the stores of a broker."""
    common = {"tenants": broker.ports.tenants, "loader": broker.ports.loader, "clock": SystemClock()}
    sink = HttpSink()
    telling = {"store": broker.subscriptions, "sinks": {"http": sink}, "outbox": broker.outbox}
    notifications = RegistrationNotifications(**telling, **common)
    return Registrations(store=broker.registrations, notifications=notifications, **common), notifications, sink


async def subscribe(broker, receiver):
    body = {
        "id": ID,
        "type": "Subscription",
        "entities": [{"type": "Sensor"}],
        "notification": receiver.notification(),
    }
    assert (await broker.post("/csourceSubscriptions", body)).status == 201


async def test_5_11_7_what_waits_for_a_receiver_survives_the_process(broker, receiver):
    receiver.status = 500
    await subscribe(broker, receiver)
    await broker.register("http://127.0.0.1:9")
    await until(lambda: receiver.requests)
    assert len(broker.outbox.waiting) == 1
    await broker.notifications.close()
    assert len(broker.outbox.waiting) == 1
    receiver.status = 200
    registry, notifications, sink = another(broker)
    await notifications.start(registry)
    await until(lambda: receiver.bodies)
    assert receiver.bodies[0]["triggerReason"] == "newlyMatching"
    await until(lambda: not broker.outbox.waiting)
    await notifications.close()
    await sink.close()


async def test_5_11_6_what_waits_for_a_deleted_subscription_is_forgotten(broker, receiver):
    receiver.status = 500
    await subscribe(broker, receiver)
    await broker.register("http://127.0.0.1:9")
    await until(lambda: receiver.requests)
    assert (await broker.delete(f"/csourceSubscriptions/{ID}")).status == 204
    assert not broker.outbox.waiting


async def test_5_9_what_one_process_registers_another_knows_at_once(broker, receiver):
    registry, notifications, sink = another(broker)
    await registry.start()
    await notifications.start(registry)
    await broker.register("http://127.0.0.1:9")
    await registry.catch_up("")
    assert len(registry.of("")) == 1
    await registry.catch_up("nobody")
    assert registry.of("nobody") is None
    await subscribe(broker, receiver)
    await until(lambda: receiver.bodies)
    registered = "urn:ngsi-ld:ContextSourceRegistration:1"
    await registry.changed("", registered, registry.of("").get(registered), None)
    await until(lambda: len(receiver.bodies) == 2)
    assert receiver.bodies[1]["triggerReason"] == "noLongerMatching"
    await registry.close()
    await notifications.close()
    await sink.close()


async def test_6_3_18_sources_that_a_subscription_has_passed_do_not_match(broker, receiver):
    body = {"id": ID, "type": "Subscription", "entities": [{"type": "Sensor"}], "notification": receiver.notification()}
    assert (await broker.post("/csourceSubscriptions", body, via="1.1 there")).status == 201
    await broker.register("http://127.0.0.1:9", contextSourceAlias="there")
    await broker.register("http://127.0.0.1:9", 2, contextSourceAlias="elsewhere")
    await until(lambda: receiver.bodies)
    await asyncio.sleep(0.1)
    assert [each["id"][-1] for body in receiver.bodies for each in body["data"]] == ["2"]


async def test_5_11_7_the_reason_is_right_although_memory_knows_the_change_already(broker, receiver, monkeypatch):
    def seen_at_once(change):
        async def changed(*given):
            answer = await change(*given)
            await broker.registry.refresh("")
            return answer

        return changed

    for name in ("create", "replace", "delete"):
        monkeypatch.setattr(broker.registrations, name, seen_at_once(getattr(broker.registrations, name)))
    await subscribe(broker, receiver)
    await broker.register("http://127.0.0.1:9")
    registered = "/csourceRegistrations/urn:ngsi-ld:ContextSourceRegistration:1"
    for kind in ("Other", "Sensor"):
        body = {"information": [{"entities": [{"type": kind}]}]}
        assert (await broker.patch(registered, body)).status == 204
    assert (await broker.delete(registered)).status == 204
    await until(lambda: len(receiver.bodies) == 4)
    told = [each["triggerReason"] for each in receiver.bodies]
    assert told == ["newlyMatching", "noLongerMatching", "newlyMatching", "noLongerMatching"]


class NotedStore(MemorySubscriptions):
    """Somebody notes a subscription, and is slow to write it."""

    def __init__(self):
        super().__init__()
        self.calls = []

    async def changes(self, tenant, since):
        self.calls.append("looked" if since else "noted")
        return SubscriptionChanges(1, {} if since else {ID: None})

    async def get(self, tenant, subscription_id):
        self.calls.append("read")
        return await super().get(tenant, subscription_id)


async def test_what_another_process_noted_is_read_again_a_round_later(broker, monkeypatch):
    monkeypatch.setattr(registration_notifications, "_UPKEEP", 0.01)
    broker.subscriptions = store = NotedStore()
    _registry, notifications, sink = another(broker)
    # It has looked before.
    notifications._board("")._stamp = 0
    upkeep = asyncio.create_task(notifications._keep_up())
    await until(lambda: "read" in store.calls)
    assert store.calls[:3] == ["noted", "looked", "read"]
    upkeep.cancel()
    await notifications.close()
    await sink.close()
