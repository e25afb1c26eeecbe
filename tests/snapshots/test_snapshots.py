"""Snapshots over HTTP, in memory and on MongoDB (clauses 4.3.7, 5.5.15, 5.16, 6.36 to 6.38)."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
import pytest

from broker.adapters.clock import SystemClock
from broker.adapters.memory.snapshots import MemorySnapshots
from broker.adapters.mongo.client import Databases, connect
from broker.adapters.mongo.entities import MongoEntities
from broker.adapters.mongo.entity_maps import MongoEntityMaps
from broker.adapters.mongo.history import MongoHistory
from broker.adapters.mongo.outbox import MongoOutbox
from broker.adapters.mongo.presence import Presence
from broker.adapters.mongo.snapshots import MongoSnapshots
from broker.adapters.mongo.tenants import MongoTenants
from broker.core.model.snapshot import new_snapshot
from broker.core.subscribe.message import Message
from broker.http.gateway import build
from broker.operations.ports import Ports
from broker.operations.snapshot_ports import Snapshots
from broker.operations.snapshots import MAX_SNAPSHOTS, remove_expired_snapshots
from broker.workers.background import Background
from tests.http.client import PUBLIC_URL, Client, Deaf, healthy, memory_ports
from tests.http.samples import sensor

SENSORS = {"type": "Query", "entities": [{"type": "Sensor"}]}
SNAPSHOT = {"type": "Snapshot", "id": "urn:ngsi-ld:Snapshot:1", "snapshotQueries": [SENSORS]}
PATH = "/snapshots/urn:ngsi-ld:Snapshot:1"
ENTITY = "/entities/urn:ngsi-ld:Sensor:1"
IN = {"ngsild_snapshot": "urn:ngsi-ld:Snapshot:1"}


@dataclass
class World:
    """A client, and what goes on behind it."""

    client: Client
    background: Background
    told: list[dict[str, Any]] = field(default_factory=list)

    async def make(self, document: dict[str, Any], path: str = "/snapshots", **headers: str):
        answer = await self.client.post(path, document, **headers)
        await self.background.finish()
        return answer

    async def ids(self, **headers: str) -> list[str]:
        return [each["id"] for each in (await self.client.get("/entities?local=true", **headers)).json]


def world_of(ports: Ports, store: Any) -> World:
    background, told = Background(), []

    async def tell(endpoint: Any, message: Message) -> None:
        told.append({**orjson.loads(message.body), "uri": endpoint.uri, "info": message.info})

    ports = replace(ports, snapshots=Snapshots(store, background.start, tell))
    return World(Client(build(ports, health=healthy, public_url=PUBLIC_URL), ports), background, told)


@pytest.fixture(name="world", params=["memory", "mongo"])
async def _world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    if request.param == "memory":
        world = world_of(memory_ports(), MemorySnapshots())
        await world.client.post("/entityOperations/create", [sensor(1), sensor(2), {"id": "urn:x:1", "type": "X"}])
        yield world
        return
    client = connect(request.getfixturevalue("mongo_url"))
    for name in await client.list_database_names():
        if name.startswith("eclor"):
            await client.drop_database(name)
    databases, clock = Databases(client), SystemClock()
    presence, concern = Presence(databases), await databases.write_concern()
    tenants = MongoTenants(databases)
    outbox = MongoOutbox(databases, presence, tenants)
    entities = MongoEntities(
        databases, outbox=outbox, notifier=Deaf(), presence=presence, clock=clock, write_concern=concern
    )
    ports = replace(
        memory_ports(),
        entities=entities,
        tenants=tenants,
        history=MongoHistory(databases, concern),
        entity_maps=MongoEntityMaps(databases),
    )
    await tenants.ensure("")
    world = world_of(ports, MongoSnapshots(databases))
    await world.client.post("/entityOperations/create", [sensor(1), sensor(2), {"id": "urn:x:1", "type": "X"}])
    yield world
    await world.background.close()
    await outbox.close()
    await entities.close()
    await client.close()


async def test_5_16_1_a_snapshot_holds_what_its_queries_found(world: World) -> None:
    made = await world.make(SNAPSHOT)
    assert made.status == 201
    assert made.headers["location"] == "/ngsi-ld/v1" + PATH
    status = (await world.client.get(PATH)).json
    assert status["snapshotStatus"] == "success"
    assert status["snapshotQueriesDetails"] == [{"resultStatus": "success"}]
    assert (status["snapshotPriority"], status["snapshotQueries"]) == (5, [SENSORS])
    assert status["expiresAt"] > status["createdAt"]
    assert "place" not in status
    assert await world.ids(**IN) == ["urn:ngsi-ld:Sensor:1", "urn:ngsi-ld:Sensor:2"]


async def test_5_5_15_a_snapshot_stays_as_it_was_and_its_changes_stay_in_it(world: World) -> None:
    await world.make(SNAPSHOT)
    before = (await world.client.get(ENTITY + "?options=sysAttrs")).json
    await world.client.patch(ENTITY, {"temperature": {"value": 99}})
    await world.client.delete("/entities/urn:ngsi-ld:Sensor:2")
    frozen = await world.client.get(ENTITY + "?options=sysAttrs", **IN)
    assert frozen.json == before
    assert (b"NGSILD-Snapshot", b"urn:ngsi-ld:Snapshot:1") in frozen.raw
    assert (await world.client.patch(ENTITY, {"temperature": {"value": -5}}, **IN)).status == 204
    assert (await world.client.get(ENTITY + "?options=keyValues", **IN)).json["temperature"] == -5
    assert (await world.client.get(ENTITY + "?options=keyValues")).json["temperature"] == 99
    assert await world.ids() == ["urn:ngsi-ld:Sensor:1", "urn:x:1"]


async def test_5_5_15_requests_on_a_snapshot_are_local_whatever_they_say(world: World) -> None:
    await world.make(SNAPSHOT)
    for query in ("", "?local=false", "?limit=5"):
        answer = await world.client.get("/entities" + query, **IN)
        assert (answer.status, len(answer.json)) == (200, 2)
    assert (await world.client.get("/types", **IN)).json["typeList"] == ["Sensor"]


async def test_5_16_1_4_the_status_says_what_became_of_the_queries(world: World) -> None:
    nothing = {"type": "Query", "entities": [{"type": "Nothing"}]}
    for queries, expected in (([nothing], "empty"), ([SENSORS, nothing], "partial")):
        made = await world.make({"type": "Snapshot", "snapshotQueries": queries})
        status = (await world.client.get(made.headers["location"].removeprefix("/ngsi-ld/v1"))).json
        assert status["snapshotStatus"] == expected
        assert status["snapshotQueriesDetails"][-1] == {"resultStatus": "empty"}


async def test_5_16_1_several_queries_bring_their_attributes_together(world: World) -> None:
    await world.client.post(ENTITY + "/attrs", {"humidity": 50, "noise": 40})
    queries = [{**SENSORS, "pick": ["id", "type", name]} for name in ("humidity", "temperature")]
    await world.make({**SNAPSHOT, "snapshotQueries": queries})
    shown = (await world.client.get(ENTITY, **IN)).json
    assert shown.keys() == {"id", "type", "humidity", "temperature"}


@pytest.mark.parametrize(
    "document",
    [
        {"type": "Snapshot"},
        {"type": "Entity", "snapshotQueries": [SENSORS]},
        {**SNAPSHOT, "snapshotQueries": [{"type": "Query"}]},
        {**SNAPSHOT, "snapshotQueries": [{**SENSORS, "temporalQ": {}}]},
        {"type": "Snapshot", "snapshotTemporalQueries": [SENSORS]},
        {**SNAPSHOT, "snapshotPriority": 11},
        {**SNAPSHOT, "snapshotLifetime": "a day"},
        {**SNAPSHOT, "endpoint": "ftp://here"},
        {**SNAPSHOT, "id": "1"},
        {**SNAPSHOT, "colour": "red"},
    ],
)
async def test_5_16_1_4_what_is_no_snapshot_is_refused_and_nothing_kept(world: World, document) -> None:
    assert (await world.make(document)).error == "BadRequestData"
    assert (await world.client.get(PATH)).error == "ResourceNotFound"


async def test_5_16_1_4_an_id_is_taken_once(world: World) -> None:
    await world.make(SNAPSHOT)
    assert (await world.make(SNAPSHOT)).error == "AlreadyExists"


async def test_5_16_2_a_clone_has_the_content_and_goes_its_own_way(world: World) -> None:
    await world.make(SNAPSHOT)
    await world.client.patch(ENTITY, {"temperature": {"value": -5}}, **IN)
    cloned = await world.make({"type": "Snapshot", "id": "urn:ngsi-ld:Snapshot:2"}, PATH + "/clone")
    assert cloned.status == 201
    assert (await world.client.get("/snapshots/urn:ngsi-ld:Snapshot:2")).json["snapshotStatus"] == "success"
    clone = {"ngsild_snapshot": "urn:ngsi-ld:Snapshot:2"}
    assert (await world.client.get(ENTITY + "?options=keyValues", **clone)).json["temperature"] == -5
    await world.client.delete(ENTITY, **clone)
    assert len(await world.ids(**IN)) == 2
    assert (await world.make({**SNAPSHOT, "id": "urn:s:3"}, PATH + "/clone")).error == "BadRequestData"
    assert (await world.make({"type": "Snapshot"}, "/snapshots/urn:s:9/clone")).error == "ResourceNotFound"


async def test_5_16_4_lifetime_priority_and_endpoint_change_and_nothing_else(world: World) -> None:
    await world.make(SNAPSHOT)
    before = (await world.client.get(PATH)).json
    changes = {"snapshotPriority": 9, "snapshotLifetime": "P3D", "snapshotStatus": "failure", "createdAt": "x"}
    after = await world.client.patch(PATH, changes)
    assert after.status == 200
    assert (after.json["snapshotPriority"], after.json["snapshotStatus"]) == (9, "success")
    assert after.json["expiresAt"] > before["expiresAt"]
    assert after.json["createdAt"] == before["createdAt"]
    for refused in ({"snapshotQueries": [SENSORS]}, {"id": "urn:s:2"}, {"snapshotPriority": 0}):
        assert (await world.client.patch(PATH, refused)).error == "BadRequestData"


async def test_5_16_6_the_endpoint_is_told_when_ready_and_after_updates(world: World) -> None:
    info = [{"key": "Authorization", "value": "Bearer 1"}]
    await world.make({**SNAPSHOT, "endpoint": "http://receiver.test/s", "receiverInfo": info})
    (ready,) = world.told
    assert (ready["type"], ready["snapshotId"], ready["snapshotStatus"]) == (
        "SnapshotNotification",
        "urn:ngsi-ld:Snapshot:1",
        "success",
    )
    assert (ready["uri"], ready["info"]) == ("http://receiver.test/s", (("Authorization", "Bearer 1"),))
    await world.client.patch(PATH, {"snapshotPriority": 1})
    await world.background.finish()
    assert world.told[-1]["snapshotPriority"] == 1
    await world.client.patch(PATH, {"endpoint": "urn:ngsi-ld:null"})
    await world.background.finish()
    assert len(world.told) == 2


async def test_5_16_5_a_deleted_snapshot_is_gone_with_what_it_held(world: World) -> None:
    await world.make(SNAPSHOT)
    assert (await world.client.delete(PATH)).status == 204
    for answer in (await world.client.delete(PATH), await world.client.get(ENTITY, **IN)):
        assert (answer.status, answer.error) == (404, "ResourceNotFound")
    assert await world.client.ports.tenants.all() == [""]
    assert len(await world.ids()) == 3
    assert (await world.client.get("/snapshots/1")).error == "BadRequestData"


async def test_5_16_7_a_purge_deletes_those_that_the_query_selects(world: World) -> None:
    for number in (1, 2, 3):
        await world.make({**SNAPSHOT, "id": f"urn:ngsi-ld:Snapshot:{number}", "snapshotPriority": number})
    assert (await world.client.delete("/snapshots?q=snapshotPriority<3;snapshotStatus==%22success%22")).status == 204
    assert (await world.client.get("/snapshots/urn:ngsi-ld:Snapshot:2")).status == 404
    assert (await world.client.get("/snapshots/urn:ngsi-ld:Snapshot:3")).status == 200
    assert (await world.client.delete("/snapshots?q=snapshotPriority<3")).error == "ResourceNotFound"
    for query in ("", "?q=temperature>3", "?q=((("):
        assert (await world.client.delete("/snapshots" + query)).error == "BadRequestData"


async def test_5_16_a_snapshot_past_its_time_is_gone_and_told_of(world: World) -> None:
    await world.make({**SNAPSHOT, "endpoint": "http://receiver.test/s"})
    store = world.client.ports.snapshots.store
    await store.change("", SNAPSHOT["id"], {"expiresAt": 1})
    assert (await world.client.get(PATH)).status == 404
    assert await remove_expired_snapshots(world.client.ports, "") == 1
    assert world.told[-1]["snapshotReady"] is False
    assert await store.all("") == []
    assert await remove_expired_snapshots(world.client.ports, "") == 0


async def test_5_5_15_the_least_important_snapshot_makes_room(world: World) -> None:
    store = world.client.ports.snapshots.store
    await world.make({**SNAPSHOT, "snapshotPriority": 2})
    for number in range(2, MAX_SNAPSHOTS + 1):
        stored = {**await store.get("", SNAPSHOT["id"]), "id": f"urn:s:{number}", "snapshotPriority": 5}
        await store.create("", {**stored, "place": f"snapshot!{number}"})
    await world.make({**SNAPSHOT, "id": "urn:s:new"})
    assert (await world.client.get(PATH)).status == 404
    assert (await world.client.get("/snapshots/urn:s:new")).status == 200


@pytest.mark.parametrize("tenant", ["", "aumetz"])
@pytest.mark.parametrize("snapshot_id", ["urn:ngsi-ld:Snapshot:1", "urn:odd!id!"])
def test_6_3_22_messages_name_tenant_and_snapshot_as_clients_do(tenant: str, snapshot_id: str) -> None:
    place = new_snapshot(tenant, {"id": snapshot_id}, None, 0)["place"]
    named = dict(Message("application/json", b"{}", tenant=place).origin)
    assert named.pop("NGSILD-Snapshot") == snapshot_id
    assert named == ({"NGSILD-Tenant": tenant} if tenant else {})
    assert Message("application/json", b"{}", tenant="aumetz").origin == [("NGSILD-Tenant", "aumetz")]
    assert Message("application/json", b"{}").origin == []


async def test_5_16_snapshots_of_a_tenant_are_its_own(world: World) -> None:
    await world.client.post("/entities", sensor(7), ngsild_tenant="aumetz")
    await world.make(SNAPSHOT, ngsild_tenant="aumetz")
    assert (await world.client.get(PATH)).status == 404
    assert await world.ids(ngsild_tenant="aumetz", **IN) == ["urn:ngsi-ld:Sensor:7"]
    assert (await world.client.get("/entities?local=true", **IN)).status == 404


@pytest.mark.parametrize("world", ["mongo"], indirect=True)
async def test_5_16_1_temporal_queries_bring_histories(world: World) -> None:
    sample = {"type": "Property", "value": 1, "observedAt": "2026-02-01T00:00:00Z"}
    history = {"id": "urn:ngsi-ld:Sensor:1", "type": "Sensor", "temperature": [sample]}
    await world.client.post("/temporal/entities", history)
    query = {**SENSORS, "temporalQ": {"timerel": "after", "timeAt": "2026-01-01T00:00:00Z"}}
    await world.make({"type": "Snapshot", "id": SNAPSHOT["id"], "snapshotTemporalQueries": [query]})
    assert (await world.client.get(PATH)).json["snapshotTemporalQueriesDetails"] == [{"resultStatus": "success"}]
    found = await world.client.get("/temporal/entities/urn:ngsi-ld:Sensor:1", **IN)
    assert [each["value"] for each in found.json["temperature"]] == [1]
    await world.client.delete("/temporal/entities/urn:ngsi-ld:Sensor:1")
    assert (await world.client.get("/temporal/entities/urn:ngsi-ld:Sensor:1", **IN)).status == 200
