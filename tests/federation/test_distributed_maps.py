"""Entity maps over context sources (clauses 4.3.6.7, 5.5.14, 5.7.1.4, 5.7.2.4, 5.14)."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests.federation.scripted import Asked, Reply, Scripted

CSR = "urn:ngsi-ld:ContextSourceRegistration:"


def sensor(number, **attributes):
    members = {name: {"type": "Property", "value": value} for name, value in attributes.items()}
    return {"id": f"urn:ngsi-ld:Sensor:{number}", "type": "Sensor", **members}


def ids(*numbers):
    return [f"urn:ngsi-ld:Sensor:{number}" for number in numbers]


def ids_of(answer):
    return [each["id"] for each in answer.json]


def path_of(answer):
    return answer.headers["ngsild-entitymap"].removeprefix("/ngsi-ld/v1")


class Keeper:
    """A source with maps, or without any; entities by number."""

    def __init__(self, *numbers: int, has_maps: bool = True) -> None:
        self.entities = {f"urn:ngsi-ld:Sensor:{each}": sensor(each, level=each) for each in numbers}
        self.has_maps = has_maps
        self.map_id = "urn:ngsi-ld:EntityMap:theirs"
        self.status = 200

    def __call__(self, asked: Asked) -> Reply:
        if self.status != 200:
            return self.status, None, {}
        if asked.path.startswith("/entityMaps"):
            if not self.has_maps:
                return 404, {"type": "about:blank", "title": "no such path"}, {}
            if asked.method != "GET":
                return 204, None, {}
            return (
                201,
                {"id": self.map_id, "type": "EntityMap", "entityMap": {each: ["@none"] for each in self.entities}},
                {},
            )
        headers = {"NGSILD-EntityMap": f"/ngsi-ld/v1/entityMaps/{self.map_id}"} if self.has_maps else {}
        if asked.path == "/entities":
            found = [each for each in self.entities.values() if not asked.ids or each["id"] in asked.ids]
            offset = int(asked.query.get("offset", 0))
            return 200, found[offset : offset + int(asked.query.get("limit", 20))], headers
        entity = self.entities.get(asked.path.removeprefix("/entities/"))
        return (200, entity, headers) if entity else (404, None, {})


@pytest.fixture
async def keep() -> AsyncIterator[Callable[..., Awaitable[tuple[Scripted, Keeper]]]]:
    made: list[Scripted] = []

    async def make(*numbers: int, **members) -> tuple[Scripted, Keeper]:
        keeper = Keeper(*numbers, **members)
        made.append(await Scripted(keeper).start())
        return made[-1], keeper

    yield make
    for each in made:
        await each.stop()


async def test_5_14_4_a_map_tells_who_holds_what_and_which_maps_sources_keep(broker, keep):
    await broker.post("/entityOperations/create?local=true", [sensor(1, level=1), sensor(2, level=2)])
    source, _ = await keep(2, 3)
    old, _ = await keep(4, has_maps=False)
    await broker.register(source.endpoint, 1)
    await broker.register(old.endpoint, 2, operations=["retrieveOps"])
    made = await broker.get("/entityMaps?type=Sensor&q=level>0&entityMapLifetime=PT5M")
    assert made.status == 201
    first, second, third, fourth = ids(1, 2, 3, 4)
    assert made.json["entityMap"] == {
        first: ["@none"],
        second: ["@none", CSR + "1"],
        third: [CSR + "1"],
        fourth: [CSR + "2"],
    }
    assert made.json["linkedMaps"] == {CSR + "1": "urn:ngsi-ld:EntityMap:theirs"}
    assert (await broker.get(path_of(made))).json == made.json
    (asked,) = source.asked
    assert (asked.path, asked.query) == (
        "/entityMaps",
        {"type": "Sensor", "q": "level>0", "entityMapLifetime": "PT300S"},
    )
    assert [each.path for each in old.asked] == ["/entities"]


async def test_5_14_4_with_split_entities_filters_stay_here(broker, keep):
    source, _ = await keep(1)
    await broker.register(source.endpoint)
    made = await broker.get("/entityMaps?type=Sensor&q=level>5&attrs=level&scopeQ=/a&splitEntities=true")
    assert list(made.json["entityMap"]) == ids(1)
    assert source.asked[0].query.keys() == {"type", "entityMapLifetime"}
    page = await broker.get(
        "/entities?type=Sensor&q=level>5&attrs=level&scopeQ=/a&splitEntities=true", ngsild_entitymap=path_of(made)
    )
    assert page.json == []
    assert (await broker.get(path_of(made))).json["entityMap"] == {}


async def test_5_14_4_local_scope_asks_nobody(broker, keep):
    source, _ = await keep(1)
    await broker.register(source.endpoint)
    assert (await broker.get("/entityMaps?type=Sensor&local=true")).json["entityMap"] == {}
    assert not source.asked


async def test_5_5_14_pages_ask_only_those_who_hold_the_entities_with_their_own_maps(broker, keep):
    await broker.post("/entities?local=true", sensor(1, level=1))
    near, _ = await keep(2, 3)
    far, _ = await keep(4, has_maps=False)
    await broker.register(near.endpoint, 1)
    await broker.register(far.endpoint, 2)
    first = await broker.get("/entities?type=Sensor&limit=2&entityMap=true")
    assert first.status == 201
    assert ids_of(first) == ids(1, 2)
    location = first.headers["ngsild-entitymap"]
    near.asked.clear()
    far.asked.clear()
    last = await broker.get("/entities?type=Sensor&limit=2&offset=3&count=true", ngsild_entitymap=location)
    assert (last.status, ids_of(last), last.headers["ngsild-results-count"]) == (200, ids(4), "4")
    assert not near.asked
    assert [(each.path, each.ids) for each in far.asked] == [("/entities", ids(4))]
    assert "ngsild-entitymap" not in far.asked[0].headers
    middle = await broker.get("/entities?type=Sensor&limit=2&offset=1", ngsild_entitymap=location)
    assert ids_of(middle) == ids(2, 3)
    assert near.asked[0].headers["NGSILD-EntityMap"] == "/ngsi-ld/v1/entityMaps/urn:ngsi-ld:EntityMap:theirs"


async def test_5_5_14_a_map_fixes_what_is_listed_though_more_comes(broker, keep):
    source, keeper = await keep(1, 2)
    await broker.register(source.endpoint)
    location = (await broker.get("/entities?type=Sensor&entityMap=true")).headers["ngsild-entitymap"]
    keeper.entities[ids(3)[0]] = sensor(3)
    await broker.post("/entities?local=true", sensor(4))
    again = await broker.get("/entities?type=Sensor", ngsild_entitymap=location)
    assert ids_of(again) == ids(1, 2)
    assert ids_of(
        await broker.get("/entities?type=Sensor&id=" + ",".join(ids(2, 3)), ngsild_entitymap=location)
    ) == ids(2)


async def test_4_3_6_7_what_matches_no_more_is_taken_out_of_the_map(broker, keep):
    source, keeper = await keep(1, 2, 3)
    await broker.register(source.endpoint)
    location = (await broker.get("/entities?type=Sensor&limit=1&entityMap=true")).headers["ngsild-entitymap"]
    del keeper.entities[ids(2)[0]]
    page = await broker.get("/entities?type=Sensor&limit=1&offset=1", ngsild_entitymap=location)
    assert ids_of(page) == ids(3)
    listed = (await broker.get(location.removeprefix("/ngsi-ld/v1"))).json["entityMap"]
    assert list(listed) == ids(1, 3)


async def test_5_5_14_another_query_takes_nothing_out_of_the_map(broker, keep):
    source, _ = await keep(1, 2)
    await broker.register(source.endpoint)
    await broker.post("/entities?local=true", sensor(3, level=3))
    location = (await broker.get("/entities?type=Sensor&entityMap=true")).headers["ngsild-entitymap"]
    other = await broker.get("/entities?type=Sensor&attrs=absent", ngsild_entitymap=location)
    assert ids(3)[0] not in ids_of(other)
    assert len((await broker.get(location.removeprefix("/ngsi-ld/v1"))).json["entityMap"]) == 3


async def test_4_3_6_7_entities_of_a_source_that_fails_stay_listed_and_keep_their_place(broker, keep):
    source, keeper = await keep(1, 2)
    await broker.post("/entities?local=true", sensor(3))
    await broker.register(source.endpoint)
    location = (await broker.get("/entities?type=Sensor&entityMap=true")).headers["ngsild-entitymap"]
    keeper.status = 500
    page = await broker.get("/entities?type=Sensor&limit=2", ngsild_entitymap=location)
    assert page.headers["ngsild-warning"].startswith("299 ")
    assert ids_of(page) == ids(3)
    listed = (await broker.get(location.removeprefix("/ngsi-ld/v1"))).json["entityMap"]
    assert sorted(listed) == ids(1, 2, 3)
    keeper.status = 200
    assert sorted(ids_of(await broker.get("/entities?type=Sensor", ngsild_entitymap=location))) == ids(1, 2, 3)


async def test_5_5_14_a_source_that_lost_its_map_is_asked_without_one(broker, keep):
    source, keeper = await keep(1)
    await broker.register(source.endpoint)
    location = (await broker.get("/entities?type=Sensor&entityMap=true")).headers["ngsild-entitymap"]
    keeper.map_id = "urn:ngsi-ld:EntityMap:other"
    for _ in range(2):
        assert ids_of(await broker.get("/entities?type=Sensor", ngsild_entitymap=location)) == ids(1)
    assert "NGSILD-EntityMap" in source.asked[-2].headers
    assert "NGSILD-EntityMap" not in source.asked[-1].headers
    assert (await broker.get(location.removeprefix("/ngsi-ld/v1"))).json["linkedMaps"] == {}


async def test_5_7_1_4_retrieving_makes_a_map_and_then_asks_only_those_in_it(broker, keep):
    await broker.post("/entities?local=true", sensor(1, power=5))
    source, _ = await keep(1)
    empty, _ = await keep()
    await broker.register(source.endpoint, 1)
    await broker.register(empty.endpoint, 2)
    first = await broker.get(f"/entities/{ids(1)[0]}?entityMap=true&options=keyValues")
    assert (first.status, first.json["level"], first.json["power"]) == (200, 1, 5)
    assert source.asked[0].query["entityMap"] == "true"
    kept = (await broker.get(path_of(first))).json
    assert kept["entityMap"] == {ids(1)[0]: ["@none", CSR + "1"]}
    assert kept["linkedMaps"] == {CSR + "1": "urn:ngsi-ld:EntityMap:theirs"}
    again = await broker.get(f"/entities/{ids(1)[0]}", ngsild_entitymap=path_of(first))
    assert again.headers["ngsild-entitymap"] == first.headers["ngsild-entitymap"]
    assert (len(source.asked), len(empty.asked)) == (2, 1)
    assert "NGSILD-EntityMap" in source.asked[1].headers


async def test_5_7_1_4_an_entity_that_is_nowhere_makes_no_map(broker, keep):
    source, _ = await keep()
    await broker.register(source.endpoint)
    answer = await broker.get(f"/entities/{ids(1)[0]}?entityMap=true")
    assert answer.status == 404
    assert "ngsild-entitymap" not in answer.headers


async def test_5_5_14_a_source_that_refuses_the_parameter_is_asked_without_it(broker, keep):
    source, keeper = await keep(1)
    source.reply = lambda asked: (400, None, {}) if "entityMap" in asked.query else keeper(asked)
    await broker.register(source.endpoint)
    answer = await broker.get(f"/entities/{ids(1)[0]}?entityMap=true")
    assert (answer.status, answer.json["level"]["value"]) == (200, 1)
    assert "ngsild-warning" not in answer.headers


async def test_5_14_2_and_5_14_3_linked_maps_go_the_same_way(broker, keep):
    source, _ = await keep(1)
    await broker.register(source.endpoint)
    path = path_of(await broker.get("/entityMaps?type=Sensor"))
    source.asked.clear()
    assert (await broker.patch(path, {"type": "EntityMap", "entityMap": {}})).status == 204
    assert not source.asked
    assert (await broker.patch(path, {"type": "EntityMap", "expiresAt": "2999-01-01T00:00:00Z"})).status == 204
    assert (await broker.delete(path)).status == 204
    changed, deleted = source.asked
    theirs = "/entityMaps/urn:ngsi-ld:EntityMap:theirs"
    assert (changed.method, changed.path, changed.body["type"]) == ("PATCH", theirs, "EntityMap")
    assert (deleted.method, deleted.path) == ("DELETE", theirs)
    assert (await broker.delete(path)).status == 404
    assert len(source.asked) == 2


async def test_4_20_operations_that_are_not_registered_are_not_asked_for(broker, keep):
    source, _ = await keep(1)
    await broker.register(source.endpoint, operations=["createEntityMapQueryEntity", "queryEntity"])
    path = path_of(await broker.get("/entityMaps?type=Sensor"))
    await broker.patch(path, {"expiresAt": "2999-01-01T00:00:00Z"})
    await broker.delete(path)
    assert [each.method for each in source.asked] == ["GET"]


async def test_4_3_6_1_what_a_source_lists_beyond_its_registration_is_dropped(broker, keep):
    source, _ = await keep(1, 2)
    await broker.register(source.endpoint, information=[{"entities": [{"type": "Sensor", "id": ids(1)[0]}]}])
    assert list((await broker.get("/entityMaps?type=Sensor")).json["entityMap"]) == ids(1)


async def test_5_14_4_brokers_link_their_maps(broker, other):
    for number in range(1, 8):
        await other.post("/entities?local=true", sensor(number, level=number))
    await broker.register(other.endpoint)
    first = await broker.get("/entities?type=Sensor&q=level>1&limit=4&entityMap=true")
    await other.patch(f"/entities/{ids(6)[0]}", {"level": {"type": "Property", "value": 0}})
    await other.post("/entities", sensor(8, level=8))
    second = await broker.get("/entities?type=Sensor&q=level>1&limit=4&offset=4", ngsild_entitymap=path_of(first))
    assert ids_of(first) == ids(2, 3, 4, 5)
    assert ids_of(second) == ids(7)
    (theirs,) = (await broker.get(path_of(first))).json["linkedMaps"].values()
    assert list((await other.get(f"/entityMaps/{theirs}")).json["entityMap"]) == ids(2, 3, 4, 5, 7)
    await broker.delete(path_of(first))
    assert (await other.get(f"/entityMaps/{theirs}")).status == 404


async def test_5_7_2_4_a_source_that_gives_small_pages_is_asked_for_the_next(broker, keep):
    source, keeper = await keep(1, 2, 3, has_maps=False)

    def small(asked: Asked) -> Reply:
        asked.query["limit"] = "2"
        status, body, _ = keeper(asked)
        more = {"Link": '</ngsi-ld/v1/entities?offset=2>;rel="next";type="application/json"'}
        return status, body, more if len(body) == 2 else {}

    source.reply = small
    await broker.register(source.endpoint)
    assert ids_of(await broker.get("/entities?type=Sensor")) == ids(1, 2, 3)


async def test_6_4_3_3_a_purge_by_a_map_asks_each_source_for_what_the_map_lists_there(broker, keep):
    await broker.post("/entityOperations/create?local=true", [sensor(1, level=1), sensor(2, level=2)])
    near, keeper = await keep(2, 3)
    far, _ = await keep(4)
    late, _ = await keep(5)
    operations = ["federationOps", "purgeEntity"]
    await broker.register(near.endpoint, 1, operations=operations)
    await broker.register(far.endpoint, 2, operations=operations)
    made = await broker.get("/entityMaps?type=Sensor")
    await broker.register(late.endpoint, 3, operations=operations)
    await broker.post("/entities?local=true", sensor(6, level=6))
    keeper.entities.update({each: sensor(7, level=7) for each in ids(7)})
    near.asked.clear()
    far.asked.clear()
    purged = await broker.delete("/entities?type=Sensor&q=level>0&idPattern=[1-3]$", ngsild_entitymap=path_of(made))
    assert purged.status == 204
    assert path_of(purged) == path_of(made)
    assert [(each.method, each.path, each.query) for each in near.asked] == [
        ("DELETE", "/entities", {"type": "Sensor", "id": ",".join(ids(2, 3)), "q": "level>0"})
    ]
    assert not far.asked
    assert not late.asked
    assert ids_of(await broker.get("/entities?type=Sensor&local=true")) == ids(6)


async def test_6_4_3_3_purges_by_maps_reach_brokers_and_leave_what_came_later(broker, other):
    await other.post("/entityOperations/create", [sensor(1, level=1), sensor(2, level=2)])
    await broker.register(other.endpoint, operations=["federationOps", "purgeEntity"])
    made = await broker.get("/entityMaps?type=Sensor")
    await other.post("/entities", sensor(3, level=3))
    purged = await broker.delete("/entities?type=Sensor&id=" + ids(1)[0], ngsild_entitymap=path_of(made))
    assert purged.status == 204
    assert ids_of(await other.get("/entities?type=Sensor")) == ids(2, 3)
    assert (await broker.delete("/entities?type=Sensor", ngsild_entitymap=path_of(made))).status == 204
    assert ids_of(await other.get("/entities?type=Sensor")) == ids(3)


async def test_6_4_3_3_a_purge_by_a_map_that_is_gone_deletes_nothing(broker, keep):
    await broker.post("/entities?local=true", sensor(1, level=1))
    source, _ = await keep(2)
    await broker.register(source.endpoint, operations=["federationOps", "purgeEntity"])
    made = await broker.get("/entityMaps?type=Sensor")
    await broker.delete(path_of(made))
    source.asked.clear()
    purged = await broker.delete("/entities?type=Sensor", ngsild_entitymap=path_of(made))
    assert purged.status == 404
    assert not source.asked
    assert ids_of(await broker.get("/entities?type=Sensor&local=true")) == ids(1)


async def test_6_4_3_3_a_source_of_a_map_that_offers_no_purging_is_told_of_where_it_alone_holds_the_data(broker, keep):
    source, _ = await keep(1)
    await broker.register(source.endpoint, mode="redirect", operations=["federationOps"])
    made = await broker.get("/entityMaps?type=Sensor")
    source.asked.clear()
    purged = await broker.delete("/entities?type=Sensor", ngsild_entitymap=path_of(made))
    assert purged.status == 207
    (error,) = purged.json["errors"]
    assert (error["registrationId"], error["error"]["status"]) == (CSR + "1", 409)
    assert not source.asked


async def test_5_6_21_a_context_source_filter_chooses_whom_a_purge_reaches(broker, keep):
    hers, _ = await keep(1)
    his, _ = await keep(2)
    for number, (source, owner) in enumerate(((hers, "her"), (his, "him")), 1):
        await broker.register(source.endpoint, number, operations=["purgeEntity"], owner=owner)
    assert (await broker.delete('/entities?type=Sensor&csf=owner=="him"')).status == 204
    assert his.asked
    assert not hers.asked


@pytest.mark.parametrize("parameters", ["", "&entityMap=true"])
async def test_5_7_1_3_a_retrieval_asks_sources_of_the_type_selected(broker, keep, parameters):
    source, _ = await keep(1)
    await broker.register(source.endpoint)
    found = await broker.get(f"/entities/{ids(1)[0]}?type=Sensor{parameters}")
    assert found.status == 200
    asked = len(source.asked)
    assert asked
    assert (await broker.get(f"/entities/{ids(1)[0]}?type=Lamp{parameters}")).status == 404
    assert len(source.asked) == asked
