"""Entity maps of histories (clauses 5.14.5, 6.35), over HTTP and on MongoDB."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from broker.adapters.mongo.client import Databases, connect
from broker.adapters.mongo.history import MongoHistory, ensure_history_indexes
from broker.http.gateway import build
from tests.http.client import PUBLIC_URL, Client, healthy, memory_client

AFTER = "timerel=after&timeAt=2026-01-01T00:00:00Z"


def history(number: int, day: str) -> dict:
    sample = {"type": "Property", "value": number, "observedAt": f"{day}T12:00:00Z"}
    return {"id": f"urn:ngsi-ld:Sensor:{number}", "type": "Sensor", "temperature": [sample]}


@pytest.fixture(name="client")
async def _client(mongo_url: str) -> AsyncIterator[Client]:
    client = connect(mongo_url)
    databases = Databases(client)
    await client.drop_database("eclor")
    await ensure_history_indexes(databases(""))
    ports = replace(memory_client().ports, history=MongoHistory(databases, await databases.write_concern()))
    served = Client(build(ports, health=healthy, public_url=PUBLIC_URL), ports)
    for number, day in ((1, "2025-12-01"), (2, "2026-02-01"), (3, "2026-03-01")):
        assert (await served.post("/temporal/entities", history(number, day))).status == 201
    yield served
    await client.close()


async def test_6_35_3_a_map_lists_the_entities_with_samples_in_the_range(client: Client) -> None:
    got = await client.get(f"/temporal/entityMaps?type=Sensor&{AFTER}")
    body = {
        "type": "Query",
        "entities": [{"type": "Sensor"}],
        "temporalQ": {"timerel": "after", "timeAt": "2026-01-01T00:00:00Z"},
    }
    posted = await client.post("/temporal/entityMaps/", body)
    for answer in (got, posted):
        assert answer.status == 201
        assert answer.json["entityMap"] == {f"urn:ngsi-ld:Sensor:{number}": ["@none"] for number in (2, 3)}
        path = answer.headers["ngsild-entitymap"].removeprefix("/ngsi-ld/v1")
        assert (await client.get(path)).json == answer.json


async def test_5_14_5_without_a_temporal_query_or_a_selection_no_map_is_made(client: Client) -> None:
    for query in ("type=Sensor", AFTER):
        assert (await client.get(f"/temporal/entityMaps?{query}")).error == "BadRequestData"


async def test_5_7_4_a_map_fixes_the_entities_of_later_pages(client: Client) -> None:
    first = await client.get(f"/temporal/entities?type=Sensor&{AFTER}&limit=1&entityMap=true")
    assert first.status == 201
    location = first.headers["ngsild-entitymap"]
    assert [each["id"] for each in first.json] == ["urn:ngsi-ld:Sensor:2"]
    await client.post("/temporal/entities", history(4, "2026-04-01"))
    rest = await client.get(f"/temporal/entities?type=Sensor&{AFTER}&offset=1", ngsild_entitymap=location)
    assert [each["id"] for each in rest.json] == ["urn:ngsi-ld:Sensor:3"]
    assert rest.headers["ngsild-entitymap"] == location
