"""Temporal evolutions that are partly at other brokers and sources (clauses 5.6.11 to 5.6.16, 5.7.3, 5.7.4)."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from broker.adapters.mongo.client import Database, Databases, connect
from broker.adapters.mongo.history import MongoHistory, ensure_history_indexes
from broker.http.gateway import build
from tests.federation.world import FederatedBroker, Source
from tests.http.client import PUBLIC_URL, Answer, healthy

SENSOR = "urn:ngsi-ld:Sensor:1"
HERE = f"/temporal/entities/{SENSOR}"
ALL = "timerel=after&timeAt=2026-01-01T00:00:00Z"
OPERATIONS = [
    *("retrieveTemporal", "queryTemporal", "upsertTemporal", "appendAttrsTemporal", "deleteAttrsTemporal"),
    *("updateAttrInstanceTemporal", "deleteAttrInstanceTemporal", "deleteTemporal"),
]
EVER = {"startAt": "2020-01-01T00:00:00Z"}
LEVEL = [{"entities": [{"type": "Sensor", "id": SENSOR}], "propertyNames": ["level"]}]
NAME = "urn:ngsi-ld:ContextSourceRegistration:1"

Make = Callable[..., Awaitable[FederatedBroker]]


class _Own(Databases):
    """The databases of one of several brokers on one server."""

    def __init__(self, client: Any, alias: str) -> None:
        super().__init__(client)
        self._alias = alias

    def __call__(self, tenant: str) -> Database:
        return self.client[f"eclor-of-{self._alias}-{tenant}"]


@pytest.fixture
async def make(mongo_url: str) -> AsyncIterator[Make]:
    driver = connect(mongo_url)
    made: list[FederatedBroker] = []

    async def make_one(alias: str, page: int = 1_000) -> FederatedBroker:
        databases = _Own(driver, alias)
        await driver.drop_database(databases("").name)
        await ensure_history_indexes(databases(""))
        one = FederatedBroker(alias)
        history = MongoHistory(databases, await databases.write_concern())
        one.ports = replace(one.ports, history=history, temporal_page=page)
        one.asgi = build(one.ports, health=healthy, public_url=PUBLIC_URL)
        made.append(await one.start())
        return one

    yield make_one
    for each in made:
        await each.stop()
    await driver.close()


@pytest.fixture
async def here(make: Make) -> FederatedBroker:
    return await make("here")


@pytest.fixture
async def there(make: Make) -> FederatedBroker:
    return await make("there")


def at(hour: int, value: Any, **more: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, "observedAt": f"2026-01-02T{hour:02}:00:00Z", **more}


def sensor(number: int = 1, **attributes: Any) -> dict[str, Any]:
    return {"id": f"urn:ngsi-ld:Sensor:{number}", "type": "Sensor", **attributes}


async def register(broker: FederatedBroker, endpoint: str, number: int = 1, **members: Any) -> None:
    given = {"operations": OPERATIONS, "observationInterval": EVER, "managementInterval": EVER, **members}
    answer = await broker.register(endpoint, number, **given)
    assert answer.status == 201, answer.body


async def local(broker: FederatedBroker, name: str = "level") -> list[Any]:
    answer = await broker.get(HERE + "?local=true")
    return [each["value"] for each in answer.json.get(name, ())] if answer.status == 200 else []


def values(answer: Answer, name: str = "level") -> list[Any]:
    assert answer.status in (200, 206), answer.body
    document = answer.json[0] if isinstance(answer.json, list) else answer.json
    return [each["value"] for each in document.get(name, ())]


async def test_5_6_11_exclusive_attributes_are_recorded_at_their_source_alone(here, there):
    await register(here, there.endpoint, mode="exclusive", information=LEVEL)
    body = sensor(level=[at(1, 1), at(2, 2)], power=at(1, 7))
    answer = await here.post("/temporal/entities", body)
    assert (answer.status, answer.headers["location"]) == (201, f"/ngsi-ld/v1{HERE}")
    assert (await local(there), await local(there, "power")) == ([1, 2], [])
    assert (await local(here), await local(here, "power")) == ([], [7])
    both = await here.get(HERE)
    assert (values(both), values(both, "power")) == ([1, 2], [7])
    assert (await here.post("/temporal/entities", body)).status == 204


async def test_5_6_11_redirected_evolutions_are_not_kept_here_and_inclusive_ones_in_both_places(here, there):
    await register(here, there.endpoint, mode="redirect")
    assert (await here.post("/temporal/entities", sensor(level=at(1, 1)))).status == 201
    assert (await local(here), await local(there)) == ([], [1])
    await here.delete(f"/csourceRegistrations/{NAME}")
    await register(here, there.endpoint, mode="inclusive")
    assert (await here.post("/temporal/entities", sensor(level=at(2, 2)))).status == 201
    assert (await local(here), await local(there)) == ([2], [1, 2])
    assert values(await here.get(HERE)) == [1, 2]


@pytest.mark.parametrize("mode", ["exclusive", "redirect"])
async def test_5_6_11_a_source_that_does_not_offer_it_is_a_conflict(here, there, mode):
    await register(here, there.endpoint, mode=mode, information=LEVEL, operations=["retrieveTemporal"])
    answer = await here.post("/temporal/entities", sensor(level=at(1, 1)))
    assert (answer.status, answer.error) == (409, "Conflict")
    answer = await here.post("/temporal/entities", sensor(level=at(1, 1), power=at(1, 2)))
    assert answer.status == 207
    assert answer.json["success"] == [SENSOR]
    (error,) = answer.json["errors"]
    assert (error["registrationId"], error["error"]["status"]) == (NAME, 409)
    assert (await local(here), await local(here, "power"), await local(there)) == ([], [2], [])


async def test_5_9_1_a_source_may_register_separately_for_the_latest_state_and_for_its_evolution(here, there):
    latest = {"observationInterval": None, "managementInterval": None, "operations": ["redirectionOps"]}
    latest = {name: value for name, value in latest.items() if value is not None}
    assert (await here.register(there.endpoint, 1, mode="exclusive", information=LEVEL, **latest)).status == 201
    answer = await here.post("/temporal/entities", sensor(level=at(1, 1)))
    assert (answer.status, answer.error) == (409, "Conflict")
    await register(here, there.endpoint, 2, mode="exclusive", information=LEVEL)
    assert (await here.post("/temporal/entities", sensor(level=at(1, 1)))).status == 201
    assert (await local(there)) == [1]


async def test_5_6_12_attributes_are_added_where_they_belong(here, there):
    await register(here, there.endpoint, mode="exclusive", information=LEVEL)
    await here.post("/temporal/entities", sensor(level=at(1, 1), power=at(1, 7)))
    added = {"level": [at(2, 2)], "power": [at(2, 8)]}
    assert (await here.post(f"{HERE}/attrs", added)).status == 204
    assert (await local(there), await local(here, "power")) == ([1, 2], [7, 8])
    unknown = await here.post("/temporal/entities/urn:ngsi-ld:Sensor:9/attrs", added)
    assert unknown.status == 404


async def test_5_6_13_an_attribute_is_deleted_at_its_source(here, there):
    await register(here, there.endpoint, mode="redirect", information=[{"propertyNames": ["level"]}])
    await here.post("/temporal/entities", sensor(level=at(1, 1), power=at(1, 7)))
    assert (await here.delete(f"{HERE}/attrs/level")).status == 204
    assert (await local(there), await local(here, "power")) == ([], [7])
    assert (await here.delete(f"{HERE}/attrs/level")).status == 404


async def test_5_6_14_and_5_6_15_an_instance_is_changed_wherever_it_is(here, there):
    await there.post("/temporal/entities", sensor(level=[at(1, 1), at(3, 3)]))
    await here.post("/temporal/entities", sensor(level=at(2, 2)))
    await register(here, there.endpoint)
    shown = (await here.get(HERE)).json["level"]
    assert [each["value"] for each in shown] == [1, 2, 3]
    first, second, third = (f"{HERE}/attrs/level/{each['instanceId']}" for each in shown)
    assert (await here.patch(first, {"level": [at(1, 10)]})).status == 204
    assert (await here.patch(second, {"level": [at(2, 20)]})).status == 204
    assert (await here.delete(third)).status == 204
    assert (await local(there), await local(here)) == ([10], [20])
    assert (await here.delete(third)).status == 404


async def test_5_6_16_the_evolution_is_deleted_everywhere(here, there):
    await register(here, there.endpoint)
    await here.post("/temporal/entities", sensor(level=at(1, 1)))
    assert (await here.delete(HERE)).status == 204
    assert (await local(here), await local(there)) == ([], [])
    assert (await here.delete(HERE)).status == 404
    await there.post("/temporal/entities", sensor(level=at(1, 1)))
    assert (await here.delete(HERE)).status == 204
    assert (await there.get(HERE)).status == 404


async def test_6_3_17_what_a_source_failed_to_do_is_told(here, make_source):
    source = await make_source(status=500)
    await register(here, source.endpoint, mode="redirect", information=[{"propertyNames": ["level"]}])
    alone = await here.post("/temporal/entities", sensor(level=at(1, 1)))
    assert alone.status == 502
    both = await here.post("/temporal/entities", sensor(level=at(1, 1), power=at(1, 7)))
    assert (both.status, both.json["success"]) == (207, [SENSOR])
    assert (await here.post("/temporal/entities?local=true", sensor(level=at(1, 1)))).status == 204
    assert [asked[0] for asked in source.asked] == ["POST", "POST"]
    assert "power" not in source.asked[1][3]


async def test_5_7_3_instances_of_one_attribute_are_united_and_told_once(here, there):
    await there.post("/temporal/entities", sensor(level=[at(1, 1), at(2, 2), at(2, 22, datasetId="urn:d:1")]))
    await here.post("/temporal/entities", sensor(level=[at(2, 2), at(3, 3)], power=at(1, 7)))
    await register(here, there.endpoint)
    answer = await here.get(HERE)
    assert sorted(values(answer)) == [1, 2, 3, 22]
    assert values(answer, "power") == [7]
    assert len({each["instanceId"] for each in answer.json["level"]}) == 4
    assert "ngsild-warning" not in answer.headers
    assert values(await here.get(f"{HERE}?{ALL}&lastN=2&datasetId=@none")) == [2, 3]
    assert values(await here.get(f"{HERE}?timerel=before&timeAt=2026-01-02T02:00:00Z")) == [1]
    assert values(await here.get(f"{HERE}?datasetId=urn:d:1")) == [22]
    assert values(await here.get(f"{HERE}?local=true")) == [2, 3]
    assert (await here.get(f"{HERE}?{ALL}&attrs=power")).json.keys() == {"id", "type", "power"}
    assert (await here.get(f"{HERE}?options=temporalValues&attrs=power")).json["power"]["values"] == [
        [7, "2026-01-02T01:00:00Z"]
    ]


async def test_4_5_19_what_is_aggregated_is_the_union(here, there):
    await there.post("/temporal/entities", sensor(level=[at(1, 1), at(2, 2)]))
    await here.post("/temporal/entities", sensor(level=[at(2, 2), at(3, 6)]))
    await register(here, there.endpoint)
    answer = await here.get(f"{HERE}?{ALL}&format=aggregatedValues&aggrMethods=avg,totalCount")
    assert [answer.json["level"][method][0][0] for method in ("avg", "totalCount")] == [3, 3]
    queried = await here.get(f"/temporal/entities?type=Sensor&{ALL}&format=aggregatedValues&aggrMethods=sum")
    assert queried.json[0]["level"]["sum"][0][0] == 9


async def test_5_7_3_of_auxiliary_sources_only_what_nobody_else_has_is_taken(here, there):
    await there.post("/temporal/entities", sensor(level=[at(1, 100), at(2, 200)], extra=at(1, 5)))
    await here.post("/temporal/entities", sensor(level=[at(2, 2), at(3, 3)]))
    given = {"observationInterval": EVER, "mode": "auxiliary", "operations": ["retrieveOps"]}
    assert (await here.register(there.endpoint, **given)).status == 201
    answer = await here.get(HERE)
    assert (values(answer), values(answer, "extra")) == ([100, 2, 3], [5])


@pytest.mark.parametrize("last", ["", "&lastN=100"])
async def test_6_3_10_parts_of_sources_are_followed_and_the_answer_is_cut_where_it_is_full(make, last):
    here, there = await make("here", page=10), await make("there", page=4)
    await there.post("/temporal/entities", sensor(level=[at(hour, hour) for hour in range(0, 24, 2)]))
    await here.post("/temporal/entities", sensor(level=[at(hour, hour) for hour in range(1, 24, 2)]))
    await register(here, there.endpoint)
    shown, edges = [], f"timerel=between&timeAt=2026-01-02T00:00:00Z&endTimeAt=2026-01-03T00:00:00Z{last}"
    answer = await here.get(f"{HERE}?{edges}")
    assert answer.status == 206
    shown += values(answer)
    assert shown == list(range(14, 24) if last else range(10))
    bounds = answer.headers["content-range"]
    assert bounds.endswith("2026-01-02T14:00:00Z/100" if last else "2026-01-02T09:00:00Z/*")


async def test_6_3_10_all_of_a_range_that_a_source_gives_in_parts(make):
    here, there = await make("here", page=30), await make("there", page=4)
    for number in (1, 2):
        many = [at(hour, hour) for hour in range(24)]
        await there.post("/temporal/entities", sensor(number, level=many, power=at(20, 1)))
    await register(here, there.endpoint)
    answer = await here.get(f"{HERE}?{ALL}")
    assert (answer.status, values(answer), values(answer, "power")) == (200, list(range(24)), [1])
    queried = await here.get(f"/temporal/entities?type=Sensor&{ALL}&q=power==1")
    assert queried.status == 200
    assert [[each["value"] for each in entity["level"]] for entity in queried.json] == [list(range(24))] * 2
    backwards = await here.get(f"{HERE}?{ALL}&lastN=7")
    assert (backwards.status, values(backwards)) == (200, list(range(17, 24)))


async def test_5_7_4_pages_counts_and_filters_over_sources(here, there):
    for number in (1, 3):
        await here.post("/temporal/entities", sensor(number, level=at(1, number)))
    for number in (2, 3, 4):
        await there.post("/temporal/entities", sensor(number, level=at(2, number)))
    await register(here, there.endpoint)
    answer = await here.get(f"/temporal/entities?type=Sensor&{ALL}&count=true&limit=3")
    assert answer.headers["ngsild-results-count"] == "4"
    following = await here.get(f"/temporal/entities?type=Sensor&{ALL}&limit=3&offset=3")
    assert sorted(each["id"][-1] for each in answer.json + following.json) == ["1", "2", "3", "4"]
    assert 'rel="next"' in answer.headers["link"]
    assert 'rel="next"' not in following.headers["link"]
    found = await here.get(f"/temporal/entities?type=Sensor&{ALL}&q=level>2")
    assert [each["id"][-1] for each in found.json] == ["3", "4"]
    assert len(found.json[0]["level"]) == 2
    late = await here.get("/temporal/entities?type=Sensor&timerel=after&timeAt=2026-01-02T02:00:00Z")
    assert sorted(each["id"][-1] for each in late.json) == ["2", "3", "4"]
    alone = await here.get(f"/temporal/entities?type=Sensor&local=true&{ALL}")
    assert [each["id"][-1] for each in alone.json] == ["1", "3"]
    posted = await here.post(
        "/temporal/entityOperations/query",
        {
            "type": "Query",
            "entities": [{"type": "Sensor", "id": "urn:ngsi-ld:Sensor:4"}],
            "temporalQ": {"timerel": "after", "timeAt": "2026-01-01T00:00:00Z"},
        },
    )
    assert values(posted) == [4]


async def test_4_3_6_7_split_evolutions_are_put_together_before_filters_decide(here, there):
    await here.post("/temporal/entities", sensor(level=at(1, 1)))
    await there.post("/temporal/entities", sensor(power=at(1, 7)))
    await register(here, there.endpoint)
    query = f"/temporal/entities?type=Sensor&{ALL}&q=level==1;power==7"
    assert (await here.get(query)).json == []
    (found,) = (await here.get(query + "&splitEntities=true")).json
    assert found.keys() == {"id", "type", "level", "power"}


async def test_5_7_4_4_an_order_needs_local(here, there):
    await register(here, there.endpoint)
    answer = await here.get(f"/temporal/entities?type=Sensor&{ALL}&orderBy=id")
    assert (answer.status, answer.error) == (400, "BadRequestData")
    assert (await here.get(f"/temporal/entities?type=Sensor&{ALL}&orderBy=id&local=true")).status == 200


async def test_5_10_2_4_only_sources_of_the_time_asked_for_are_asked(here, make_source):
    source = await make_source(body=[])
    interval = {"startAt": "2020-01-01T00:00:00Z", "endAt": "2021-01-01T00:00:00Z"}
    given = {"operations": OPERATIONS, "observationInterval": interval}
    assert (await here.register(source.endpoint, **given)).status == 201
    await here.get(f"/temporal/entities?type=Sensor&{ALL}")
    await here.get("/temporal/entities?type=Sensor&timerel=before&timeAt=2020-06-01T00:00:00Z&timeproperty=modifiedAt")
    assert source.asked == []
    await here.get("/temporal/entities?type=Sensor&timerel=before&timeAt=2020-06-01T00:00:00Z")
    await here.get("/temporal/entities?type=Other&timerel=before&timeAt=2020-06-01T00:00:00Z")
    (asked,) = source.asked
    assert "timerel=before" in asked[1]
    assert "timeAt=2020-06-01T00:00:00Z" in asked[1].replace("%3A", ":")
    assert asked[2]["Via"] == "1.1 here"


@pytest.mark.parametrize(
    ("members", "code"),
    [({"status": 403, "body": {}}, 299), ({"body": [{"id": "no"}]}, 111), ({"body": b"<html>"}, 111)],
)
async def test_6_3_17_warnings_tell_of_sources_that_went_wrong(here, make_source, members, code):
    source: Source = await make_source(**members)
    await register(here, source.endpoint)
    await here.post("/temporal/entities?local=true", sensor(level=at(1, 1)))
    for path in (HERE, f"/temporal/entities?type=Sensor&{ALL}"):
        answer = await here.get(path)
        assert values(answer) == [1]
        assert answer.headers["ngsild-warning"].startswith(f"{code} {NAME} ")


async def test_6_3_17_a_history_that_no_source_has_is_no_abnormal_behaviour(here, make_source):
    source = await make_source(status=404, body={})
    await register(here, source.endpoint)
    answer = await here.get(HERE)
    assert (answer.status, "ngsild-warning" in answer.headers) == (404, False)


async def test_6_3_18_loops_end(here, there):
    await register(here, there.endpoint)
    await register(there, here.endpoint)
    await here.post("/temporal/entities?local=true", sensor(level=at(1, 1)))
    await there.post("/temporal/entities?local=true", sensor(level=at(2, 2)))
    assert values(await here.get(HERE)) == [1, 2]
    assert (await here.delete(HERE)).status == 204
    assert (await local(here), await local(there)) == ([], [])


async def test_5_7_3_deletions_and_times_of_a_source_are_kept(here, make_source):
    level = {
        "type": "Property",
        "value": "urn:ngsi-ld:null",
        "instanceId": "urn:x:1",
        "createdAt": "2026-01-01T00:00:00Z",
        "modifiedAt": "2026-01-03T00:00:00Z",
        "deletedAt": "2026-01-03T00:00:00Z",
    }
    source = await make_source(body=sensor(level=level))
    await register(here, source.endpoint)
    answer = await here.get(HERE + "?options=sysAttrs")
    assert answer.json["level"] == [level]


async def filled(here: FederatedBroker, there: FederatedBroker) -> None:
    for number in (1, 3):
        await here.post("/temporal/entities", sensor(number, level=at(1, number)))
    for number in (2, 3):
        await there.post("/temporal/entities", sensor(number, level=at(2, number)))


@pytest.mark.parametrize("makes_maps", [True, False])
async def test_5_14_5_a_map_tells_who_holds_which_history(here, there, makes_maps):
    await filled(here, there)
    await register(here, there.endpoint, operations=[*OPERATIONS, *["createEntityMapQueryTemporal"] * makes_maps])
    answer = await here.get(f"/temporal/entityMaps?type=Sensor&{ALL}")
    assert answer.status == 201
    holders = {"1": ["@none"], "2": [NAME], "3": ["@none", NAME]}
    assert {name[-1]: who for name, who in answer.json["entityMap"].items()} == holders
    assert set(answer.json["linkedMaps"]) == ({NAME} if makes_maps else set())
    if makes_maps:
        assert (await there.get(f"/entityMaps/{answer.json['linkedMaps'][NAME]}")).status == 200


async def test_5_7_4_pages_of_a_map_ask_those_who_hold_what_is_on_them(here, there, make_source):
    await filled(here, there)
    await register(here, there.endpoint, operations=[*OPERATIONS, "createEntityMapQueryTemporal"])
    query = f"/temporal/entities?type=Sensor&{ALL}&limit=2&count=true"
    first = await here.get(query + "&entityMap=true")
    assert (first.status, first.headers["ngsild-results-count"]) == (201, "3")
    assert [each["id"][-1] for each in first.json] == ["1", "3"]
    assert len(first.json[1]["level"]) == 2
    source = await make_source(body=[])
    await register(here, source.endpoint, 2)
    used = {"ngsild_entitymap": first.headers["ngsild-entitymap"]}
    second = await here.get(query + "&offset=2", **used)
    assert (second.status, [each["id"][-1] for each in second.json]) == (200, ["2"])
    assert second.headers["ngsild-entitymap"] == first.headers["ngsild-entitymap"]
    await there.post("/temporal/entities", sensor(7, level=at(2, 7)))
    assert [each["id"][-1] for each in (await here.get(query.replace("limit=2", "limit=9"), **used)).json] == [*"132"]
    assert source.asked == []


async def test_4_3_6_6_a_source_of_histories_is_spoken_to_in_its_own_context(here, make_source):
    link = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.8.jsonld"
    source = await make_source(status=201)
    await register(here, source.endpoint, contextSourceInfo=[{"key": "jsonldContext", "value": link}])
    context = {"@context": [{"level": "https://example.org/level"}]}
    body = sensor(level=[at(1, 1), at(2, 2)], scope="/a") | context
    assert (await here.post("/temporal/entities", body, content_type="application/ld+json")).status == 201
    instance = {"level": [at(1, 3)]} | context
    path = f"{HERE}/attrs/level/urn:x:1"
    assert (await here.patch(path, instance, content_type="application/ld+json")).status == 204
    (_, _, headers, sent), (_, changed_at, _, changed) = source.asked
    assert (headers["Content-Type"], link in headers["Link"], "@context" in sent) == ("application/json", True, False)
    assert [each["value"] for each in sent["https://example.org/level"]] == [1, 2]
    assert sent["id"] == SENSOR
    assert sent["scope"][0]["value"] == ["/a"]
    assert changed_at.endswith("/urn:x:1")
    assert "example.org" in changed_at
    assert changed["https://example.org/level"][0]["value"] == 3


async def test_5_14_5_of_several_questions_to_one_source_no_map_is_used_again(here, there):
    await filled(here, there)
    information = [{"entities": [{"type": "Sensor", "id": f"urn:ngsi-ld:Sensor:{each}"}]} for each in (2, 3)]
    await register(
        here, there.endpoint, operations=["createEntityMapQueryTemporal", "queryTemporal"], information=information
    )
    answer = await here.get(f"/temporal/entityMaps?type=Sensor&{ALL}")
    assert {name[-1] for name, who in answer.json["entityMap"].items() if NAME in who} == {"2", "3"}
    assert answer.json["linkedMaps"] == {}


async def test_4_3_6_1_what_a_source_of_histories_lists_beyond_its_registration_is_dropped(here, make_source):
    listed = {each: ["@none"] for each in ("urn:ngsi-ld:Sensor:2", "urn:ngsi-ld:Lamp:1")}
    source = await make_source(body={"id": "urn:ngsi-ld:EntityMap:1", "type": "EntityMap", "entityMap": listed})
    information = [{"entities": [{"type": "Sensor", "idPattern": "^urn:ngsi-ld:Sensor:"}]}]
    operations = ["createEntityMapQueryTemporal"]
    await register(here, source.endpoint, operations=operations, information=information)
    answer = await here.get(f"/temporal/entityMaps?type=Sensor&{ALL}")
    assert answer.json["entityMap"] == {"urn:ngsi-ld:Sensor:2": [NAME]}


async def test_4_20_a_source_that_fails_to_make_a_map_is_not_asked_for_what_it_does_not_offer(here, make_source):
    source = await make_source(status=500)
    await register(here, source.endpoint, operations=["createEntityMapQueryTemporal"])
    answer = await here.get(f"/temporal/entityMaps?type=Sensor&{ALL}")
    assert answer.json["entityMap"] == {}
    assert answer.headers["ngsild-warning"].startswith("299 ")
    assert [path.partition("?")[0] for _, path, _, _ in source.asked] == ["/ngsi-ld/v1/temporal/entityMaps"]


async def test_5_7_3_4_retrieving_makes_a_map_and_then_asks_only_those_in_it(here, there, make_source):
    await filled(here, there)
    await register(here, there.endpoint, operations=[*OPERATIONS, "retrieveEntityMap"])
    path = "/temporal/entities/urn:ngsi-ld:Sensor:3"
    first = await here.get(path + "?entityMap=true&entityMapLifetime=PT5M")
    assert (first.status, sorted(values(first))) == (200, [3, 3])
    location = first.headers["ngsild-entitymap"].removeprefix("/ngsi-ld/v1")
    kept = (await here.get(location)).json
    assert kept["entityMap"] == {"urn:ngsi-ld:Sensor:3": ["@none", NAME]}
    assert (await there.get(f"/entityMaps/{kept['linkedMaps'][NAME]}")).status == 200
    later = await make_source(body=sensor(3, level=[at(3, 9)]))
    await register(here, later.endpoint, 2)
    again = await here.get(path, ngsild_entitymap=location)
    assert sorted(values(again)) == [3, 3]
    assert again.headers["ngsild-entitymap"] == first.headers["ngsild-entitymap"]
    assert later.asked == []
    assert (await here.get(location)).json == kept
    assert sorted(values(await here.get(path))) == [3, 3, 9]


async def test_5_7_3_4_the_map_of_a_source_travels_with_what_it_is_asked(here, make_source):
    source = await make_source(body=sensor(3, level=[at(3, 9)]))
    await register(here, source.endpoint, operations=["retrieveTemporal", "retrieveEntityMap"])
    path = "/temporal/entities/urn:ngsi-ld:Sensor:3"
    source.headers = {"NGSILD-EntityMap": "/ngsi-ld/v1/entityMaps/urn:ngsi-ld:EntityMap:theirs"}
    first = await here.get(path + "?entityMap=true")
    assert "entityMap=true" in source.asked[0][1]
    await here.get(path, ngsild_entitymap=first.headers["ngsild-entitymap"])
    _, asked, headers, _ = source.asked[1]
    assert headers["NGSILD-EntityMap"].endswith("urn:ngsi-ld:EntityMap:theirs")
    assert "entityMap" not in asked


async def test_5_7_3_4_without_sources_a_map_is_made_and_a_history_that_is_nowhere_makes_none(here, there):
    await filled(here, there)
    answer = await here.get("/temporal/entities/urn:ngsi-ld:Sensor:1?entityMap=true")
    location = answer.headers["ngsild-entitymap"].removeprefix("/ngsi-ld/v1")
    assert (await here.get(location)).json["entityMap"] == {"urn:ngsi-ld:Sensor:1": ["@none"]}
    await register(here, there.endpoint)
    absent = await here.get("/temporal/entities/urn:ngsi-ld:Sensor:9?entityMap=true")
    assert absent.status == 404
    assert "ngsild-entitymap" not in absent.headers
    assert "ngsild-entitymap" not in (await here.get("/temporal/entities/urn:ngsi-ld:Sensor:1")).headers


async def test_5_5_14_a_source_that_lost_the_map_of_its_histories_is_asked_without_one(here, make_source):
    body = {"id": "urn:ngsi-ld:EntityMap:1", "type": "EntityMap", "entityMap": {"urn:ngsi-ld:Sensor:3": ["@none"]}}
    source = await make_source(body=body)
    await register(here, source.endpoint, operations=[*OPERATIONS, "createEntityMapQueryTemporal"])
    made = await here.get(f"/temporal/entityMaps?type=Sensor&{ALL}")
    used = {"ngsild_entitymap": made.headers["ngsild-entitymap"]}
    source.body = [sensor(3, level=[at(3, 9)])]
    source.headers = {"NGSILD-EntityMap": "/ngsi-ld/v1/entityMaps/urn:ngsi-ld:EntityMap:2"}
    for _ in range(2):
        assert values(await here.get(f"/temporal/entities?type=Sensor&{ALL}", **used)) == [9]
    assert ["NGSILD-EntityMap" in headers for _, _, headers, _ in source.asked] == [False, True, False]
