"""pick and omit, alone and over linked entities (clauses 4.21, 4.5.23, 5.7.1, 5.7.2)."""

import pytest

from tests.http.client import GEO, Client

CITY, COUNTRY = "urn:ngsi-ld:City:1", "urn:ngsi-ld:Country:1"
HOUSES = ["urn:ngsi-ld:House:1", "urn:ngsi-ld:House:2"]


def house(house_id: str, **members) -> dict:
    return {"id": house_id, "type": "House", "in": {"object": CITY}, "label": "a house", **members}


@pytest.fixture(autouse=True)
async def _linked(client: Client) -> None:
    entities = [
        {"id": CITY, "type": "City", "label": "Aumetz", "size": 2, "of": {"object": COUNTRY}},
        {"id": COUNTRY, "type": "Country", "label": "France", "size": 3},
        house(HOUSES[0], colour="red"),
        house(HOUSES[1]),
    ]
    assert (await client.post("/entityOperations/create", entities)).status == 201


async def one(client: Client, query: str, **headers: str):
    return (await client.get(f"/entities/{HOUSES[0]}?options=keyValues&{query}", **headers)).json


async def many(client: Client, query: str):
    return (await client.get(f"/entities?type=House&options=keyValues&{query}")).json


async def test_4_21_braces_pick_of_the_linked_entity(client: Client) -> None:
    found = await one(client, "join=inline&joinLevel=2&pick=id,in{id,label,of{size}}")
    assert found == {"id": HOUSES[0], "in": {"id": CITY, "label": "Aumetz", "of": {"size": 3}}}


async def test_4_21_relationships_not_picked_are_not_followed(client: Client) -> None:
    flat = await one(client, "join=flat&joinLevel=2&pick=id,in{id,label}")
    assert flat == [{"id": HOUSES[0], "in": CITY}, {"id": CITY, "label": "Aumetz"}]
    assert await one(client, "join=flat&joinLevel=2&pick=id,label") == [{"id": HOUSES[0], "label": "a house"}]


async def test_4_21_a_relationship_picked_without_braces_brings_all_of_the_linked_entity(client: Client) -> None:
    found = await one(client, "join=inline&joinLevel=1&pick=in")
    assert found == {"in": {"id": CITY, "type": "City", "label": "Aumetz", "size": 2, "of": COUNTRY}}


async def test_4_21_braces_omit_of_the_linked_entity_and_keep_the_relationship(client: Client) -> None:
    found = await one(client, "join=inline&joinLevel=2&omit=type,label,colour,in{type,size,of{id,label}}")
    country = {"type": "Country", "size": 3}
    assert found == {"id": HOUSES[0], "in": {"id": CITY, "label": "Aumetz", "of": country}}


async def test_4_21_what_is_omitted_above_is_kept_below(client: Client) -> None:
    flat = await many(client, "join=flat&omit=label,colour")
    assert [entity.get("label") for entity in flat] == [None, None, "Aumetz"]
    assert "label" not in flat[0]


async def test_4_21_a_relationship_omitted_is_not_followed(client: Client) -> None:
    assert await one(client, "join=flat&omit=in,label,type") == [{"id": HOUSES[0], "colour": "red"}]


async def test_5_7_2_entities_of_which_nothing_is_left_are_left_out(client: Client) -> None:
    assert await many(client, "pick=colour") == [{"colour": "red"}]
    assert await many(client, "pick=unknown") == []


async def test_5_7_1_nothing_left_of_the_entity_is_not_found(client: Client) -> None:
    for query in ("pick=unknown", "omit=id,type,label,colour,in", "join=flat&pick=unknown"):
        answer = await client.get(f"/entities/{HOUSES[0]}?{query}")
        assert (answer.status, answer.error) == (404, "ResourceNotFound"), query


async def test_4_21_contradictions_are_refused(client: Client) -> None:
    for query in ("pick=label&omit=label", "pick=label&attrs=label", "omit=label&attrs=label", "pick=in{label}"):
        answer = await client.get(f"/entities/{HOUSES[0]}?{query}")
        assert (answer.status, answer.error) == (400, "BadRequestData"), query
    deep = await client.get(f"/entities/{HOUSES[0]}?join=inline&joinLevel=1&pick=in{{of{{label}}}}")
    assert deep.error == "BadRequestData"


async def test_4_21_what_is_picked_may_omit_of_the_linked_entity(client: Client) -> None:
    found = await one(client, "join=inline&pick=in&omit=in{id,type,of}")
    assert found == {"in": {"label": "Aumetz", "size": 2}}


async def test_4_5_23_linked_entities_as_features_have_their_own_projection(client: Client) -> None:
    found = await one(client, "join=flat&pick=label,in{size}", accept=GEO)
    assert [each["properties"] for each in found["features"]] == [{"in": CITY, "label": "a house"}, {"size": 2}]


async def test_5_7_2_4_attrs_selects_whatever_dataset_is_asked_for(client: Client) -> None:
    found = await many(client, "attrs=colour&datasetId=urn:d:1")
    assert found == [{"id": HOUSES[0], "type": "House"}]


async def test_4_21_full_names_are_picked_as_they_are_shown(client: Client) -> None:
    full = "https://uri.etsi.org/ngsi-ld/default-context/label"
    assert await one(client, f"pick={full}") == {"label": "a house"}
    assert "label" not in await one(client, f"omit=colour,{full}")


async def test_6_5_3_1_attrs_names_attributes_alone(client: Client) -> None:
    for name in ("id", "type", "scope"):
        answer = await client.get(f"/entities/{HOUSES[0]}?attrs=label,{name}")
        assert (answer.status, answer.error) == (400, "BadRequestData"), name


async def test_4_5_23_flat_is_plain_where_no_relationship_leads_to_an_entity_stored_here(client: Client) -> None:
    await client.post("/entities", house("urn:ngsi-ld:House:9", **{"in": {"object": "urn:ngsi-ld:City:none"}}))
    path = "/entities/urn:ngsi-ld:House:9?join=flat&options=keyValues"
    plain = (await client.get(path)).json
    assert plain == {"id": "urn:ngsi-ld:House:9", "type": "House", "in": "urn:ngsi-ld:City:none", "label": "a house"}
    assert (await client.get(path, accept=GEO)).json["type"] == "Feature"
    # Always an array where there is something to follow, also where it was met before, and where there is nothing.
    assert [each["id"] for each in await one(client, f"join=flat&joinLevel=1&containedBy={CITY}")] == [HOUSES[0]]
    assert isinstance((await client.get(f"/entities/{COUNTRY}?join=flat")).json, list)
    page = await client.get("/entities?id=urn:ngsi-ld:House:9&type=House&join=flat")
    assert isinstance(page.json, list)
