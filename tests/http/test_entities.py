"""Clauses 6.4 to 6.7 and 6.23."""

import pytest

from tests.http.client import CORE_LINK, GEO, LD, PUBLIC_URL, Client
from tests.http.samples import PLACED, SENSOR, sensor

CONTEXT = {"temperature": "https://example.org/temperature", "Sensor": "https://example.org/Sensor"}


async def fill(client: Client, count: int = 3) -> None:
    answer = await client.post("/entityOperations/create", [sensor(number, **PLACED) for number in range(1, count + 1)])
    assert answer.status == 201


async def test_6_4_3_1_creation_answers_with_the_path_of_the_entity(client: Client) -> None:
    answer = await client.post("/entities", sensor())
    assert answer.status == 201
    assert (b"Location", f"/ngsi-ld/v1/entities/{SENSOR}".encode()) in answer.raw
    again = await client.post("/entities", sensor())
    assert (again.status, again.error) == (409, "AlreadyExists")


async def test_6_4_3_1_the_location_of_an_id_with_slashes_leads_to_the_entity(client: Client) -> None:
    created = await client.post("/entities", {**sensor(), "id": "https://example.org/sensors/1?x=é"})
    location = created.headers["location"].removeprefix("/ngsi-ld/v1")
    assert (await client.get(location)).json["id"] == "https://example.org/sensors/1?x=é"


async def test_options_upsert_and_key_values_serve_old_habits(client: Client) -> None:
    plain = {"id": SENSOR, "type": "Sensor", "temperature": 4}
    assert (await client.post("/entities?options=keyValues", plain)).status == 201
    assert (await client.post("/entities?options=keyValues,upsert", {**plain, "temperature": 5})).status == 204
    shown = await client.get(f"/entities/{SENSOR}?options=keyValues")
    assert shown.json == {"id": SENSOR, "type": "Sensor", "temperature": 5}


async def test_6_5_3_1_an_unknown_entity_is_404_and_a_bad_id_400(client: Client) -> None:
    assert (await client.get("/entities/urn:ngsi-ld:Sensor:9")).status == 404
    assert (await client.get("/entities/no-uri")).error == "BadRequestData"


async def test_6_3_7_format_takes_precedence_over_options(client: Client) -> None:
    await fill(client, 1)
    concise = await client.get(f"/entities/{SENSOR}?format=concise&options=keyValues")
    assert concise.json["temperature"] == {"value": 11, "unitCode": "CEL"}
    assert (await client.get(f"/entities/{SENSOR}?format=short")).error == "InvalidRequest"


async def test_6_3_11_system_attributes_come_on_request_alone(client: Client) -> None:
    await fill(client, 1)
    assert "createdAt" not in (await client.get(f"/entities/{SENSOR}")).json
    assert {"createdAt", "modifiedAt"} <= (await client.get(f"/entities/{SENSOR}?options=sysAttrs")).json.keys()


async def test_6_3_11_each_request_is_answered_in_its_own_form_and_context(client: Client) -> None:
    context = await client.post("/jsonldContexts", {"@context": CONTEXT})
    link = {"Link": f'<{PUBLIC_URL}{context.headers["location"]}>; rel="http://www.w3.org/ns/json-ld#context"'}
    await fill(client, 1)
    path = "/entities?local=true"
    forms = {
        (path, ""): await client.get(path),
        (f"{path}&options=sysAttrs", ""): await client.get(f"{path}&options=sysAttrs"),
        (path, "own"): await client.call("GET", path, headers=link),
        (f"{path}&options=sysAttrs", "own"): await client.call("GET", f"{path}&options=sysAttrs", headers=link),
    }
    assert len({each.body for each in forms.values()}) == len(forms)
    for (asked, own), before in [*forms.items(), *reversed(forms.items())]:
        again = await client.call("GET", asked, headers=link) if own else await client.get(asked)
        assert again.body == before.body
    await client.patch(f"/entities/{SENSOR}/attrs", {"temperature": {"type": "Property", "value": 99}})
    for asked, own in forms:
        again = await client.call("GET", asked, headers=link) if own else await client.get(asked)
        assert b"99" in again.body


async def test_5_7_1_attrs_pick_omit_and_type_narrow_what_is_retrieved(client: Client) -> None:
    await fill(client, 1)
    assert (await client.get(f"/entities/{SENSOR}?attrs=location")).json.keys() == {"id", "type", "location"}
    assert (await client.get(f"/entities/{SENSOR}?attrs=humidity")).status == 404
    assert (await client.get(f"/entities/{SENSOR}?pick=id,temperature")).json.keys() == {"id", "temperature"}
    assert (await client.get(f"/entities/{SENSOR}?omit=location")).json.keys() == {"id", "type", "temperature"}
    assert (await client.get(f"/entities/{SENSOR}?type=Lamp")).status == 404
    assert (await client.get(f"/entities/{SENSOR}?type=Lamp,Sensor")).status == 200


async def test_6_3_15_geojson_with_the_context_inside_or_outside(client: Client) -> None:
    await fill(client, 2)
    feature = await client.get(f"/entities/{SENSOR}", Accept=GEO)
    assert feature.headers["content-type"] == GEO
    assert feature.json["type"] == "Feature"
    assert feature.json["geometry"] == PLACED["location"]["value"]
    assert "@context" in feature.json
    collection = await client.get("/entities?type=Sensor", Accept=GEO, Prefer="body=json")
    assert [each["id"] for each in collection.json["features"]] == [SENSOR, "urn:ngsi-ld:Sensor:2"]
    assert "@context" not in collection.json
    assert collection.headers["link"] == CORE_LINK


async def test_5_7_1_geometry_property_has_no_meaning_outside_geojson(client: Client) -> None:
    await fill(client, 1)
    answer = await client.get(f"/entities/{SENSOR}?geometryProperty=location")
    assert (answer.status, answer.error) == (400, "BadRequestData")


async def test_5_7_2_a_query_that_selects_nothing_is_too_wide_unless_local(client: Client) -> None:
    await fill(client)
    assert (await client.get("/entities")).error == "BadRequestData"
    assert (await client.get(f"/entities?id={SENSOR}")).error == "BadRequestData"
    assert len((await client.get("/entities?local=true")).json) == 3
    assert len((await client.get("/entities?type=*")).json) == 3
    assert (await client.get("/entities?type=*&local=false")).error == "BadRequestData"


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("type=Sensor&q=temperature>11", [2, 3]),
        ("type=Sensor&q=temperature%3E11%3Btemperature%3C13", [2]),
        ("type=Sensor&id=urn:ngsi-ld:Sensor:1,urn:ngsi-ld:Sensor:3", [1, 3]),
        ("type=Sensor&idPattern=.*:[23]$", [2, 3]),
        ("attrs=temperature", [1, 2, 3]),
        ("type=Lamp", []),
        ("georel=near;maxDistance==1000&geometry=Point&coordinates=[5.95,49.47]", [1, 2, 3]),
        ("georel=near;maxDistance==1000&geometry=Point&coordinates=[6.95,49.47]", []),
        ("type=Sensor&orderBy=temperature;desc", [3, 2, 1]),
        ("type=Sensor&csf=a==1&splitEntities=false&entityMap=false&containedBy=urn:a:b", [1, 2, 3]),
    ],
)
async def test_6_4_3_2_parameters_select_entities(client: Client, query: str, numbers: list[int]) -> None:
    await fill(client)
    answer = await client.get(f"/entities?{query}")
    assert [each["id"] for each in answer.json] == [f"urn:ngsi-ld:Sensor:{number}" for number in numbers]


@pytest.mark.parametrize(
    "query",
    [
        "type=Sensor&q=temperature>",
        "type=Sensor&id=nothing",
        "type=Sensor&georel=near;maxDistance==10",
        "type=Sensor&geometry=Point&coordinates=[1,2]",
        "type=Sensor&limit=-1",
        "type=Sensor&limit=many",
        "type=Sensor&limit=0",
        "type=Sensor&limit=1001",
        "type=Sensor&offset=1.5",
        "type=Sensor&count=yes",
        "type=Sensor&attrs=,",
        "type=Sensor&pick=a{b}",
        "type=Sensor&join=sideways",
        "type=Sensor&csf===",
        "type=Sensor&q=%ff",
    ],
)
async def test_6_4_3_2_wrong_parameters_are_400(client: Client, query: str) -> None:
    answer = await client.get(f"/entities?{query}")
    assert answer.status == 400
    assert answer.json["detail"]


async def test_6_3_10_links_lead_to_the_pages_before_and_after(client: Client) -> None:
    await fill(client, 5)
    middle = await client.get("/entities/?offset=2&limit=2&type=Sensor", Accept=LD)
    links = [value.decode() for name, value in middle.raw if name == b"Link"]
    assert links == [
        f'</ngsi-ld/v1/entities?type=Sensor&limit=2&offset=0>;rel="prev";type="{LD}"',
        f'</ngsi-ld/v1/entities?type=Sensor&limit=2&offset=4>;rel="next";type="{LD}"',
    ]
    last = await client.get("/entities?type=Sensor&limit=2&offset=4")
    assert 'rel="prev"' in last.headers["link"]
    assert 'rel="next"' not in last.headers["link"]
    assert "rel=" in (await client.get("/entities?type=Sensor&limit=4")).headers["link"]


async def test_6_3_10_the_next_page_can_be_had_by_its_link(client: Client) -> None:
    await fill(client, 3)
    first = await client.get("/entities?type=Sensor&q=temperature>1;temperature<99&limit=2", Accept=LD)
    target = first.headers["link"].split(">;")[0].removeprefix("<").removeprefix("/ngsi-ld/v1")
    assert [each["id"] for each in (await client.get(target)).json] == ["urn:ngsi-ld:Sensor:3"]


async def test_6_3_13_count_tells_how_many_there_are_in_all(client: Client) -> None:
    await fill(client, 3)
    counted = await client.get("/entities?type=Sensor&limit=0&count=true")
    assert (counted.json, counted.headers["ngsild-results-count"]) == ([], "3")
    assert 'rel="next"' not in counted.headers["link"]
    assert (await client.get("/entities?type=Sensor&options=count&limit=1")).headers["ngsild-results-count"] == "3"
    assert "ngsild-results-count" not in (await client.get("/entities?type=Sensor")).headers


async def test_6_23_a_query_in_the_body_finds_what_the_parameters_find(client: Client) -> None:
    await fill(client)
    body = {
        "type": "Query",
        "entities": [{"type": "Sensor", "idPattern": ".*:[12]"}, {"type": "Lamp"}],
        "q": "temperature>11",
        "geoQ": {"georel": "near;maxDistance==1000", "geometry": "Point", "coordinates": [5.95, 49.47]},
        "pick": ["id"],
    }
    answer = await client.post("/entityOperations/query?count=true", body)
    assert answer.status == 200
    assert answer.json == [{"id": "urn:ngsi-ld:Sensor:2"}]
    assert answer.headers["ngsild-results-count"] == "1"


async def test_6_23_a_context_without_url_is_hosted_so_that_a_link_can_name_it(client: Client) -> None:
    body = {"@context": {"celsius": "https://example.org/celsius"}, "type": "Query", "entities": [{"type": "Sensor"}]}
    answer = await client.post("/entityOperations/query", body, Content_Type=LD, Accept="application/json")
    url = answer.headers["link"].split(">")[0].removeprefix("<")
    assert url.startswith(PUBLIC_URL)
    served = await client.get(url.removeprefix(f"{PUBLIC_URL}/ngsi-ld/v1"))
    assert served.json["@context"] == {"celsius": "https://example.org/celsius"}


@pytest.mark.parametrize(
    "body",
    [
        {"type": "Sensor"},
        {"type": "Query", "entities": []},
        {"type": "Query", "entities": ["Sensor"]},
        {"type": "Query", "entities": [{"type": 1}]},
        {"type": "Query", "attrs": []},
        {"type": "Query", "attrs": [1]},
        {"type": "Query", "q": 1},
        {"type": "Query", "geoQ": "near"},
        {"type": "Query", "colour": "red"},
    ],
)
async def test_5_2_23_what_is_no_query_is_refused(client: Client, body: object) -> None:
    answer = await client.post("/entityOperations/query", body)
    assert (answer.status, answer.error) == (400, "BadRequestData")


async def test_names_are_compacted_with_the_context_of_the_reader(client: Client) -> None:
    await client.post("/entities", {**sensor(), "@context": CONTEXT}, Content_Type=LD)
    plain = (await client.get(f"/entities/{SENSOR}")).json
    assert plain["type"] == "https://example.org/Sensor"
    assert "temperature" not in plain
    hosted = (await client.post("/jsonldContexts", {"@context": CONTEXT})).headers["location"]
    link = f'<{PUBLIC_URL}{hosted}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'
    named = await client.get(f"/entities/{SENSOR}", Link=link)
    assert named.json["type"] == "Sensor"
    assert named.headers["link"] == link


async def test_6_5_3_3_replacement_keeps_nothing_but_the_time_of_creation(client: Client) -> None:
    await fill(client, 1)
    created = (await client.get(f"/entities/{SENSOR}?options=sysAttrs")).json["createdAt"]
    answer = await client.put(f"/entities/{SENSOR}", {"type": "Sensor", "humidity": {"type": "Property", "value": 1}})
    assert answer.status == 204
    now = (await client.get(f"/entities/{SENSOR}?options=sysAttrs")).json
    assert now["createdAt"] == created
    assert "temperature" not in now
    assert (await client.put("/entities/urn:ngsi-ld:Sensor:9", {**sensor(9)})).status == 404


async def test_6_5_3_4_merging_keeps_what_is_not_mentioned(client: Client) -> None:
    await fill(client, 1)
    answer = await client.patch(f"/entities/{SENSOR}", {"temperature": {"type": "Property", "value": 1}})
    assert answer.status == 204
    merged = (await client.get(f"/entities/{SENSOR}")).json
    assert merged["temperature"] == {"type": "Property", "value": 1, "unitCode": "CEL"}
    assert "location" in merged
    simplified = await client.patch(f"/entities/{SENSOR}?format=keyValues", {"temperature": 2})
    assert simplified.status == 204
    assert (await client.get(f"/entities/{SENSOR}?format=keyValues")).json["temperature"] == 2
    late = await client.patch(f"/entities/{SENSOR}?observedAt=yesterday", {"temperature": {"value": 2}})
    assert late.error == "BadRequestData"


async def test_6_5_3_2_deletion_of_another_type_is_404_and_deletes_nothing(client: Client) -> None:
    await fill(client, 1)
    assert (await client.delete(f"/entities/{SENSOR}?type=Lamp")).status == 404
    assert (await client.delete(f"/entities/{SENSOR}?type=Sensor")).status == 204
    assert (await client.get(f"/entities/{SENSOR}")).status == 404


async def test_6_4_3_3_purging_deletes_entities_or_attributes(client: Client) -> None:
    await fill(client, 3)
    assert (await client.delete("/entities")).error == "BadRequestData"
    assert (await client.delete("/entities?type=Sensor&q=temperature>11&drop=location")).status == 204
    with_location = await client.get("/entities?type=Sensor&q=location")
    assert [each["id"] for each in with_location.json] == [SENSOR]
    assert (await client.delete("/entities?type=Sensor&drop=a&keep=b")).error == "BadRequestData"
    assert (await client.delete("/entities?type=Sensor")).status == 204
    assert (await client.get("/entities?type=Sensor")).json == []


async def test_6_6_3_1_appending_without_overwriting_reports_what_was_left(client: Client) -> None:
    await fill(client, 1)
    body = {"temperature": {"type": "Property", "value": 1}, "humidity": {"type": "Property", "value": 2}}
    answer = await client.post(f"/entities/{SENSOR}/attrs?options=noOverwrite", body)
    assert answer.status == 207
    assert answer.headers["content-type"] == "application/json"
    assert answer.json["updated"] == ["https://uri.etsi.org/ngsi-ld/default-context/humidity"]
    assert answer.json["notUpdated"][0]["attributeName"] == "https://uri.etsi.org/ngsi-ld/default-context/temperature"
    assert (await client.get(f"/entities/{SENSOR}?format=keyValues")).json["temperature"] == 11
    assert (await client.post(f"/entities/{SENSOR}/attrs", body)).status == 204


async def test_6_7_one_attribute_is_updated_replaced_and_deleted(client: Client) -> None:
    await fill(client, 1)
    path = f"/entities/{SENSOR}/attrs/temperature"
    assert (await client.patch(path, {"value": 1})).status == 204
    assert (await client.get(f"/entities/{SENSOR}")).json["temperature"]["unitCode"] == "CEL"
    assert (await client.put(path, {"type": "Property", "value": 2})).status == 204
    assert "unitCode" not in (await client.get(f"/entities/{SENSOR}")).json["temperature"]
    assert (await client.delete(f"{path}?datasetId=nothing")).error == "BadRequestData"
    assert (await client.delete(path)).status == 204
    assert (await client.delete(path)).status == 404
    assert (await client.patch(f"/entities/{SENSOR}/attrs/unknown", {"value": 1})).status in (204, 404)


async def test_4_5_23_linked_entities_come_along_inline_or_flat(client: Client) -> None:
    room = {"id": "urn:ngsi-ld:Room:1", "type": "Room", "name": {"type": "Property", "value": "Salle des fêtes"}}
    await client.post("/entities", room)
    target = {"type": "Relationship", "object": room["id"], "objectType": "Room"}
    await client.post("/entities", sensor(isIn=target, near={"type": "Relationship", "object": "urn:ngsi-ld:Room:9"}))
    inline = (await client.get(f"/entities/{SENSOR}?join=inline")).json
    assert inline["isIn"]["entity"]["name"]["value"] == "Salle des fêtes"
    assert "entity" not in inline["near"]
    flat = (await client.get(f"/entities/{SENSOR}?join=flat&options=keyValues")).json
    assert [each["id"] for each in flat] == [SENSOR, room["id"]]
    met = (await client.get(f"/entities/{SENSOR}?join=inline&containedBy={room['id']}")).json
    assert "entity" not in met["isIn"]
    asked = "/entities?type=Sensor&q=isIn%7BRoom:name%7D"
    assert (await client.get(asked)).error == "BadRequestData"
    assert [each["id"] for each in (await client.get(f"{asked}&join=inline")).json] == [SENSOR]
    values = (await client.get("/entities?type=Sensor&join=inline&options=keyValues")).json
    assert values[0]["isIn"]["name"] == "Salle des fêtes"
    assert "entity" not in (await client.get(f"/entities/{SENSOR}")).json["isIn"]
