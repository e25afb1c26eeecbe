"""Subscriptions passed on to context sources, and what these tell (clauses 5.8.1.4, 5.8.2.4, 5.8.5.4, 5.8.6)."""

import asyncio

import pytest

from broker.workers.intervals import Intervals
from tests.federation.subscribing import ID, Stores, SubscribingBroker
from tests.notifications.world import Receiver, until

PATH = f"/subscriptions/{ID}"
REGISTRATION = "/csourceRegistrations/urn:ngsi-ld:ContextSourceRegistration:1"


@pytest.fixture
async def make_subscribing():
    made = []

    async def make(alias, stores=None, **members):
        made.append(await SubscribingBroker(alias, stores, **members).start())
        return made[-1]

    yield make
    for each in made:
        await each.stop()


@pytest.fixture
async def here(make_subscribing):
    return await make_subscribing("here")


@pytest.fixture
async def there(make_subscribing):
    return await make_subscribing("there")


@pytest.fixture
async def receiver():
    receiver = await Receiver().start()
    yield receiver
    await receiver.stop()


async def eventually(holds, seconds=10.0):
    async with asyncio.timeout(seconds):
        while not await holds():  # noqa: ASYNC110 (what is waited for happens in other brokers)
            await asyncio.sleep(0.02)


async def has_one(broker):
    return len(await broker.known_subscriptions()) == 1


async def has_none(broker):
    return not await broker.known_subscriptions()


async def test_5_8_6_what_a_source_tells_reaches_the_subscriber_as_its_own_subscription(here, there, receiver):
    await here.register(there.endpoint)
    await here.subscribe(receiver, notification={"format": "simplified"})
    await eventually(lambda: has_one(there))
    await there.put_entity(1, level=3)
    await until(lambda: receiver.bodies)
    body = receiver.bodies[0]
    assert body["subscriptionId"] == ID
    assert body["data"] == [{"id": "urn:ngsi-ld:Sensor:1", "type": "Sensor", "level": 3}]
    assert (await here.get(PATH)).json["notification"]["timesSent"] == 1
    assert (await here.get("/entities/urn:ngsi-ld:Sensor:1?local=true")).status == 404


async def test_5_8_1_4_a_copy_has_what_is_registered_and_no_more(here, source, receiver):
    info = [{"entities": [{"type": "Sensor", "idPattern": "a$"}], "propertyNames": ["level", "power"]}]
    source.status = 201
    await here.register(source.endpoint, information=info)
    await here.subscribe(
        receiver,
        entities=[{"type": "Sensor"}, {"type": "Lamp"}],
        watchedAttributes=["level", "colour"],
        q="level>1",
        throttling=5,
        localOnly=False,
        notification={"attributes": ["level", "colour"], "format": "concise", "join": "flat"},
    )
    await until(lambda: source.asked)
    method, path, headers, body = source.asked[0]
    assert (method, path, headers["Via"]) == ("POST", "/ngsi-ld/v1/subscriptions", "1.1 here")
    assert body.pop("id") != ID
    endpoint = body["notification"].pop("endpoint")
    assert endpoint["uri"].startswith(here.endpoint + "/ngsi-ld/v1/")
    assert body == {
        "type": "Subscription",
        "entities": [{"type": "Sensor", "idPattern": "a$"}],
        "watchedAttributes": ["level"],
        "q": "level>1",
        "throttling": 5,
        "notification": {"attributes": ["level"]},
    }


async def test_5_8_1_4_what_is_picked_is_picked_at_the_source_and_shown_as_asked_for(here, there, receiver):
    await here.register(there.endpoint, information=[{"entities": [{"type": "Sensor"}], "propertyNames": ["level"]}])
    await here.subscribe(receiver, notification={"pick": ["level", "power"], "sysAttrs": True})
    await eventually(lambda: has_one(there))
    (known,) = await there.known_subscriptions()
    assert known["notification"]["pick"] == ["id", "type", "level"]
    await there.put_entity(1, level=3, power=4)
    await until(lambda: receiver.bodies)
    (entity,) = receiver.bodies[0]["data"]
    assert not entity.keys() & {"id", "type", "power"}
    assert "modifiedAt" in entity["level"]


async def test_5_8_1_4_split_entities_take_filters_and_projections_out_of_the_copy(here, source, receiver):
    source.status = 201
    await here.register(source.endpoint)
    geo = {"georel": "near;maxDistance==10", "geometry": "Point", "coordinates": [1, 2]}
    filters = {"q": "level>1", "geoQ": geo, "scopeQ": "/a"}
    await here.subscribe(receiver, splitEntities=True, notification={"pick": ["id", "type", "level"]}, **filters)
    await until(lambda: source.asked)
    body = source.asked[0][3]
    assert not body.keys() & filters.keys()
    assert body["splitEntities"] is True
    assert not body["notification"].keys() & {"pick", "omit", "attributes"}


@pytest.mark.parametrize(
    ("members", "registered"),
    [
        ({"localOnly": True}, {}),
        ({}, {"operations": ["retrieveOps"]}),
        ({}, {"mode": "auxiliary", "operations": ["retrieveOps"]}),
        ({"entities": [{"type": "Lamp"}]}, {}),
        ({"csf": 'owner=="her"'}, {"owner": "him"}),
        ({"watchedAttributes": ["power"]}, {"information": [{"propertyNames": ["level"]}]}),
    ],
)
async def test_5_8_1_4_sources_that_have_no_part_in_it_are_not_told(here, source, receiver, members, registered):
    await here.register(source.endpoint, **registered)
    assert (await here.subscribe(receiver, **members)).status == 201
    await asyncio.sleep(0.3)
    assert source.asked == []


async def test_5_8_1_4_a_source_filter_lets_the_sources_meant_take_part(here, there, receiver):
    await here.register(there.endpoint, owner="her")
    await here.subscribe(receiver, csf='owner=="her"')
    await eventually(lambda: has_one(there))


async def test_5_8_2_4_changes_pauses_and_ends_follow_to_the_source(here, there, receiver):
    await here.register(there.endpoint)
    await here.subscribe(receiver, q="level>1", description="mine")
    await eventually(lambda: has_one(there))
    assert (await here.patch(PATH, {"q": "level>5", "description": None})).status == 204

    async def is_changed():
        (known,) = await there.known_subscriptions()
        return known.get("q") == "level>5" and "description" not in known

    await eventually(is_changed)
    await there.put_entity(1, level=3)
    await there.put_entity(1, level=7)
    await until(lambda: receiver.values() == [7])
    assert (await here.patch(PATH, {"isActive": False})).status == 204

    async def is_paused():
        return (await there.known_subscriptions())[0]["status"] == "paused"

    await eventually(is_paused)
    assert (await here.delete(PATH)).status == 204
    await eventually(lambda: has_none(there))
    assert await here.stores.remote.of_tenant("") == []


async def test_5_8_1_4_registrations_that_come_change_and_go_take_subscriptions_along(
    here, there, make_subscribing, receiver
):
    third = await make_subscribing("third")
    await here.subscribe(receiver)
    await here.register(there.endpoint)
    await eventually(lambda: has_one(there))
    assert (await here.patch(REGISTRATION, {"endpoint": third.endpoint})).status == 204
    await eventually(lambda: has_one(third))
    await eventually(lambda: has_none(there))
    assert (await here.patch(REGISTRATION, {"information": [{"entities": [{"type": "Lamp"}]}]})).status == 204
    await eventually(lambda: has_none(third))
    assert (await here.patch(REGISTRATION, {"information": [{"entities": [{"type": "Sensor"}]}]})).status == 204
    await eventually(lambda: has_one(third))
    assert (await here.delete(REGISTRATION)).status == 204
    await eventually(lambda: has_none(third))


async def test_5_8_1_4_a_source_that_is_away_is_told_later_also_after_a_restart(
    here, make_subscribing, source, receiver
):
    source.status = 503
    await here.register(source.endpoint)
    await here.subscribe(receiver)
    # Who ends before it has noted that it failed keeps the others from it for a while.
    await eventually(lambda: _has_failed(here))
    stores: Stores = here.stores
    await here.worker.close()
    source.status = 201
    again = await make_subscribing("here", stores)
    await until(lambda: len(source.asked) > 1)
    assert source.asked[1][3]["id"] == source.asked[0][3]["id"]
    await eventually(lambda: _is_settled(again))


async def _has_failed(broker):
    return any(each.failures for each in await broker.stores.remote.of_tenant(""))


async def _is_settled(broker):
    return all(each.sent is not None and each.due is None for each in await broker.stores.remote.of_tenant(""))


async def test_4_3_6_4_a_subscription_does_not_come_back_to_where_it_was(here, there, receiver):
    await here.register(there.endpoint)
    await there.register(here.endpoint)
    await here.subscribe(receiver)
    await eventually(lambda: has_one(there))
    await asyncio.sleep(0.5)
    assert len(await here.known_subscriptions()) == 1
    await there.put_entity(1, level=3)
    await until(lambda: receiver.bodies)
    await asyncio.sleep(0.2)
    assert receiver.values() == [3]


async def test_5_8_6_parts_are_united_before_the_filters_decide(here, there, make_subscribing, receiver):
    third = await make_subscribing("third")
    await here.register(there.endpoint, 1)
    await here.register(third.endpoint, 2)
    await here.subscribe(receiver, splitEntities=True, q="level>1;power==2;colour==1", notification={"omit": ["power"]})
    await eventually(lambda: has_one(there))
    await eventually(lambda: has_one(third))
    await here.put_entity(1, colour=1)
    await third.put_entity(1, power=2)
    await there.put_entity(1, level=1)
    await asyncio.sleep(0.5)
    assert receiver.bodies == []
    await there.put_entity(1, level=5)
    await until(lambda: receiver.bodies)
    (entity,) = receiver.bodies[0]["data"]
    assert (entity["level"]["value"], entity["colour"]["value"]) == (5, 1)
    assert "power" not in entity
    await here.put_entity(1, colour=2)
    await asyncio.sleep(0.3)
    assert len(receiver.bodies) == 1
    await here.put_entity(1, colour=1)
    await until(lambda: len(receiver.bodies) == 2)
    assert receiver.bodies[1]["data"][0]["level"]["value"] == 5


async def test_5_8_6_what_is_told_periodically_is_united_before_the_filters_decide(here, there, receiver):
    await here.register(there.endpoint, operations=["retrieveOps"])
    await here.put_entity(1, power=2)
    await here.put_entity(2, power=2)
    await here.put_entity(3, power=2, level=1)
    await here.put_entity(4, level=5)
    await there.put_entity(1, level=5)
    await there.put_entity(2, level=1)
    await there.put_entity(5, level=5, power=2)
    await here.subscribe(receiver, splitEntities=True, q="level>1;power==2", timeInterval=0.2)
    task = asyncio.create_task(
        Intervals(here.subscribers, here.ports, here.stores.subscriptions, here.ports.clock).run()
    )
    await until(lambda: len(receiver.bodies) >= 2)
    task.cancel()
    (entity,) = receiver.bodies[0]["data"]
    assert entity["id"].endswith(":1")
    assert (entity["level"]["value"], entity["power"]["value"]) == (5, 2)
    assert receiver.bodies[1]["data"] == receiver.bodies[0]["data"]


async def test_5_8_6_without_sources_split_entities_are_told_periodically_as_any(here, receiver):
    await here.put_entity(1, level=1)
    await here.put_entity(2, level=5)
    await here.subscribe(receiver, splitEntities=True, q="level>1", timeInterval=0.2)
    task = asyncio.create_task(
        Intervals(here.subscribers, here.ports, here.stores.subscriptions, here.ports.clock).run()
    )
    await until(lambda: receiver.bodies)
    task.cancel()
    assert [each["id"] for each in receiver.bodies[0]["data"]] == ["urn:ngsi-ld:Sensor:2"]


async def test_5_8_6_without_sources_split_entities_are_filtered_as_any(here, receiver):
    await here.subscribe(receiver, splitEntities=True, q="level>1")
    await here.put_entity(1, level=1)
    await here.put_entity(2, level=2)
    await until(lambda: receiver.bodies)
    assert receiver.values() == [2]


async def test_5_8_6_deletions_at_a_source_are_told_as_here(here, there, receiver):
    triggers = ["attributeDeleted", "attributeUpdated", "entityDeleted"]
    await here.register(there.endpoint)
    await here.subscribe(receiver, notificationTrigger=triggers, notification={"showChanges": True})
    await eventually(lambda: has_one(there))
    await there.put_entity(1, level=3, power=1)
    await there.put_entity(1, level=4)
    await there.delete("/entities/urn:ngsi-ld:Sensor:1/attrs/power")
    await there.delete("/entities/urn:ngsi-ld:Sensor:1")
    await until(lambda: len(receiver.bodies) == 3)
    changed, gone, ended = (body["data"][0] for body in receiver.bodies)
    assert (changed["level"]["value"], changed["level"]["previousValue"]) == (4, 3)
    assert (gone["power"]["value"], gone["power"]["previousValue"]) == ("urn:ngsi-ld:null", 1)
    assert "deletedAt" in ended
    assert ended["level"]["previousValue"] == 4


async def test_5_8_6_what_is_not_registered_or_not_subscribed_is_not_passed_on(here, source, receiver):
    info = [{"entities": [{"type": "Sensor"}], "propertyNames": ["level"]}]
    source.status = 201
    await here.register(source.endpoint, information=info)
    await here.subscribe(receiver)
    await until(lambda: source.asked)
    path = source.asked[0][3]["notification"]["endpoint"]["uri"].partition("/ngsi-ld/v1")[2]
    value = {"type": "Property", "value": 1}
    sensor = {"id": "urn:ngsi-ld:Sensor:1", "type": "Sensor", "level": value, "secret": value}
    lamp = {"id": "urn:ngsi-ld:Lamp:1", "type": "Lamp", "level": value}
    told = {"id": "urn:n:1", "type": "Notification", "subscriptionId": "urn:s:1", "data": [lamp, {"id": 1}, sensor]}
    assert (await here.post(path, told)).status == 204
    await until(lambda: receiver.bodies)
    assert receiver.bodies[0]["data"] == [{"id": "urn:ngsi-ld:Sensor:1", "type": "Sensor", "level": value}]
    assert (await here.post(path, {"type": "Notification"})).status == 400
    assert (await here.post(path, [])).status == 400
    unknown = f"{path.rpartition('/')[0]}/{'-' * 32}"
    assert (await here.post(unknown, told)).status == 404
    await here.patch(PATH, {"isActive": False})
    assert (await here.post(path, told)).status == 204
    await here.delete(PATH)
    assert (await here.post(path, told)).status == 404
    await asyncio.sleep(0.2)
    assert len(receiver.bodies) == 1
