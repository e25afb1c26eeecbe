"""Snapshots of what context sources have, and what becomes of one whose making is interrupted (5.16.1, 5.2.42)."""

from dataclasses import replace
from typing import Any

import pytest

from broker.adapters.memory.snapshots import MemorySnapshots
from broker.adapters.mongo.client import Databases, connect
from broker.adapters.mongo.history import MongoHistory, ensure_history_indexes
from broker.core.model.snapshot import new_snapshot
from broker.core.subscribe.message import Message
from broker.http.gateway import build
from broker.operations.snapshot_ports import Snapshots
from broker.operations.snapshots import remove_expired_snapshots
from broker.workers.background import Background
from tests.federation.world import FederatedBroker, Source
from tests.http.client import PUBLIC_URL, Client, healthy

SNAPSHOT = "urn:ngsi-ld:Snapshot:1"
PATH = f"/snapshots/{SNAPSHOT}"
SENSORS = {"type": "Query", "entities": [{"type": "Sensor"}]}


def sensor(number, **attributes):
    members = {name: {"type": "Property", "value": value} for name, value in attributes.items()}
    return {"id": f"urn:ngsi-ld:Sensor:{number}", "type": "Sensor", **members}


class Here:
    """A broker with registrations and snapshots."""

    def __init__(self, federated: FederatedBroker, **ports: Any) -> None:
        self.federated, self.background, self.store, self.told = federated, Background(), MemorySnapshots(), []

        async def tell(_, message: Message) -> None:
            self.told.append(message.body)

        self.ports = replace(federated.ports, snapshots=Snapshots(self.store, self.background.start, tell), **ports)
        self.client = Client(build(self.ports, health=healthy, public_url=PUBLIC_URL), self.ports)

    async def make(self, *queries):
        body = {"type": "Snapshot", "id": SNAPSHOT, "snapshotQueries": list(queries)}
        answer = await self.client.post("/snapshots", body)
        await self.background.finish()
        return answer

    async def status(self):
        return (await self.client.get(PATH)).json

    async def found(self):
        answer = await self.client.get("/entities?type=Sensor&options=keyValues", ngsild_snapshot=SNAPSHOT)
        return {each["id"][-1]: each for each in answer.json}


@pytest.fixture
async def here():
    federated = await FederatedBroker("here").start()
    yield Here(federated)
    await federated.stop()


@pytest.fixture
async def there():
    federated = await FederatedBroker("there").start()
    yield federated
    await federated.stop()


async def test_5_16_1_a_snapshot_holds_what_sources_have_and_stays_so(here, there):
    await here.client.post("/entities", sensor(1, level=1))
    for number in (1, 2):
        await there.post("/entities", sensor(number, power=number))
    await here.federated.register(there.endpoint)
    assert (await here.make(SENSORS)).status == 201
    status = await here.status()
    assert (status["snapshotStatus"], status["snapshotQueriesDetails"]) == ("success", [{"resultStatus": "success"}])
    found = await here.found()
    assert (found["1"]["level"], found["1"]["power"], found["2"]["power"]) == (1, 1, 2)
    await there.patch("/entities/urn:ngsi-ld:Sensor:2", {"power": {"type": "Property", "value": 9}})
    assert (await here.found())["2"]["power"] == 2


async def test_5_16_1_split_entities_are_filtered_once_they_are_whole(here, there):
    await here.client.post("/entityOperations/create", [sensor(1, level=1), sensor(2, level=1)])
    await there.post("/entityOperations/create", [sensor(1, power=9), sensor(2, power=1)])
    await here.federated.register(there.endpoint)
    await here.make({**SENSORS, "q": "level==1;power>5", "splitEntities": True})
    assert (await here.found()).keys() == {"1"}


async def test_5_2_42_sources_that_fail_are_told_of_and_the_rest_is_there(here):
    source = await Source(status=500).start()
    await here.client.post("/entities", sensor(1, level=1))
    await here.federated.register(source.endpoint, operations=["retrieveOps"])
    await here.make(SENSORS, {"type": "Query", "entities": [{"type": "Lamp"}]})
    status = await here.status()
    await source.stop()
    first, second = status["snapshotQueriesDetails"]
    assert (status["snapshotStatus"], first["resultStatus"]) == ("partial", "success")
    assert "299 urn:ngsi-ld:ContextSourceRegistration:1" in first["problemDetails"]["detail"]
    assert second == {"resultStatus": "empty"}
    assert (await here.found()).keys() == {"1"}


async def test_5_2_42_nothing_found_because_a_source_failed_is_a_failure(here):
    source = await Source(status=500).start()
    await here.federated.register(source.endpoint)
    await here.make(SENSORS)
    status = await here.status()
    await source.stop()
    assert (status["snapshotStatus"], status["snapshotQueriesDetails"][0]["resultStatus"]) == ("failure", "failure")


async def test_5_5_15_operations_on_a_snapshot_ask_no_source(here):
    source = await Source(body=[]).start()
    await here.federated.register(source.endpoint, operations=["queryEntity"])
    await here.make(SENSORS)
    source.asked.clear()
    for path in ("/entities?type=Sensor&local=false", "/entities?type=Sensor&entityMap=true", "/types"):
        await here.client.get(path, ngsild_snapshot=SNAPSHOT)
    await source.stop()
    assert not source.asked


async def test_5_16_1_a_snapshot_that_nobody_prepares_any_more_has_failed(here):
    now = here.ports.clock.now()
    document = {"type": "Snapshot", "id": SNAPSHOT, "snapshotQueries": [SENSORS], "endpoint": "http://127.0.0.1:1"}
    fresh = new_snapshot("", {**document, "id": SNAPSHOT + "0"}, None, now)
    await here.store.create("", fresh)
    await here.store.create("", new_snapshot("", document, None, now - 61_000_000))
    await remove_expired_snapshots(here.ports, "")
    status = await here.status()
    assert status["snapshotStatus"] == "failure"
    assert status["snapshotQueriesDetails"][0]["problemDetails"]["detail"]
    assert len(here.told) == 1
    assert (await here.client.get(PATH + "0")).json["snapshotStatus"] == "preparing"
    await here.store.change("", SNAPSHOT + "0", {"createdAt": now - 90_000_000, "aliveAt": now})
    await remove_expired_snapshots(here.ports, "")
    assert (await here.client.get(PATH + "0")).json["snapshotStatus"] == "preparing"


async def test_5_16_5_what_is_written_into_a_snapshot_while_it_is_deleted_does_not_stay(here):
    await here.client.post("/entities", sensor(1, level=1))
    await here.make(SENSORS)
    place = (await here.store.get("", SNAPSHOT))["place"]
    assert (await here.client.delete(PATH)).status == 204
    await here.ports.tenants.ensure(place)
    assert place in await here.ports.tenants.all()
    await remove_expired_snapshots(here.ports, place)
    assert place not in await here.ports.tenants.all()


async def test_5_16_5_a_snapshot_deleted_while_it_is_prepared_leaves_nothing(here):
    await here.client.post("/entities", sensor(1, level=1))
    body = {"type": "Snapshot", "id": SNAPSHOT, "snapshotQueries": [SENSORS]}
    await here.client.post("/snapshots", body)
    place = (await here.store.get("", SNAPSHOT))["place"]
    assert (await here.client.delete(PATH)).status == 204
    await here.background.finish()
    assert place not in await here.ports.tenants.all()
    assert (await here.client.get(PATH)).status == 404


async def test_5_16_1_a_snapshot_holds_the_histories_that_sources_have(mongo_url: str):
    driver = connect(mongo_url)
    for name in await driver.list_database_names():
        if name.startswith("eclor"):
            await driver.drop_database(name)
    databases = Databases(driver)
    await ensure_history_indexes(databases(""))
    federated = await FederatedBroker("here").start()
    here = Here(federated, history=MongoHistory(databases, await databases.write_concern()))
    samples = [{"type": "Property", "value": day, "observedAt": f"2026-01-0{day}T00:00:00Z"} for day in (1, 2)]
    source = await Source(body=[{"id": "urn:ngsi-ld:Sensor:2", "type": "Sensor", "level": samples}]).start()
    local = {"id": "urn:ngsi-ld:Sensor:1", "type": "Sensor", "level": samples[:1]}
    assert (await here.client.post("/temporal/entities?local=true", local)).status == 201
    interval = {"observationInterval": {"startAt": "2025-01-01T00:00:00Z"}, "operations": ["queryTemporal"]}
    assert (await federated.register(source.endpoint, **interval)).status == 201
    after = {"timerel": "after", "timeAt": "2025-06-01T00:00:00Z"}
    body = {"type": "Snapshot", "id": SNAPSHOT, "snapshotTemporalQueries": [{**SENSORS, "temporalQ": after}]}
    await here.client.post("/snapshots", body)
    await here.background.finish()
    status = await here.status()
    await source.stop()
    path = "/temporal/entities?type=Sensor&timerel=after&timeAt=2025-06-01T00:00:00Z&options=temporalValues"
    found = (await here.client.get(path, ngsild_snapshot=SNAPSHOT)).json
    await federated.stop()
    await driver.close()
    assert status["snapshotTemporalQueriesDetails"] == [{"resultStatus": "success"}]
    assert [(each["id"][-1], [value for value, _ in each["level"]["values"]]) for each in found] == [
        ("1", [1]),
        ("2", [1, 2]),
    ]
