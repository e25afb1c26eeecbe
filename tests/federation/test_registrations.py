"""Registrations and subscriptions to them over HTTP (clauses 5.9, 5.10, 5.11, 5.15)."""

import asyncio
from datetime import UTC, datetime, timedelta

from tests.notifications.world import until

PATH = "/csourceRegistrations/urn:ngsi-ld:ContextSourceRegistration:1"


def in_seconds(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


async def test_5_9_a_registration_is_created_read_changed_and_deleted(broker):
    created = await broker.register("http://127.0.0.1:9", description="a source", kind="public")
    assert created.status == 201
    assert created.headers["location"] == "/ngsi-ld/v1" + PATH
    assert (await broker.register("http://127.0.0.1:9")).error == "AlreadyExists"
    read = (await broker.get(PATH)).json
    assert (read["endpoint"], read["description"], read["kind"]) == ("http://127.0.0.1:9", "a source", "public")
    assert "createdAt" not in read
    assert "createdAt" in (await broker.get(PATH + "?options=sysAttrs")).json
    assert (await broker.patch(PATH, {"endpoint": "http://127.0.0.1:10", "description": None})).status == 204
    read = (await broker.get(PATH)).json
    assert read["endpoint"] == "http://127.0.0.1:10"
    assert "description" not in read
    assert (await broker.patch(PATH, {"id": "urn:other:1"})).status == 400
    assert (await broker.patch(PATH, {"endpoint": None})).status == 400
    assert (await broker.delete(PATH)).status == 204
    assert [(await broker.get(PATH)).status, (await broker.delete(PATH)).status] == [404, 404]
    assert (await broker.patch(PATH, {"endpoint": "http://127.0.0.1:9"})).status == 404


async def test_5_9_2_4_proxied_registrations_exclude_each_other_and_local_data(broker):
    info = [{"entities": [{"type": "Sensor", "id": "urn:ngsi-ld:Sensor:1"}], "propertyNames": ["level"]}]
    await broker.post("/entities", {"id": "urn:ngsi-ld:Sensor:1", "type": "Sensor", "level": {"value": 1}})
    assert (await broker.register("http://127.0.0.1:9", mode="exclusive", information=info)).error == "Conflict"
    assert (await broker.register("http://127.0.0.1:9", mode="redirect")).error == "Conflict"
    await broker.delete("/entities/urn:ngsi-ld:Sensor:1/attrs/level")
    assert (await broker.register("http://127.0.0.1:9", mode="exclusive", information=info)).status == 201
    assert (await broker.register("http://127.0.0.1:9", 2, mode="exclusive", information=info)).status == 409
    assert (await broker.register("http://127.0.0.1:9", 3, information=info)).status == 201
    assert (await broker.patch(PATH, {"description": "the same still"})).status == 204
    assert (await broker.patch(PATH.replace(":1", ":3"), {"mode": "exclusive"})).status == 409


async def test_5_10_2_registrations_are_found_by_what_they_may_have(broker):
    await broker.register("http://127.0.0.1:9", 1)
    await broker.register("http://127.0.0.1:9", 2, information=[{"entities": [{"type": "Lamp"}]}])
    await broker.register("http://127.0.0.1:9", 3, information=[{"propertyNames": ["level"]}])
    await broker.register("http://127.0.0.1:9", 4, expiresAt=in_seconds(0.4))

    async def found(query: str) -> list[str]:
        return [each["id"][-1] for each in (await broker.get("/csourceRegistrations" + query)).json]

    assert await found("?type=Sensor") == ["1", "3", "4"]
    assert await found("?type=Lamp&attrs=power") == ["2"]
    assert await found("?type=Sensor&limit=1&offset=1") == ["3"]
    assert (await broker.get("/csourceRegistrations")).status == 400
    assert (await broker.get("/csourceRegistrations?id=urn:ngsi-ld:Sensor:1")).status == 400
    await asyncio.sleep(0.5)
    assert await found("?type=Sensor") == ["1", "3"]
    assert (await broker.get(PATH.replace(":1", ":4"))).status == 404
    assert (await broker.register("http://127.0.0.1:9", 5, expiresAt=in_seconds(-5))).status == 400


async def test_5_9_2_4_a_registration_past_its_time_is_deleted(broker):
    await broker.register("http://127.0.0.1:9", expiresAt=in_seconds(0.3))
    assert broker.registry.of("") is not None
    await until(lambda: broker.registry.of("") is None)
    assert (await broker.registrations.page("", 10, 0))[1] == 0


async def test_4_14_registrations_belong_to_their_tenant_and_none_costs_a_look_up(broker):
    await broker.register("http://127.0.0.1:9")
    assert broker.registry.of("") is not None
    assert broker.registry.of("ville") is None
    await broker.delete(PATH)
    assert broker.registry.of("") is None


async def test_another_process_learns_of_registrations(broker):
    stored = {
        "id": "urn:ngsi-ld:ContextSourceRegistration:7",
        "document": {
            "id": "urn:ngsi-ld:ContextSourceRegistration:7",
            "type": "ContextSourceRegistration",
            "endpoint": "http://127.0.0.1:9",
            "information": [{"entities": [{"type": "Sensor"}]}],
        },
        "context": "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.9.jsonld",
        "contexts": {},
        "createdAt": 1,
        "modifiedAt": 1,
    }
    await broker.registrations.create("", stored)
    await until(lambda: broker.registry.of("") is not None)
    await broker.registrations.delete("", stored["id"])
    await until(lambda: broker.registry.of("") is None)


async def test_5_11_7_subscribers_are_told_why_a_registration_is_told(broker, source):
    subscription = {
        "id": "urn:ngsi-ld:Subscription:1",
        "type": "Subscription",
        "entities": [{"type": "Sensor"}],
        "notification": {"endpoint": {"uri": source.endpoint + "/told"}},
    }
    await broker.register("http://127.0.0.1:9", 1, information=[{"entities": [{"type": "Lamp"}]}])
    await broker.register(
        "http://127.0.0.1:9", 2, information=[{"entities": [{"type": "Lamp"}]}, {"entities": [{"type": "Sensor"}]}]
    )
    assert (await broker.post("/csourceSubscriptions", subscription)).status == 201
    await until(lambda: len(source.asked) == 1)
    await broker.patch(PATH, {"information": [{"entities": [{"type": "Sensor"}]}]})
    await broker.patch(PATH, {"description": "now a sensor"})
    await broker.delete(PATH)
    await broker.register("http://127.0.0.1:9", 3, information=[{"entities": [{"type": "Lamp"}]}])
    await until(lambda: len(source.asked) == 4)
    told = [body for _, _, _, body in source.asked]
    assert [each["triggerReason"] for each in told] == ["newlyMatching", "newlyMatching", "updated", "noLongerMatching"]
    assert {each["type"] for each in told} == {"ContextSourceNotification"}
    assert [each["id"][-1] for body in told for each in body["data"]] == ["2", "1", "1", "1"]
    assert told[0]["data"][0]["information"] == [{"entities": [{"type": ["Sensor"]}]}]
    counted = (await broker.get("/csourceSubscriptions/urn:ngsi-ld:Subscription:1")).json["notification"]
    assert (counted["timesSent"], counted["status"]) == (4, "ok")
    assert (await broker.delete("/csourceSubscriptions/urn:ngsi-ld:Subscription:1")).status == 204
    await broker.delete(PATH.replace(":1", ":2"))
    await asyncio.sleep(0.2)
    assert len(source.asked) == 4


async def test_5_11_2_periodic_subscriptions_hear_at_once_and_again(broker, source):
    subscription = {
        "id": "urn:ngsi-ld:Subscription:1",
        "type": "Subscription",
        "timeInterval": 1,
        "entities": [{"type": "Sensor"}],
        "notification": {"endpoint": {"uri": source.endpoint + "/told"}},
    }
    await broker.register("http://127.0.0.1:9")
    await broker.post("/csourceSubscriptions", subscription)
    await until(lambda: len(source.asked) >= 2)


async def test_5_15_1_the_identity_names_the_tenant(broker):
    await broker.post("/entities", {"id": "urn:ngsi-ld:Sensor:1", "type": "Sensor"}, ngsild_tenant="ville")
    mine = (await broker.get("/info/sourceIdentity")).json
    theirs = (await broker.get("/info/sourceIdentity", ngsild_tenant="ville")).json
    assert (mine["type"], mine["contextSourceAlias"]) == ("ContextSourceIdentity", "here")
    assert theirs["contextSourceAlias"] == "here.ville"
    assert mine["id"] != theirs["id"]
    assert (await broker.get("/info/sourceIdentity", ngsild_tenant="nowhere")).status == 404
