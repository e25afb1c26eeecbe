"""Answers as earlier versions of the specification had them (clauses 4.3.6.8, 5.7.1.4, 5.7.2.4, 6.3.6, 6.4.3.2)."""

import pytest

from tests.http.client import GEO, Client
from tests.http.samples import SENSOR, sensor

TOLD = {"label": {"type": "LanguageProperty", "languageMap": {"en": "a", "fr": "b"}}, "scope": "/s"}
LINKED = {"to": {"type": "ListRelationship", "objectList": [{"object": "urn:ngsi-ld:Sensor:2"}]}}


@pytest.fixture(autouse=True)
async def _stored(client: Client) -> None:
    entities = [sensor(1, **TOLD), sensor(2, **LINKED), sensor(3)]
    assert (await client.post("/entityOperations/create", entities)).status == 201


async def test_4_3_6_8_entities_are_altered_to_the_version_preferred(client: Client) -> None:
    answer = await client.get(f"/entities/{SENSOR}", Prefer="ngsi-ld=1.3")
    assert (answer.status, answer.headers["preference-applied"]) == (203, "ngsi-ld=1.3")
    assert answer.json["label"] == {"type": "Property", "value": {"en": "a", "fr": "b"}}
    assert "scope" not in answer.json
    assert "link" in answer.headers
    plain = await client.get(f"/entities/{SENSOR}")
    assert (plain.status, plain.json["label"]["type"]) == (200, "LanguageProperty")
    assert "preference-applied" not in plain.headers


async def test_6_4_3_2_a_page_is_203_where_one_of_its_entities_is_altered(client: Client) -> None:
    page = await client.get("/entities?type=Sensor", Prefer="body=json, ngsi-ld=1.7")
    assert (page.status, page.headers["preference-applied"]) == (203, "ngsi-ld=1.7")
    assert page.json[0]["label"]["type"] == "LanguageProperty"
    assert page.json[1]["to"] == {"type": "Relationship", "object": ["urn:ngsi-ld:Sensor:2"]}
    body = {"type": "Query", "entities": [{"type": "Sensor"}]}
    assert (await client.post("/entityOperations/query", body, Prefer="ngsi-ld=1.7")).status == 203


async def test_6_5_3_1_what_needs_no_alteration_is_200(client: Client) -> None:
    for version in ("1.3", "1.8", '"1.5"'):
        answer = await client.get("/entities/urn:ngsi-ld:Sensor:3", Prefer=f"ngsi-ld={version}")
        assert (answer.status, answer.headers["preference-applied"]) == (200, "ngsi-ld=" + version.strip('"'))
    picked = await client.get(f"/entities/{SENSOR}?pick=id,temperature", Prefer="ngsi-ld=1.3")
    assert picked.status == 200


async def test_6_3_6_later_versions_are_answered_with_ours_and_others_ignored(client: Client) -> None:
    answer = await client.get(f"/entities/{SENSOR}", Prefer="ngsi-ld=2.0")
    assert (answer.status, answer.headers["preference-applied"]) == (200, "ngsi-ld=1.9")
    assert "preference-applied" not in (await client.get(f"/entities/{SENSOR}", Prefer="ngsi-ld=new")).headers
    assert (await client.get("/types", Prefer="ngsi-ld=1.3")).headers["preference-applied"] == "ngsi-ld=1.9"


async def test_4_15_a_text_in_the_language_wanted_is_no_alteration(client: Client) -> None:
    answer = await client.get(f"/entities/{SENSOR}?lang=fr&pick=label", Prefer="ngsi-ld=1.3")
    assert answer.json == {"label": {"type": "Property", "value": "b", "lang": "fr"}}


async def test_4_5_23_linked_entities_are_altered_too(client: Client) -> None:
    await client.post("/entities", {"id": "urn:x:1", "type": "X", "at": {"object": SENSOR}})
    answer = await client.get("/entities/urn:x:1?join=inline", Prefer="ngsi-ld=1.3")
    assert answer.status == 203
    assert answer.json["at"]["entity"]["label"]["type"] == "Property"
    feature = await client.get(f"/entities/{SENSOR}", Accept=GEO, Prefer="ngsi-ld=1.3")
    assert feature.json["properties"]["label"]["type"] == "Property"
