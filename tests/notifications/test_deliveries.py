"""What notifications have not reached their receivers can be listed, over real MongoDB."""

import asyncio

import pytest

from broker.adapters.mongo.client import Databases, connect
from broker.adapters.mongo.outbox import MongoOutbox
from broker.adapters.mongo.presence import Presence
from broker.adapters.mongo.subscriptions import MongoSubscriptions
from broker.adapters.mongo.tenants import MongoTenants
from broker.core.model.errors import NonexistentTenant, ResourceNotFound
from broker.core.model.subscription import Tally
from broker.operations.deliveries import list_deliveries
from tests.core.subscribe.building import created, entity
from tests.notifications.world import until

ID = "urn:ngsi-ld:Subscription:1"
DURABLE = {"w": 1, "j": True}


@pytest.fixture
async def databases(mongo_url):
    client = connect(mongo_url)
    for name in await client.list_database_names():
        if name.startswith("eclor"):
            await client.drop_database(name)
    yield Databases(client)
    await client.close()


@pytest.fixture
def outbox(databases):
    return MongoOutbox(databases, Presence(databases), MongoTenants(databases))


@pytest.fixture
def broker(databases, make_broker):
    return make_broker(MongoSubscriptions(databases), give_up_after=0.2)


async def listed(broker, outbox, subscription_id=None, tenant=""):
    return await list_deliveries(broker.ports, broker.store, outbox, tenant, subscription_id)


async def test_a_receiver_that_refuses_is_listed_with_the_reason_and_without_secrets(broker, outbox, receiver):
    receiver.status = 500
    uri = f"http://user:secret@127.0.0.1:{receiver.port}/notify?token=secret"
    await broker.subscribe(notification={"endpoint": {"uri": uri}})
    assert await listed(broker, outbox) == []
    broker.commit(created(entity(level=1)))
    await until(lambda: broker.notifications._tallies.of("", ID).times_failed)
    (told,) = await listed(broker, outbox)
    assert told["subscription"] == ID
    assert told["endpoint"] == f"http://127.0.0.1:{receiver.port}/notify"
    assert (told["status"], told["reason"], told["timesFailed"]) == ("failed", "answered 500", 1)
    assert "lastFailure" in told
    assert "changes" not in told


async def test_what_waits_for_one_subscription_is_told_oldest_first(broker, outbox):
    await broker.subscribe()
    changes = [created(entity(str(number), level=number)) for number in range(3)]
    for change in changes:
        await outbox.add("", [(change, (ID, "urn:ngsi-ld:Subscription:2"))], DURABLE)
    await outbox.add("", [(changes[0], ("urn:ngsi-ld:Subscription:2",))], DURABLE)
    (told,) = await listed(broker, outbox, ID)
    assert told["waiting"] == 3
    assert told["oldest"] == "1970-01-01T00:00:00.000005Z"
    assert [each["entity"][-1] for each in told["changes"]] == ["0", "1", "2"]
    assert told["changes"][0]["trigger"] == "entityCreated"


async def test_what_was_given_up_is_counted(broker, outbox, receiver):
    receiver.status = 500
    await broker.subscribe(notification=receiver.notification())
    broker.commit(created(entity(level=1)))
    await until(lambda: not broker.outbox.waiting)
    await asyncio.sleep(0)
    (told,) = await listed(broker, outbox)
    assert told["givenUp"] == 1


async def test_a_delivery_that_succeeds_takes_the_subscription_off_the_list(broker, outbox):
    await broker.subscribe()
    await broker.store.count("", {ID: Tally(times_failed=1, status="failed", reason="answered 500")})
    assert len(await listed(broker, outbox)) == 1
    await broker.store.count("", {ID: Tally(times_sent=1, status="ok")})
    assert await listed(broker, outbox) == []
    (told,) = await listed(broker, outbox, ID)
    assert "reason" not in told


async def test_unknown_subscriptions_and_tenants_are_said_to_be(broker, outbox):
    with pytest.raises(ResourceNotFound):
        await listed(broker, outbox, "urn:ngsi-ld:Subscription:none")
    with pytest.raises(NonexistentTenant):
        await listed(broker, outbox, tenant="nowhere")
