"""Operations on subscriptions (clauses 5.8.1 to 5.8.5) on both stores."""

import asyncio
import re

import pytest

from broker.adapters.memory.stores import MemorySubscriptions
from broker.adapters.mongo.client import Databases, connect
from broker.adapters.mongo.subscriptions import MongoSubscriptions
from broker.core.model.errors import AlreadyExists, BadRequestData, ResourceNotFound
from broker.core.model.subscription import Tally
from broker.operations.subscriptions import (
    create_subscription,
    delete_subscription,
    query_subscriptions,
    retrieve_subscription,
    update_subscription,
)
from tests.core.subscribe.building import CONTEXT, CONTEXT_URL, active_context, document, iri, notified
from tests.notifications.world import CORE

ID = "urn:ngsi-ld:Subscription:1"


@pytest.fixture(params=["memory", "mongo"])
async def store(request):
    if request.param == "memory":
        yield MemorySubscriptions()
        return
    client = connect(request.getfixturevalue("mongo_url"))
    for name in await client.list_database_names():
        if name.startswith("eclor"):
            await client.drop_database(name)
    yield MongoSubscriptions(Databases(client))
    await client.close()


@pytest.fixture
def broker(make_broker, store):
    return make_broker(store)


async def retrieve(broker, context=CONTEXT):
    return await retrieve_subscription(broker.ports, "", ID, context)


async def patch(broker, fragment, context=CONTEXT):
    await update_subscription(broker.ports, "", ID, fragment, context)


async def test_5_8_1_what_was_given_comes_back_with_what_the_broker_adds(broker):
    given = document(
        q="level>1", watchedAttributes=["level"], description="a.$b", notification=notified(format="concise")
    )
    assert await create_subscription(broker.ports, "", {**given, "@context": CONTEXT_URL}, CONTEXT) == ID
    shown = await retrieve(broker)
    assert shown == {
        **given,
        "status": "active",
        "jsonldContext": CONTEXT_URL,
        "notificationTrigger": ["attributeCreated", "attributeUpdated"],
    }


async def test_5_8_1_an_id_is_made_where_none_is_given(broker):
    given = {name: value for name, value in document().items() if name != "id"}
    made = await create_subscription(broker.ports, "", given, CONTEXT)
    assert re.fullmatch(r"urn:ngsi-ld:Subscription:[0-9a-f-]{36}", made)


async def test_5_8_1_an_id_can_be_taken_once(broker):
    await broker.subscribe()
    with pytest.raises(AlreadyExists):
        await broker.subscribe(description="another")
    assert "description" not in await retrieve(broker)


async def test_5_8_1_what_only_the_broker_says_is_ignored(broker):
    await broker.subscribe(status="expired", notification=notified(timesSent=7, status="failed"))
    shown = await retrieve(broker)
    assert shown["status"] == "active"
    assert shown["notification"] == notified()


async def test_5_8_1_an_expiry_in_the_past_is_refused_and_nothing_stored(broker):
    with pytest.raises(BadRequestData):
        await broker.subscribe(expiresAt="2020-01-01T00:00:00Z")
    with pytest.raises(ResourceNotFound):
        await retrieve(broker)


async def test_5_13_1_a_context_without_url_is_hosted_for_receivers(broker):
    inline = active_context(None, {"level": iri("level")})
    await create_subscription(broker.ports, "", document(), inline, "http://broker:1026")
    link = broker.notifications.find("", ID).context.link
    assert link is not None
    assert link.startswith("http://broker:1026/ngsi-ld/v1/jsonldContexts/")
    (stored,), _ = await broker.ports.subscriptions.page("", 1, 0)
    assert stored["document"]["jsonldContext"] == link


async def test_5_8_2_members_of_the_fragment_replace_and_null_removes(broker):
    await broker.subscribe(q="level>1", description="before", throttling=5)
    await patch(broker, {"q": "power>2", "description": "urn:ngsi-ld:null", "throttling": None, "type": "Subscription"})
    shown = await retrieve(broker)
    assert shown["q"] == "power>2"
    assert "description" not in shown
    assert "throttling" not in shown
    assert shown["entities"] == document()["entities"]
    assert broker.notifications.find("", ID).throttling == 0


async def test_5_8_2_status_follows_is_active_and_expires_at(broker):
    await broker.subscribe()
    await patch(broker, {"isActive": False})
    assert (await retrieve(broker))["status"] == "paused"
    await patch(broker, {"isActive": True, "expiresAt": "2100-01-01T00:00:00Z"})
    assert (await retrieve(broker))["status"] == "active"
    with pytest.raises(BadRequestData):
        await patch(broker, {"isActive": True, "expiresAt": "2020-01-01T00:00:00Z"})


async def test_5_8_2_4_a_new_end_alone_makes_active_what_had_expired(broker):
    await broker.subscribe(isActive=False)
    stored = await broker.store.get("", ID)
    stored["document"]["expiresAt"] = "2020-01-01T00:00:00Z"
    await broker.store.replace("", stored)
    await patch(broker, {"isActive": False})
    assert (await retrieve(broker))["status"] == "expired"
    await patch(broker, {"expiresAt": "2100-01-01T00:00:00Z"})
    assert (await retrieve(broker))["status"] == "active"


@pytest.mark.parametrize(
    "fragment",
    [
        {"id": "urn:ngsi-ld:Subscription:2"},
        {"type": "Subscribe"},
        {"entities": None},
        {"notification": {"attributes": ["level"]}},
        {"watchedAttributes": []},
        {"q": "level>"},
    ],
)
async def test_5_8_2_what_would_be_no_subscription_is_refused_and_changes_nothing(broker, fragment):
    await broker.subscribe()
    before = await retrieve(broker)
    with pytest.raises(BadRequestData):
        await patch(broker, fragment)
    assert await retrieve(broker) == before


async def test_5_8_2_counts_survive_an_update(broker):
    await broker.subscribe()
    await broker.store.count("", {ID: Tally(times_sent=2, last_notification=1_000_000)})
    await patch(broker, {"description": "new"})
    await broker.store.count("", {ID: Tally(times_failed=1, last_failure=2_000_000, status="failed")})
    shown = (await retrieve(broker))["notification"]
    assert shown["timesSent"] == 2
    assert shown["timesFailed"] == 1
    assert shown["lastNotification"] == "1970-01-01T00:00:01Z"
    assert (shown["status"], shown["lastFailure"]) == ("failed", "1970-01-01T00:00:02Z")


async def test_5_5_7_each_member_is_read_with_the_context_it_came_with(broker):
    await broker.subscribe(watchedAttributes=["level"])
    await patch(broker, {"notification": notified(attributes=["urn:x:other"])}, CORE)
    found = broker.notifications.find("", ID)
    assert found.watched == {iri("level")}
    assert "urn:x:other" in found.representation.pick


async def test_5_5_7_a_reader_sees_names_as_its_own_context_has_them(broker):
    await broker.subscribe(watchedAttributes=["level"], notification=notified(attributes=["power"]))
    shown = await retrieve(broker, CORE)
    assert shown["watchedAttributes"] == [iri("level")]
    assert shown["entities"] == [{"type": iri("Container")}]
    assert shown["notification"]["attributes"] == [iri("power")]


async def test_5_8_4_pages_are_in_order_of_creation(broker):
    names = [f"urn:s:{number}" for number in (5, 3, 9, 1)]
    for name in names:
        await broker.subscribe(id=name)
    page, total = await query_subscriptions(broker.ports, "", CONTEXT, 2, 1)
    assert ([each["id"] for each in page], total) == (names[1:3], 4)
    assert await query_subscriptions(broker.ports, "", CONTEXT, 0) == ([], 4)


async def test_5_8_5_what_is_deleted_is_gone(broker):
    await broker.subscribe()
    await delete_subscription(broker.ports, "", ID)
    assert broker.notifications.find("", ID) is None
    for operation in (delete_subscription(broker.ports, "", ID), retrieve(broker), patch(broker, {})):
        with pytest.raises(ResourceNotFound):
            await operation


async def test_5_8_3_an_id_that_is_no_uri_is_refused(broker):
    with pytest.raises(BadRequestData):
        await retrieve_subscription(broker.ports, "", "no uri", CONTEXT)
    with pytest.raises(BadRequestData):
        await delete_subscription(broker.ports, "", "no uri")


async def test_the_stamp_grows_and_changes_tell_what_happened(broker):
    await broker.subscribe()
    first = await broker.store.stamp("")
    await patch(broker, {"description": "new"})
    changes = await broker.store.changes("", first)
    assert changes.stamp > first
    if changes.by_id is not None:
        assert changes.by_id[ID]["document"]["description"] == "new"
    await delete_subscription(broker.ports, "", ID)
    after = await broker.store.changes("", changes.stamp)
    assert after.by_id is None or after.by_id == {ID: None}
    assert (await broker.store.changes("", after.stamp)).by_id == {}


async def test_a_periodic_notification_is_claimed_once(broker):
    await broker.subscribe()
    assert await broker.store.claim("", ID, 100, 200)
    assert not await broker.store.claim("", ID, 150, 250)
    assert await broker.store.claim("", ID, 200, 300)
    assert not await broker.store.claim("", "urn:s:unknown", 200, 300)


async def test_subscriptions_outlive_the_process(make_broker, store):
    first = make_broker(store)
    for tenant in ("", "one"):
        for number in range(3):
            await create_subscription(first.ports, tenant, document(id=f"urn:s:{tenant}{number}"), CONTEXT)
    second = make_broker(store)
    await second.notifications.start(["", "one"])
    for tenant in ("", "one"):
        assert all(second.notifications.find(tenant, f"urn:s:{tenant}{number}") for number in range(3))
    assert second.notifications.find("one", "urn:s:0") is None


async def test_5_8_2_of_simultaneous_updates_none_is_lost(broker):
    await broker.subscribe()
    names = ["description", "subscriptionName", "lang", "csf"]
    fragments = [{name: "fr"} for name in names] + [{"throttling": 3}, {"q": "level>1"}]
    await asyncio.gather(*(update_subscription(broker.ports, "", ID, each, CONTEXT) for each in fragments))
    stored = await broker.store.get("", ID)
    assert stored["document"].keys() >= {*names, "throttling", "q"}
    assert broker.notifications.find("", ID).modified_at == stored["modifiedAt"]
