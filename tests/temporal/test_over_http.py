"""Clauses 5.6.11 to 5.6.16, 5.7.3 and 5.7.4 as clients see them."""

from typing import Any

import pytest

from tests.http.client import LD, Client

CAR = {
    "id": "urn:x:car",
    "type": "Car",
    "speed": [
        {"type": "Property", "value": 10, "observedAt": "2026-01-01T10:00:00Z"},
        {"type": "Property", "value": 30, "observedAt": "2026-01-01T12:00:00Z"},
        {"type": "Property", "value": 20, "observedAt": "2026-01-01T11:00:00Z", "datasetId": "urn:d:1"},
    ],
    "place": {
        "type": "GeoProperty",
        "value": {"type": "Point", "coordinates": [6.0, 49.4]},
        "observedAt": "2026-01-01T10:00:00Z",
    },
    "scope": [
        {"type": "Property", "value": ["/a"], "observedAt": "2026-01-01T10:00:00Z"},
        {"type": "Property", "value": "/b/c", "observedAt": "2026-01-01T11:00:00Z"},
    ],
}
HERE = "/temporal/entities/urn:x:car"
ALL = "timerel=after&timeAt=2000-01-01T00:00:00Z"


@pytest.fixture(name="client")
async def with_a_car(client: Client) -> Client:
    answer = await client.post("/temporal/entities", CAR)
    assert (answer.status, answer.headers["location"]) == (201, "/ngsi-ld/v1/temporal/entities/urn:x:car")
    return client


def found(document: dict[str, Any], name: str = "speed") -> list[Any]:
    return [each["value"] for each in document[name]]


async def ids(client: Client, query: str) -> list[str]:
    answer = await client.get(f"/temporal/entities?{ALL}&{query}")
    assert answer.status == 200, answer.body
    return [each["id"] for each in answer.json]


async def test_5_6_11_creates_no_current_entity(client: Client) -> None:
    assert (await client.get("/entities/urn:x:car")).status == 404
    assert (await client.get("/entities?type=Car")).json == []
    assert found((await client.get(HERE)).json) == [10, 20, 30]


async def test_5_6_11_an_empty_evolution_is_one(client: Client) -> None:
    assert (await client.post("/temporal/entities", {"id": "urn:x:e", "type": "Car"})).status == 201
    assert (await client.get("/temporal/entities/urn:x:e")).json == {"id": "urn:x:e", "type": "Car"}
    assert (await client.post("/temporal/entities", {"id": "urn:x:e", "type": "Car"})).status == 204
    assert (await client.delete("/temporal/entities/urn:x:e")).status == 204
    assert (await client.get("/temporal/entities/urn:x:e")).status == 404


async def test_5_6_11_extends_what_is_there_and_replaces_the_same_observation(client: Client) -> None:
    same = {"type": "Property", "value": 11, "observedAt": "2026-01-01T10:00:00Z"}
    other = {"type": "Property", "value": 40, "observedAt": "2026-01-01T13:00:00Z"}
    answer = await client.post("/temporal/entities", {"id": "urn:x:car", "type": "Truck", "speed": [same, other]})
    assert (answer.status, answer.body) == (204, b"")
    shown = (await client.get(HERE)).json
    assert found(shown) == [11, 20, 30, 40]
    assert set(shown["type"]) == {"Car", "Truck"}


async def test_5_6_12_adds_attributes_to_a_history_that_is_there(client: Client) -> None:
    values = {"type": "Property", "values": [["red", "2026-01-01T10:00:00Z"], ["blue", "2026-01-01T11:00:00Z"]]}
    assert (await client.post(f"{HERE}/attrs", {"colour": values})).status == 204
    assert found((await client.get(HERE)).json, "colour") == ["red", "blue"]
    assert (await client.post("/temporal/entities/urn:x:none/attrs", {"colour": values})).status == 404


@pytest.mark.parametrize(
    "body",
    [
        {"id": "urn:x:1", "type": "Car", "speed": []},
        {"id": "urn:x:1", "type": "Car", "speed": [3]},
        {"id": "urn:x:1", "type": "Car", "speed": {"type": "Property"}},
        {"id": "urn:x:1", "type": "Car", "speed": {"type": "Property", "values": [[1]]}},
        {"id": "urn:x:1", "type": "Car", "speed": {"type": "Property", "value": 1, "observedAt": "yesterday"}},
        {"id": "urn:x:1", "type": "Car", "scope": [{"type": "Property", "value": "//"}]},
        {"id": "urn:x:1", "speed": {"type": "Property", "value": 1}},
        {"type": "Car", "speed": {"type": "Property", "value": 1}},
    ],
)
async def test_5_5_4_what_is_no_evolution_is_refused(client: Client, body: dict[str, Any]) -> None:
    answer = await client.post("/temporal/entities", body)
    assert (answer.status, answer.error) == (400, "BadRequestData")


async def test_5_6_14_and_5_6_15_one_instance(client: Client) -> None:
    instance = (await client.get(HERE)).json["speed"][0]["instanceId"]
    body = {"speed": {"type": "Property", "value": 99, "observedAt": "2026-01-01T10:30:00Z"}}
    assert (await client.patch(f"{HERE}/attrs/speed/{instance}", body)).status == 204
    assert found((await client.get(HERE)).json) == [99, 20, 30]
    assert (await client.delete(f"{HERE}/attrs/speed/{instance}")).status == 204
    assert found((await client.get(HERE)).json) == [20, 30]
    for path in (f"speed/{instance}", "speed/urn:x:1", f"other/{instance}"):
        assert (await client.delete(f"{HERE}/attrs/{path}")).status == 404
    assert (await client.delete(f"{HERE}/attrs/speed/nothing")).status == 400
    two = {"speed": [body["speed"], body["speed"]]}
    assert (await client.patch(f"{HERE}/attrs/speed/{instance}", two)).status == 400


async def test_5_6_13_attribute_by_dataset(client: Client) -> None:
    assert (await client.delete(f"{HERE}/attrs/speed?datasetId=urn:d:1")).status == 204
    assert found((await client.get(HERE)).json) == [10, 30]
    assert (await client.delete(f"{HERE}/attrs/speed?datasetId=urn:d:1")).status == 404
    assert (await client.delete(f"{HERE}/attrs/speed")).status == 204
    assert "speed" not in (await client.get(HERE)).json


async def test_5_6_16_history_alone_is_deleted(client: Client) -> None:
    await client.post("/entities", {"id": "urn:x:car", "type": "Car", "speed": {"type": "Property", "value": 1}})
    assert (await client.delete(HERE)).status == 204
    assert (await client.get("/entities/urn:x:car")).status == 200
    assert (await client.get(HERE)).status == 404
    assert (await client.delete(HERE)).status == 404


async def test_5_6_5_attribute_of_an_entity_known_by_its_history_is_marked_as_deleted(client: Client) -> None:
    assert (await client.delete("/entities/urn:x:car/attrs/place")).status == 204
    shown = (await client.get(f"{HERE}?timeproperty=deletedAt")).json
    assert found(shown, "place") == ["urn:ngsi-ld:null"]
    assert "speed" not in shown
    assert (await client.delete("/entities/urn:x:car/attrs/place")).status == 404
    assert (await client.delete("/entities/urn:x:none/attrs/place")).status == 404


async def test_4_11_ranges(client: Client) -> None:
    async def within(query: str) -> list[Any]:
        return found((await client.get(f"{HERE}?attrs=speed&timerel={query}")).json)

    assert await within("after&timeAt=2026-01-01T11:00:00Z") == [20, 30]
    assert await within("before&timeAt=2026-01-01T11:00:00Z") == [10]
    assert await within("between&timeAt=2026-01-01T10:00:00Z&endTimeAt=2026-01-01T12:00:00Z") == [10, 20]
    assert await within("after&timeAt=2026-01-01T00:00:00Z&lastN=1") == [30]
    assert await within("after&timeAt=2026-01-02T00:00:00Z&timeproperty=modifiedAt") == [10, 30, 20]


@pytest.mark.parametrize(
    "query",
    [
        "timerel=after",
        "timeAt=2026-01-01T11:00:00Z",
        "timerel=near&timeAt=2026-01-01T11:00:00Z",
        "timerel=between&timeAt=2026-01-01T11:00:00Z",
        "timeproperty=speed",
        "lastN=0",
        "lastN=x",
        "format=aggregatedValues",
        "format=aggregatedValues&aggrMethods=avg&aggrPeriodDuration=1H",
        "format=dense",
        "options=temporalValues,aggregatedValues",
        "pick=speed&omit=speed",
        "pick=speed&attrs=speed",
        "pick=speed{value}",
    ],
)
async def test_6_19_3_1_wrong_parameters_are_refused(client: Client, query: str) -> None:
    assert (await client.get(f"{HERE}?{query}")).status == 400


async def test_4_5_9_simplified(client: Client) -> None:
    shown = (await client.get(f"{HERE}?options=temporalValues&pick=id,speed,place,scope")).json
    assert shown == {
        "id": "urn:x:car",
        "speed": [
            {"type": "Property", "values": [[10, "2026-01-01T10:00:00Z"], [30, "2026-01-01T12:00:00Z"]]},
            {"type": "Property", "datasetId": "urn:d:1", "values": [[20, "2026-01-01T11:00:00Z"]]},
        ],
        "place": {
            "type": "GeoProperty",
            "values": [[{"type": "Point", "coordinates": [6.0, 49.4]}, "2026-01-01T10:00:00Z"]],
        },
        "scope": {"type": "Property", "values": [[["/a"], "2026-01-01T10:00:00Z"], [["/b/c"], "2026-01-01T11:00:00Z"]]},
    }


async def test_4_5_9_what_is_simplified_can_be_given_back(client: Client) -> None:
    shown = (await client.get(f"{HERE}?options=temporalValues&omit=place,scope")).json
    assert (await client.post("/temporal/entities", {**shown, "id": "urn:x:copy"})).status == 201
    copy = (await client.get("/temporal/entities/urn:x:copy?options=temporalValues")).json
    assert {**copy, "id": shown["id"]} == shown


async def test_4_5_19_aggregated(client: Client) -> None:
    query = "timerel=after&timeAt=2026-01-01T09:30:00Z&format=aggregatedValues&aggrMethods=avg,max&datasetId=@none"
    shown = (await client.get(f"{HERE}?{query}&aggrPeriodDuration=PT2H")).json["speed"]
    first, second = ["2026-01-01T09:30:00Z", "2026-01-01T11:30:00Z"], ["2026-01-01T11:30:00Z", "2026-01-01T13:30:00Z"]
    assert shown == {"type": "Property", "avg": [[10.0, *first], [30.0, *second]], "max": [[10, *first], [30, *second]]}
    whole = (await client.get(f"{HERE}?{query}")).json["speed"]["avg"]
    assert whole == [[20.0, "2026-01-01T09:30:00Z", "2026-01-01T12:00:00Z"]]


async def test_5_7_4_4_a_method_that_suits_no_value_of_an_attribute_asked_for_is_refused(client: Client) -> None:
    query = f"type=Car&{ALL}&format=aggregatedValues&aggrMethods=stddev"
    assert (await client.get(f"/temporal/entities?{query}&attrs=place")).error == "InvalidRequest"
    assert "place" not in (await client.get(f"/temporal/entities?{query}")).json[0]


async def test_5_7_4_conditions_are_checked_within_the_range(client: Client) -> None:
    assert await ids(client, "type=Car&q=speed==30") == ["urn:x:car"]
    assert await ids(client, "type=Car&q=speed==31") == []
    early = "timerel=before&timeAt=2026-01-01T11:30:00Z&type=Car"
    assert (await client.get(f"/temporal/entities?{early}&q=speed==30")).json == []
    near = "georel=near;maxDistance==1000&geometry=Point&coordinates=[6.0,49.4]&geoproperty=place"
    assert await ids(client, near) == ["urn:x:car"]
    assert await ids(client, near.replace("6.0", "7.0")) == []
    assert await ids(client, "type=Car&scopeQ=/b/%2B") == ["urn:x:car"]
    assert await ids(client, "type=Car&scopeQ=/c") == []
    assert await ids(client, "attrs=speed") == ["urn:x:car"]
    assert await ids(client, "attrs=other") == []
    assert await ids(client, "type=Car&datasetId=urn:d:2") == []


async def test_5_7_4_selection_pages_and_order(client: Client) -> None:
    for number in range(5):
        await client.post("/temporal/entities", {**CAR, "id": f"urn:x:{number}"})
    await client.post("/temporal/entities", {**CAR, "id": "urn:y:1", "type": "Boat"})
    cars = ["urn:x:0", "urn:x:1", "urn:x:2", "urn:x:3", "urn:x:4", "urn:x:car"]
    assert await ids(client, "type=Car") == cars
    assert await ids(client, "type=Car&orderBy=id;desc") == cars[::-1]
    assert await ids(client, "type=Car,Boat&idPattern=.*:1$") == ["urn:x:1", "urn:y:1"]
    assert await ids(client, "type=*&id=urn:y:1,urn:x:4") == ["urn:x:4", "urn:y:1"]
    answer = await client.get(f"/temporal/entities?type=Car&{ALL}&limit=2&offset=2&count=true")
    assert [each["id"] for each in answer.json] == cars[2:4]
    assert answer.headers["ngsild-results-count"] == "6"
    assert 'offset=4>;rel="next"' in answer.headers["link"]
    assert 'offset=0>;rel="prev"' in answer.headers["link"]


@pytest.mark.parametrize(
    "query",
    ["type=Car", f"{ALL}", f"{ALL}&id=urn:x:car", f"{ALL}&type=Car&orderBy=speed", f"{ALL}&type=Car&q=near{{speed}}"],
)
async def test_5_7_4_4_queries_that_are_refused(client: Client, query: str) -> None:
    answer = await client.get(f"/temporal/entities?{query}")
    assert (answer.status, answer.error) == (400, "BadRequestData")


async def test_6_24_query_by_post(client: Client) -> None:
    temporal = {"timerel": "after", "timeAt": "2026-01-01T11:30:00Z"}
    body = {"type": "Query", "entities": [{"type": "Car"}], "temporalQ": temporal}
    answer = await client.post("/temporal/entityOperations/query", body)
    assert (answer.status, found(answer.json[0])) == (200, [30])
    aggregation = {"aggrMethods": ["max"], "aggrPeriodDuration": "PT1H"}
    path = "/temporal/entityOperations/query?options=aggregatedValues"
    answer = await client.post(path, {**body, "aggrParams": aggregation})
    assert answer.json[0]["speed"]["max"] == [[30, "2026-01-01T11:30:00Z", "2026-01-01T12:30:00Z"]]
    for wrong in ({**body, "temporalQ": 1}, {**body, "temporalQ": {"x": "y"}}, {"type": "Query"}):
        assert (await client.post("/temporal/entityOperations/query", wrong)).status == 400


async def test_6_3_10_a_part_of_the_range_is_206_with_its_bounds(client: Client) -> None:
    pairs = [[number, f"2026-02-01T10:{number:02}:00Z"] for number in range(25)]
    await client.post(f"{HERE}/attrs", {"level": {"type": "Property", "values": pairs}})
    query = "timerel=between&timeAt=2026-02-01T00:00:00Z&endTimeAt=2026-02-02T00:00:00Z"
    answer = await client.get(f"{HERE}?{query}")
    assert (answer.status, found(answer.json, "level")) == (206, list(range(10)))
    assert answer.headers["content-range"] == "date-time 2026-02-01T00:00:00Z-2026-02-01T10:09:00Z/*"
    answer = await client.get(f"{HERE}?{query}&lastN=20")
    assert (answer.status, found(answer.json, "level")) == (206, list(range(15, 25)))
    assert answer.headers["content-range"] == "date-time 2026-02-02T00:00:00Z-2026-02-01T10:15:00Z/20"


async def test_5_6_11_thousands_of_instances_in_one_request(client: Client) -> None:
    minutes = [(number, 1 + number // 1440, number // 60 % 24, number % 60) for number in range(5000)]
    pairs = [[number, f"2026-03-{day:02}T{hour:02}:{minute:02}:00Z"] for number, day, hour, minute in minutes]
    await client.post(f"{HERE}/attrs", {"level": {"type": "Property", "values": pairs}})
    query = f"{ALL}&attrs=level&format=aggregatedValues&aggrMethods=totalCount,sum"
    counted = (await client.get(f"{HERE}?{query}")).json["level"]
    assert (counted["totalCount"][0][0], counted["sum"][0][0]) == (5000, sum(range(5000)))
    last = (await client.get(f"{HERE}?attrs=level&lastN=10")).json["level"]
    assert len({each["instanceId"] for each in last}) == 10
    assert (await client.delete(f"{HERE}/attrs/level/{last[3]['instanceId']}")).status == 204
    assert (await client.get(f"{HERE}?{query}")).json["level"]["totalCount"][0][0] == 4999
    many = {"type": "Property", "values": pairs * 5}
    assert (await client.post(f"{HERE}/attrs", {"level": many})).status == 400


async def test_6_3_5_the_context_goes_with_the_answer(client: Client) -> None:
    shown = (await client.get(HERE, accept=LD)).json
    assert "@context" in shown
    assert (await client.get(f"/temporal/entities?type=Car&{ALL}", accept="application/geo+json")).status == 406


async def test_4_14_tenants_have_their_own_histories(client: Client) -> None:
    assert (await client.get(HERE, NGSILD_Tenant="other")).error == "NonexistentTenant"
    assert (await client.post("/temporal/entities", CAR, NGSILD_Tenant="other")).status == 201
    assert (await client.delete(HERE, NGSILD_Tenant="other")).status == 204
    assert (await client.get(HERE)).status == 200


async def test_5_7_3_4_a_range_with_nothing_in_it_is_not_found(client: Client) -> None:
    for more in ("", "&format=temporalValues", "&format=aggregatedValues&aggrMethods=totalCount", "&pick=speed"):
        answer = await client.get(f"{HERE}?timerel=after&timeAt=2030-01-01T00:00:00Z{more}")
        assert (answer.status, answer.error) == (404, "ResourceNotFound")
    assert (await client.get(f"{HERE}?datasetId=urn:d:none")).json == {"id": "urn:x:car", "type": "Car"}


async def test_5_7_4_4_a_scope_set_before_the_range_is_valid_in_it(client: Client) -> None:
    query = "/temporal/entities?type=Car&timerel=after&timeAt=2026-01-01T{}:00:00Z&scopeQ={}"
    found = {
        (hour, scope): len((await client.get(query.format(hour, scope))).json)
        for hour in (10, 12)
        for scope in ("/a", "/b/c", "/c")
    }
    assert found == {(10, "/a"): 1, (10, "/b/c"): 1, (10, "/c"): 0, (12, "/a"): 0, (12, "/b/c"): 1, (12, "/c"): 0}


async def test_4_15_simplified_in_one_language_is_a_property(client: Client) -> None:
    text = {"type": "LanguageProperty", "languageMap": {"en": "yes", "fr": "oui"}, "observedAt": "2026-01-01T10:00:00Z"}
    await client.post(f"{HERE}/attrs", {"says": text})
    shown = (await client.get(f"{HERE}?format=temporalValues&lang=fr&attrs=says")).json["says"]
    assert shown == {"type": "Property", "values": [["oui", "2026-01-01T10:00:00Z"]]}


async def test_4_5_19_scopes_are_not_aggregated_with_attributes_asked_for(client: Client) -> None:
    answer = await client.get(f"{HERE}?attrs=speed&format=aggregatedValues&aggrMethods=sumsq&datasetId=@none")
    assert answer.json.keys() == {"id", "type", "speed"}
    assert answer.json["speed"]["sumsq"][0][0] == 1000


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_6_3_18_local_is_true_or_false(client: Client, method: str) -> None:
    assert (await client.call(method, f"{HERE}?local=perhaps")).error == "BadRequestData"


async def test_5_7_4_4_linked_entities_are_refused(client: Client) -> None:
    body = {
        "type": "Query",
        "entities": [{"type": "Car"}],
        "temporalQ": {"timerel": "after", "timeAt": "2000-01-01T00:00:00Z"},
    }
    path = "/temporal/entityOperations/query"
    assert (await client.post(path, {**body, "join": "@none"})).status == 200
    for more in ({"join": "inline"}, {"containedBy": ["urn:x:1"]}):
        assert (await client.post(path, {**body, **more})).error == "BadRequestData"


async def test_6_18_3_2_split_entities_is_true_or_false(client: Client) -> None:
    answer = await client.get(f"/temporal/entities?type=Car&{ALL}&splitEntities=perhaps")
    assert answer.error == "BadRequestData"
