"""Clauses 6.14 to 6.17 and 6.31."""

import asyncio
from dataclasses import replace

import pytest

from broker.http.gateway import build
from tests.http.client import CORE_LINK, LD, PUBLIC_URL, Client, healthy, memory_ports
from tests.http.samples import SENSOR, sensor

SECOND = "urn:ngsi-ld:Sensor:2"


async def test_6_14_all_created_is_201_with_their_ids(client: Client) -> None:
    answer = await client.post("/entityOperations/create", [sensor(1), sensor(2)])
    assert (answer.status, sorted(answer.json)) == (201, [SENSOR, SECOND])
    assert answer.headers["content-type"] == "application/json"


async def test_6_14_a_bad_entity_fails_alone(client: Client) -> None:
    answer = await client.post("/entityOperations/create", [sensor(1), {"id": SECOND}, sensor(1)])
    assert answer.status == 207
    assert answer.json["success"] == [SENSOR]
    by_id = {each["entityId"]: each["error"]["type"].rsplit("/", 1)[-1] for each in answer.json["errors"]}
    assert by_id == {SECOND: "BadRequestData", SENSOR: "AlreadyExists"}


async def test_6_14_a_context_that_cannot_be_had_fails_its_entity_alone(client: Client) -> None:
    missing = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.9-non-existing.jsonld"
    entities = [{**sensor(1), "@context": {"a": "https://example.org/a"}}, {**sensor(2), "@context": missing}]
    answer = await client.post("/entityOperations/create", entities, Content_Type=LD)
    assert answer.status == 207
    assert answer.json["success"] == [SENSOR]
    assert answer.json["errors"][0]["error"]["type"].endswith("LdContextNotAvailable")


async def test_6_15_upsert_names_the_created_alone_and_is_204_where_all_existed(client: Client) -> None:
    await client.post("/entities", sensor(1))
    mixed = await client.post("/entityOperations/upsert", [sensor(1), sensor(2)])
    assert (mixed.status, mixed.json) == (201, [SECOND])
    existing = await client.post("/entityOperations/upsert", [sensor(1), sensor(2)])
    assert (existing.status, existing.body) == (204, b"")


async def test_6_15_upsert_replaces_unless_it_is_told_to_update(client: Client) -> None:
    await client.post("/entities", sensor(1))
    humid = {"id": SENSOR, "type": "Sensor", "humidity": {"type": "Property", "value": 3}}
    await client.post("/entityOperations/upsert?options=update", [humid])
    assert {"temperature", "humidity"} <= (await client.get(f"/entities/{SENSOR}")).json.keys()
    await client.post("/entityOperations/upsert", [humid])
    assert "temperature" not in (await client.get(f"/entities/{SENSOR}")).json
    both = await client.post("/entityOperations/upsert?options=update,replace", [humid])
    assert both.error == "BadRequestData"


async def test_6_16_6_31_update_and_merge_report_the_unknown(client: Client) -> None:
    await client.post("/entities", sensor(1))
    change = {"temperature": {"type": "Property", "value": 1}}
    for operation in ("update", "merge"):
        done = await client.post(f"/entityOperations/{operation}", [{"id": SENSOR, "type": "Sensor", **change}])
        assert done.status == 204
        partly = await client.post(
            f"/entityOperations/{operation}", [{"id": SENSOR, **change}, {"id": SECOND, **change}]
        )
        assert partly.status == 207
        assert partly.json["success"] == [SENSOR]
        assert partly.json["errors"][0]["entityId"] == SECOND
        assert partly.json["errors"][0]["error"]["status"] == 404


async def test_6_17_deletion_reports_what_was_not_there(client: Client) -> None:
    await client.post("/entities", sensor(1))
    answer = await client.post("/entityOperations/delete", [SENSOR, SECOND, "no-uri"])
    assert answer.status == 207
    assert answer.json["success"] == [SENSOR]
    assert {each["entityId"] for each in answer.json["errors"]} == {SECOND, "no-uri"}
    await client.post("/entities", sensor(1))
    assert (await client.post("/entityOperations/delete", [SENSOR])).status == 204


async def test_a_batch_is_an_array_of_the_right_things_and_not_empty(client: Client) -> None:
    assert (await client.post("/entityOperations/create", sensor())).error == "InvalidRequest"
    assert (await client.post("/entityOperations/create", [])).error == "BadRequestData"
    assert (await client.post("/entityOperations/create", ["a"])).error == "BadRequestData"
    assert (await client.post("/entityOperations/delete", [1])).error == "BadRequestData"


@pytest.mark.parametrize(
    ("operation", "most"), [("create", 10), ("upsert", 5), ("update", 5), ("merge", 5), ("delete", 5)]
)
async def test_5_5_2_a_batch_beyond_what_is_done_in_a_second_is_refused_whole(operation: str, most: int) -> None:
    ports = replace(memory_ports(), max_batch=10)
    client = Client(build(ports, health=healthy, public_url=PUBLIC_URL), ports)
    bodies = [sensor(n)["id"] if operation == "delete" else sensor(n) for n in range(most + 1)]
    refused = await client.post(f"/entityOperations/{operation}", bodies)
    assert (refused.status, refused.error) == (400, "BadRequestData")
    assert str(most) in refused.json["detail"]
    assert (await client.get("/entities?local=true")).json == []
    assert (await client.post(f"/entityOperations/{operation}", bodies[:most])).status in {201, 207}


async def test_a_large_batch_lets_others_in_between(client: Client) -> None:
    await client.post("/entities", sensor(0))
    finished: list[str] = []

    async def large() -> None:
        assert (await client.post("/entityOperations/upsert", [sensor(number) for number in range(2000)])).status == 201
        finished.append("batch")

    async def small() -> None:
        await asyncio.sleep(0)
        assert (await client.get("/entities/urn:ngsi-ld:Sensor:0")).status == 200
        finished.append("retrieval")

    await asyncio.gather(large(), small())
    assert finished == ["retrieval", "batch"]


async def test_6_3_5_contexts_stand_in_each_entity_and_nowhere_else(client: Client) -> None:
    inside = {**sensor(), "@context": {"a": "https://example.org/a"}}
    plain = await client.post("/entityOperations/create", [inside])
    assert plain.status == 207
    assert plain.json["errors"][0]["error"]["type"].endswith("BadRequestData")
    twice = await client.post("/entityOperations/create", [inside], Content_Type=LD, Link=CORE_LINK)
    assert (twice.status, twice.error) == (400, "BadRequestData")
