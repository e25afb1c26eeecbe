"""Every committed write leaves its trace in the history (clauses 4.5.6, 4.5.7), and none twice."""

import asyncio
from typing import Any

import pytest

from broker.adapters.mongo.cache import Stored
from broker.adapters.mongo.history_recorder import Recorder
from broker.adapters.mongo.plan import EntityPlan, Pending, Ticket, plan_entity
from broker.core.model.entity import Entity
from broker.core.model.patch import create
from broker.core.temporal.policy import parse_history
from broker.operations.ports import EntityWrite
from tests.http.client import Client
from tests.temporal.conftest import World

ROOM = {"id": "urn:x:1", "type": "Room", "temp": {"type": "Property", "value": 1}, "scope": "/a"}
HERE = "/temporal/entities/urn:x:1"


async def values(client: Client, name: str, entity: str = HERE) -> list[Any]:
    answer = await client.get(entity)
    assert answer.status == 200, answer.body
    return [each.get("value", each.get("object")) for each in answer.json.get(name, [])]


async def test_4_5_6_every_way_of_writing_is_recorded(client: Client) -> None:
    await client.post("/entities", ROOM)
    await client.patch("/entities/urn:x:1/attrs/temp", {"value": 2})
    await client.patch("/entities/urn:x:1/attrs", {"temp": {"type": "Property", "value": 3}})
    await client.post("/entities/urn:x:1/attrs", {"temp": {"type": "Property", "value": 4}})
    await client.patch("/entities/urn:x:1", {"temp": {"type": "Property", "value": 5}})
    await client.put("/entities/urn:x:1", {**ROOM, "temp": {"type": "Property", "value": 6}})
    await client.put("/entities/urn:x:1/attrs/temp", {"type": "Property", "value": 7})
    await client.post("/entityOperations/upsert", [{**ROOM, "temp": {"type": "Property", "value": 8}}])
    await client.post("/entityOperations/update", [{"id": "urn:x:1", "temp": {"type": "Property", "value": 9}}])
    assert await values(client, "temp") == list(range(1, 10))
    assert await values(client, "scope") == [["/a"]]


async def test_4_5_6_what_a_write_leaves_alone_is_not_recorded_again(client: Client) -> None:
    room = {**ROOM, "other": {"type": "Property", "value": 1}}
    await client.post("/entities", room)
    await client.patch("/entities/urn:x:1/attrs/temp", {"value": 2})
    await client.post("/entities/urn:x:1/attrs?options=noOverwrite", {"temp": {"type": "Property", "value": 3}})
    assert await values(client, "other") == [1]
    assert await values(client, "temp") == [1, 2]


async def test_4_5_6_only_the_instance_of_the_dataset_that_was_written_is_recorded(client: Client) -> None:
    several = [{"type": "Property", "value": 1}, {"type": "Property", "value": 10, "datasetId": "urn:d:1"}]
    await client.post("/entities", {**ROOM, "temp": several})
    await client.patch("/entities/urn:x:1/attrs/temp", {"value": 11, "datasetId": "urn:d:1"})
    assert await values(client, "temp") == [1, 10, 11]
    await client.delete("/entities/urn:x:1/attrs/temp?datasetId=urn:d:1")
    shown = (await client.get(HERE)).json["temp"]
    assert shown[-1]["value"] == "urn:ngsi-ld:null"
    assert shown[-1]["datasetId"] == "urn:d:1"
    assert "deletedAt" in shown[-1]


async def test_4_5_7_deletion_of_an_entity_marks_all_its_attributes(client: Client) -> None:
    await client.post("/entities", {**ROOM, "near": {"type": "Relationship", "object": "urn:x:2"}})
    await client.delete("/entities/urn:x:1")
    assert await values(client, "temp") == [1, "urn:ngsi-ld:null"]
    assert await values(client, "near") == ["urn:x:2", "urn:ngsi-ld:null"]
    assert await values(client, "scope") == [["/a"], []]
    assert "deletedAt" in (await client.get(HERE + "?options=sysAttrs")).json
    await client.post("/entities", {**ROOM, "type": "Hall"})
    again = (await client.get(HERE + "?options=sysAttrs")).json
    assert set(again["type"]) == {"Room", "Hall"}
    assert "deletedAt" not in again


async def test_4_5_6_concurrent_writes_all_are_there_each_with_its_own_instance_id(client: Client) -> None:
    await client.post("/entities", ROOM)
    patches = [client.patch("/entities/urn:x:1/attrs/temp", {"value": number}) for number in range(100, 150)]
    assert {answer.status for answer in await asyncio.gather(*patches)} == {204}
    shown, query = [], HERE + "?timerel=after&timeproperty=modifiedAt&timeAt="
    answer = await client.get(query + "2000-01-01T00:00:00Z")
    while answer.status == 206:
        shown += answer.json["temp"]
        until = answer.headers["content-range"].split("Z-")[1].split("/")[0]
        answer = await client.get(query + until)
    shown += answer.json["temp"]
    assert {each["value"] for each in shown} == {1, *range(100, 150)}


async def test_5_6_8_an_entity_twice_in_a_batch_is_recorded_twice(client: Client) -> None:
    batch = [{**ROOM, "temp": {"type": "Property", "value": value}} for value in (1, 2, 3)]
    await client.post("/entityOperations/upsert", batch)
    shown = (await client.get(HERE)).json["temp"]
    assert [each["value"] for each in shown] == [1, 2, 3]
    assert len({each["instanceId"] for each in shown}) == 3


@pytest.mark.parametrize("world", ["off", "on,/Room=off", "on,*/*=off"], indirect=True)
async def test_nothing_is_recorded_where_the_setting_says_so(world: World) -> None:
    await world.client.post("/entities", ROOM)
    await world.client.patch("/entities/urn:x:1/attrs/temp", {"value": 2})
    await world.client.delete("/entities/urn:x:1")
    assert (await world.client.get(HERE)).status == 404
    assert await world.database["history"].count_documents({}) == 0


async def test_a_group_that_is_finished_after_a_failure_is_recorded_once(world: World) -> None:
    recorder = Recorder("", world.database, parse_history("on"))
    entity = Entity("urn:x:1", ["urn:Room"], {"urn:temp": [{"type": "Property", "value": 1}]})
    plans = [_plan(entity, "v1")]
    concern = {"w": 1, "j": True}
    assert await recorder.keep(recorder.records(plans), plans, concern)
    assert await recorder.keep(recorder.records(plans), plans, concern)
    assert await world.database["history"].count_documents({}) == 1
    assert not await recorder.keep(recorder.records(plans), [], concern)


def _plan(entity: Entity, version: str, base: Stored | None = None) -> EntityPlan:
    write = EntityWrite(entity.id, lambda current: create(current, entity, 1))
    ticket = Ticket(1, asyncio.get_running_loop().create_future())
    return plan_entity([Pending(write, ticket, 0)], base, version)


async def test_names_that_mongodb_reserves_come_back(client: Client) -> None:
    value = {"$a": 1, "b.c": {"%24d": 2}}
    await client.post("/entities", {**ROOM, "urn:a.b%": {"type": "Property", "value": value}})
    assert await values(client, "urn:a.b%") == [value]
