"""Entity maps over HTTP: clauses 6.32, 6.34, and the header of 6.4.3.2 and 6.5.3.1."""

import pytest

from tests.http.client import LD, Client
from tests.http.samples import SENSOR, sensor

QUERY = {"type": "Query", "entities": [{"type": "Sensor"}]}
IDS = [f"urn:ngsi-ld:Sensor:{number}" for number in (1, 2, 3)]


@pytest.fixture(autouse=True)
async def _sensors(client: Client) -> None:
    assert (await client.post("/entityOperations/create", [sensor(number) for number in (1, 2, 3)])).status == 201


def path_of(answer) -> str:
    location = answer.headers["ngsild-entitymap"]
    assert location.startswith("/ngsi-ld/v1/entityMaps/urn:ngsi-ld:EntityMap:")
    return location.removeprefix("/ngsi-ld/v1")


async def test_6_34_3_a_map_is_made_by_get_and_by_post(client: Client) -> None:
    got = await client.get("/entityMaps?type=Sensor&q=temperature>11")
    posted = await client.post("/entityMaps/", {**QUERY, "q": "temperature>11"})
    for answer in (got, posted):
        assert answer.status == 201
        assert (b"NGSILD-EntityMap", answer.headers["ngsild-entitymap"].encode()) in answer.raw
        assert answer.json["type"] == "EntityMap"
        assert answer.json["entityMap"] == {IDS[1]: ["@none"], IDS[2]: ["@none"]}
        assert (await client.get(path_of(answer))).json == answer.json
    assert got.json["id"] != posted.json["id"]


async def test_6_34_3_a_query_that_is_refused_makes_no_map(client: Client) -> None:
    for path in ("/entityMaps", "/entityMaps?type=Sensor&q=a.b{{", "/entityMaps?type=Sensor&entityMapLifetime=soon"):
        assert (await client.get(path)).error == "BadRequestData"
    assert (await client.post("/entityMaps", {"type": "Nothing"})).error == "BadRequestData"


async def test_6_4_3_2_pages_of_a_map_stay_the_same_while_entities_come(client: Client) -> None:
    first = await client.get("/entities?type=Sensor&limit=2&entityMap=true")
    assert first.status == 201
    assert [entity["id"] for entity in first.json] == IDS[:2]
    location = first.headers["ngsild-entitymap"]
    await client.post("/entities", {**sensor(), "id": "urn:ngsi-ld:Sensor:0"})
    for header in (location, location.rpartition("/")[2], f"http://broker.test{location}"):
        second = await client.get("/entities?type=Sensor&limit=2&offset=2&count=true", ngsild_entitymap=header)
        assert [entity["id"] for entity in second.json] == IDS[2:]
        assert second.status == 200
        assert second.headers["ngsild-results-count"] == "3"
        assert second.headers["ngsild-entitymap"] == location


async def test_4_3_6_7_what_matches_no_more_is_taken_out_of_the_map(client: Client) -> None:
    location = path_of(await client.get("/entities?type=Sensor&limit=1&entityMap=true"))
    await client.delete(f"/entities/{IDS[1]}")
    page = await client.get("/entities?type=Sensor&limit=1&offset=1", ngsild_entitymap=location)
    assert [entity["id"] for entity in page.json] == IDS[2:]
    assert list((await client.get(location)).json["entityMap"]) == [IDS[0], IDS[2]]
    other = await client.get("/entities?type=Sensor&q=temperature>99", ngsild_entitymap=location)
    assert other.json == []
    assert len((await client.get(location)).json["entityMap"]) == 2


async def test_5_5_14_a_map_that_is_gone_is_replaced_by_a_new_one(client: Client) -> None:
    gone = "urn:ngsi-ld:EntityMap:gone"
    answer = await client.get("/entities?type=Sensor", ngsild_entitymap=gone)
    assert len(answer.json) == 3
    assert gone not in path_of(answer)
    assert (await client.get("/entities?type=Sensor", ngsild_entitymap="no uri")).error == "BadRequestData"


async def test_6_4_3_2_without_being_asked_for_no_map_is_made(client: Client) -> None:
    for path in ("/entities?type=Sensor", "/entities?type=Sensor&entityMap=false", f"/entities/{SENSOR}"):
        assert "ngsild-entitymap" not in (await client.get(path)).headers


async def test_6_5_3_1_retrieving_tells_the_map_as_well(client: Client) -> None:
    answer = await client.get(f"/entities/{SENSOR}?entityMap=true&entityMapLifetime=PT1H")
    kept = await client.get(path_of(answer))
    assert kept.json["entityMap"] == {SENSOR: ["@none"]}
    again = await client.get(f"/entities/{SENSOR}", ngsild_entitymap=answer.headers["ngsild-entitymap"])
    assert again.headers["ngsild-entitymap"] == answer.headers["ngsild-entitymap"]


async def test_6_23_a_query_by_post_makes_a_map_where_it_says_so(client: Client) -> None:
    answer = await client.post("/entityOperations/query", {**QUERY, "entityMap": True, "entityMapLifetime": "PT5M"})
    assert (await client.get(path_of(answer))).json["entityMap"].keys() == set(IDS)


async def test_6_32_3_a_map_is_changed_and_deleted(client: Client) -> None:
    path = path_of(await client.get("/entityMaps?type=Sensor"))
    before = (await client.get(path)).json
    assert (await client.patch(path, {"type": "EntityMap", "expiresAt": "2999-01-01T00:00:00Z"})).status == 204
    after = (await client.get(path)).json
    assert after["expiresAt"] > before["expiresAt"]
    assert after["entityMap"] == before["entityMap"]
    assert (await client.patch(path, {"expiresAt": "never"})).error == "BadRequestData"
    assert (await client.patch(path, {"expiresAt": None})).error == "BadRequestData"
    as_json_ld = await client.get(path, accept=LD)
    assert as_json_ld.headers["content-type"] == LD
    assert as_json_ld.json["@context"] in (await client.get(path)).headers["link"]
    assert as_json_ld.json == {**after, "@context": as_json_ld.json["@context"]}
    assert (await client.delete(path)).status == 204
    assert (await client.get(path)).error == "ResourceNotFound"
    assert (await client.patch(path, {})).status == 404
    assert (await client.get("/entityMaps/nothing")).error == "BadRequestData"


async def test_6_4_3_3_a_purge_by_a_map_leaves_the_others(client: Client) -> None:
    made = await client.get("/entityMaps?type=Sensor&q=temperature>11")
    purged = await client.delete("/entities?type=Sensor", ngsild_entitymap=made.headers["ngsild-entitymap"])
    assert purged.status == 204
    assert [entity["id"] for entity in (await client.get("/entities?type=Sensor")).json] == IDS[:1]
