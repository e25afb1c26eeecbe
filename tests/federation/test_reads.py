"""Retrieving and querying what is partly elsewhere (clauses 5.7.1, 5.7.2, 4.3.6, 6.3.17 to 6.3.19)."""

import asyncio

import pytest

from broker.core.model.errors import TooComplexQuery


def sensor(number: int = 1, **attributes):
    body = {"id": f"urn:ngsi-ld:Sensor:{number}", "type": "Sensor"}
    return body | {name: {"type": "Property", "value": value} for name, value in attributes.items()}


async def test_5_7_1_parts_of_an_entity_are_put_together(broker, other):
    await broker.post("/entities", sensor(level=1))
    await other.post("/entities", sensor(power=2))
    assert (await broker.get("/entities/urn:ngsi-ld:Sensor:1")).json.keys() == {"id", "type", "level"}
    assert (await broker.register(other.endpoint)).status == 201
    answer = await broker.get("/entities/urn:ngsi-ld:Sensor:1?options=keyValues")
    assert answer.json == {"id": "urn:ngsi-ld:Sensor:1", "type": "Sensor", "level": 1, "power": 2}
    assert "ngsild-warning" not in answer.headers
    alone = await broker.get("/entities/urn:ngsi-ld:Sensor:1?options=keyValues&local=true")
    assert alone.json == {"id": "urn:ngsi-ld:Sensor:1", "type": "Sensor", "level": 1}


async def test_4_5_5_3_the_newest_version_of_an_attribute_is_given(broker, other):
    await broker.post("/entities", sensor(level=1))
    await other.post("/entities", sensor(level=2))
    await broker.register(other.endpoint)
    assert (await broker.get("/entities/urn:ngsi-ld:Sensor:1")).json["level"]["value"] == 2
    await broker.patch("/entities/urn:ngsi-ld:Sensor:1/attrs?local=true", {"level": {"type": "Property", "value": 3}})
    assert (await broker.get("/entities/urn:ngsi-ld:Sensor:1")).json["level"]["value"] == 3


async def test_4_3_6_1_a_source_is_asked_for_what_is_registered_and_believed_no_further(broker, source):
    source.body = sensor(level=1, power=2)
    await broker.register(
        source.endpoint,
        information=[{"entities": [{"type": "Sensor"}], "propertyNames": ["level"]}],
        operations=["retrieveEntity"],
    )
    answer = await broker.get("/entities/urn:ngsi-ld:Sensor:1")
    assert answer.json.keys() == {"id", "type", "level"}
    ((method, path, _, _),) = source.asked
    assert method == "GET"
    assert path == "/ngsi-ld/v1/entities/urn:ngsi-ld:Sensor:1?type=Sensor&attrs=level&options=sysAttrs"
    source.body = {"id": "urn:ngsi-ld:Sensor:1", "type": "Lamp"}
    assert (await broker.get("/entities/urn:ngsi-ld:Sensor:1")).status == 404


async def test_6_3_19_what_a_registration_says_travels_along(broker, source):
    source.body = sensor(level=1)
    info = [
        {"key": "Authorization", "value": "urn:ngsi-ld:request"},
        {"key": "X-Zone", "value": "57"},
        {"key": "X-Absent", "value": "urn:ngsi-ld:request"},
        {"key": "Host", "value": "evil"},
        {"key": "NGSILD-Tenant", "value": "evil"},
    ]
    await broker.register(
        source.endpoint + "/ngsi-ld/v1", contextSourceInfo=info, tenant="ville", management={"localOnly": True}
    )
    await broker.get("/entities/urn:ngsi-ld:Sensor:1", authorization="Bearer x", via="1.1 first")
    ((_, path, headers, _),) = source.asked
    assert path.startswith("/ngsi-ld/v1/entities/")
    assert "local=true" in path
    assert headers["Via"] == "1.1 first, 1.1 here"
    assert (headers["Authorization"], headers["X-Zone"], headers["NGSILD-Tenant"]) == ("Bearer x", "57", "ville")
    assert "X-Absent" not in headers
    assert headers["Host"] != "evil"


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"status": 403}, "299"),
        ({"body": b"<html>"}, "111"),
        ({"body": {"id": "no uri"}}, "111"),
        ({"delay": 5.0}, "199"),
    ],
)
async def test_6_3_17_sources_that_fail_are_told_of_in_a_warning(broker, make_source, members, code):
    source = await make_source(**members)
    await broker.post("/entities", sensor(level=1))
    await broker.register(source.endpoint, management={"timeout": 300})
    answer = await broker.get("/entities/urn:ngsi-ld:Sensor:1")
    assert answer.status == 200
    assert answer.headers["ngsild-warning"].startswith(f"{code} urn:ngsi-ld:ContextSourceRegistration:1 ")
    absent = await broker.get("/entities/urn:ngsi-ld:Sensor:2")
    assert (absent.status, absent.headers["ngsild-warning"][:3]) == (404, code)
    told = (await broker.get("/csourceRegistrations/urn:ngsi-ld:ContextSourceRegistration:1")).json
    assert told["timesSent"] == 2
    if code != "111" or isinstance(source.body, bytes):
        assert (told["status"], told["timesFailed"]) == ("failed", 2)


async def test_6_3_17_nothing_found_is_no_failure(broker, make_source):
    source = await make_source(status=404)
    await broker.register(source.endpoint)
    answer = await broker.get("/entities/urn:ngsi-ld:Sensor:1")
    assert answer.status == 404
    assert "ngsild-warning" not in answer.headers
    told = (await broker.get("/csourceRegistrations/urn:ngsi-ld:ContextSourceRegistration:1")).json
    assert (told["status"], told["timesSent"]) == ("ok", 1)
    assert "timesFailed" not in told


async def test_5_2_34_a_source_that_failed_is_left_alone_for_its_cooldown(broker, make_source):
    source = await make_source(delay=5.0)
    await broker.register(source.endpoint, management={"timeout": 100, "cooldown": 60_000})
    for _ in range(3):
        assert (await broker.get("/entities/urn:ngsi-ld:Sensor:1")).headers["ngsild-warning"].startswith("199")
    assert len(source.asked) == 1


async def test_4_3_6_4_brokers_registered_with_each_other_do_not_run_in_circles(broker, other):
    await broker.register(other.endpoint)
    await other.register(broker.endpoint)
    await other.post("/entities?local=true", sensor(level=1))
    assert (await broker.get("/entities/urn:ngsi-ld:Sensor:1")).json["level"]["value"] == 1
    assert (await broker.get("/entities/urn:ngsi-ld:Sensor:2")).status == 404
    found = await broker.get("/entities?type=Sensor")
    assert [each["id"] for each in found.json] == ["urn:ngsi-ld:Sensor:1"]


async def test_4_3_6_2_auxiliary_sources_only_supplement(broker, other):
    await broker.post("/entities", sensor(level=1))
    await other.post("/entities", sensor(level=2, power=3))
    await broker.register(other.endpoint, mode="auxiliary", operations=["retrieveOps"])
    answer = await broker.get("/entities/urn:ngsi-ld:Sensor:1?options=keyValues")
    assert (answer.json["level"], answer.json["power"]) == (1, 3)


async def test_5_7_2_pages_go_over_all_brokers_without_doubles(broker, other):
    for number in range(1, 5):
        await broker.post("/entities", sensor(number, level=number))
    for number in range(3, 8):
        await other.post("/entities", sensor(number, power=number))
    await broker.register(other.endpoint)
    seen = []
    for offset in (0, 3, 6):
        page = await broker.get(f"/entities?type=Sensor&limit=3&offset={offset}&count=true&options=keyValues")
        assert page.headers["ngsild-results-count"] == "7"
        assert ('rel="next"' in page.headers["link"]) is (offset < 6)
        seen += [each["id"] for each in page.json]
        for each in page.json:
            assert each.keys() & {"level", "power"} == (
                {"level", "power"} if each["id"][-1] in "34" else {"level"} if each["id"][-1] in "12" else {"power"}
            )
    assert sorted(seen) == [f"urn:ngsi-ld:Sensor:{number}" for number in range(1, 8)]


async def test_4_3_6_7_split_entities_are_filtered_once_they_are_whole(broker, other):
    await broker.post("/entities", sensor(1, level=1))
    await other.post("/entities", sensor(1, power=5))
    await broker.post("/entities", sensor(2, level=1))
    await other.post("/entities", sensor(2, power=9))
    await broker.register(other.endpoint)
    q = "/entities?type=Sensor&q=level==1;power%3E6"
    assert (await broker.get(q)).json == []
    found = await broker.get(q + "&splitEntities=true")
    assert [each["id"] for each in found.json] == ["urn:ngsi-ld:Sensor:2"]


async def test_5_7_2_a_filter_goes_to_sources_that_can_decide_it(broker, source):
    source.body = []
    await broker.register(
        source.endpoint,
        information=[{"entities": [{"type": "Sensor", "idPattern": "^urn"}], "propertyNames": ["level"]}],
    )
    await broker.get("/entities?type=Sensor&q=level%3E1&attrs=level")
    await broker.get("/entities?type=Sensor&q=level%3E1;power%3E1")
    first, second = (path for _, path, _, _ in source.asked)
    assert "q=level" in first
    assert "idPattern=" in first
    assert "q=" not in second


async def test_5_7_2_order_needs_local_scope_where_sources_are_asked(broker, other):
    await broker.register(other.endpoint)
    assert (await broker.get("/entities?type=Sensor&orderBy=level")).status == 400
    assert (await broker.get("/entities?type=Lamp&orderBy=level")).status == 200
    assert (await broker.get("/entities?type=Sensor&orderBy=level&local=true")).status == 200


async def test_5_7_2_a_source_that_takes_only_queries_by_post_gets_one(broker, source):
    source.body = [sensor(level=3)]
    await broker.register(source.endpoint, operations=["queryBatch"])
    found = await broker.get("/entities?type=Sensor&q=level%3E1")
    assert [each["id"] for each in found.json] == ["urn:ngsi-ld:Sensor:1"]
    ((method, path, _, body),) = source.asked
    assert (method, path.partition("?")[0]) == ("POST", "/ngsi-ld/v1/entityOperations/query")
    assert body == {"type": "Query", "entities": [{"type": "Sensor"}], "q": "level>1"}


async def test_5_7_1_expired_and_foreign_registrations_ask_nobody(broker, source):
    source.body = sensor(level=1)
    await broker.register(source.endpoint, 1, information=[{"entities": [{"type": "Lamp"}]}])
    await broker.register(source.endpoint, 2, observationInterval={"startAt": "2026-01-01T00:00:00Z"})
    await broker.register(source.endpoint, 3, operations=["createEntity"])
    assert (await broker.get("/entities?type=Sensor")).json == []
    assert not source.asked


async def test_5_7_11_types_and_attributes_that_sources_may_have_are_listed(broker, other):
    await broker.post("/entities", sensor(level=1))
    information = [{"entities": [{"type": "Sensor"}, {"type": "Lamp"}], "propertyNames": ["power"]}]
    await broker.register(other.endpoint, information=information)
    core = "https://uri.etsi.org/ngsi-ld/default-context/"
    assert (await broker.get("/types")).json["typeList"] == ["Lamp", "Sensor"]
    assert (await broker.get("/types?local=true")).json["typeList"] == ["Sensor"]
    assert (await broker.get("/attributes")).json["attributeList"] == ["level", "power"]
    lamp = (await broker.get("/types/Lamp")).json
    assert lamp["attributeDetails"] == [
        {"id": core + "power", "type": "Attribute", "attributeName": "power", "attributeTypes": []}
    ]
    assert (await broker.get("/types/Lamp?local=true")).status == 404


@pytest.mark.parametrize("asking", ["/entities?type=Sensor&csf=owner=={}", "/entityMaps?type=Sensor&csf=owner=={}"])
async def test_5_7_2_a_context_source_filter_chooses_whom_to_ask(broker, make_source, asking):
    hers, his = await make_source(body=[]), await make_source(body=[])
    await broker.register(hers.endpoint, 1, operations=["retrieveOps"], owner="her")
    await broker.register(his.endpoint, 2, operations=["retrieveOps"], owner="him")
    assert (await broker.get(asking.format("%22her%22"))).status in (200, 201)
    assert hers.asked
    assert not his.asked
    if not asking.startswith("/entityMaps"):
        query = {"type": "Query", "entities": [{"type": "Sensor"}], "csf": 'owner=="him"'}
        await broker.post("/entityOperations/query", query)
        assert (len(hers.asked), len(his.asked)) == (1, 1)


async def test_5_7_2_sources_are_waited_for_no_longer_once_this_broker_refuses(broker, make_source, monkeypatch):
    async def refuse(*_):
        await asyncio.sleep(0.05)
        raise TooComplexQuery("More than can be looked at.")

    source = await make_source(delay=5.0)
    await broker.register(source.endpoint)
    monkeypatch.setattr(type(broker.ports.entities), "find", refuse)
    answer = await broker.get("/entities?type=Sensor")
    assert (answer.status, answer.error) == (403, "TooComplexQuery")
    await asyncio.sleep(0.05)
    assert not [each for each in asyncio.all_tasks() if "ask" in each.get_coro().__qualname__]
