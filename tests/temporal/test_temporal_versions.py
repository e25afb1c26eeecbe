"""Histories as earlier versions of the specification had them (clauses 4.3.6.8, 6.18.3.2, 6.19.3.1)."""

from typing import Any

import pytest

from tests.http.client import Client

ALL = "timerel=after&timeAt=2000-01-01T00:00:00Z"
AT = {"observedAt": "2026-01-01T10:00:00Z"}
LATER = {"observedAt": "2026-01-01T11:00:00Z"}
SIGN = {
    "id": "urn:x:sign",
    "type": ["Sign", "Board"],
    "label": [
        {"type": "LanguageProperty", "languageMap": {"en": "a", "fr": "b"}, **AT},
        {"type": "LanguageProperty", "languageMap": {"en": "c", "fr": "d"}, **LATER},
    ],
    "height": [
        {"type": "Property", "value": 1, "unitCode": "MTR", "datasetId": "urn:d:1", **AT},
        {"type": "Property", "value": 2, "unitCode": "MTR", "expiresAt": "2099-01-01T00:00:00Z", **LATER},
    ],
    "stops": {"type": "ListRelationship", "objectList": [{"object": "urn:x:stop"}], "objectType": "Stop", **AT},
    "scope": [{"type": "Property", "value": ["/a"], **AT}],
}
PLAIN = {"id": "urn:x:post", "type": "Post", "height": [{"type": "Property", "value": 1, **AT}]}
HERE = "/temporal/entities/urn:x:sign"


@pytest.fixture(name="client")
async def with_a_sign(client: Client) -> Client:
    for each in (SIGN, PLAIN):
        assert (await client.post("/temporal/entities", each)).status == 201
    return client


def without_ids(instances: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in each.items() if name != "instanceId"} for each in instances]


async def test_6_19_3_1_a_history_is_altered_to_the_version_preferred(client: Client) -> None:
    answer = await client.get(HERE, Prefer="ngsi-ld=1.3")
    assert (answer.status, answer.headers["preference-applied"]) == (203, "ngsi-ld=1.3")
    assert without_ids(answer.json["label"]) == [
        {"type": "Property", "value": {"en": "a", "fr": "b"}, **AT},
        {"type": "Property", "value": {"en": "c", "fr": "d"}, **LATER},
    ]
    assert without_ids(answer.json["stops"]) == [{"type": "Relationship", "object": ["urn:x:stop"], **AT}]
    assert "scope" not in answer.json
    assert answer.json["type"] == ["Sign", "Board"]
    assert [each["instanceId"] for each in answer.json["height"]]
    now = await client.get(HERE)
    assert (now.status, now.json["label"][0]["type"]) == (200, "LanguageProperty")
    ending = [
        (await client.get(f"{HERE}?options=sysAttrs", Prefer=f"ngsi-ld={version}")).json["height"][1].get("expiresAt")
        for version in ("1.8", "1.9")
    ]
    assert ending == [None, "2099-01-01T00:00:00Z"]


async def test_4_3_6_8_before_1_3_there_was_one_type_and_one_instance_at_a_time(client: Client) -> None:
    answer = await client.get(HERE, Prefer="ngsi-ld=1.0")
    assert answer.status == 203
    assert answer.json["type"] == "Sign"
    # The default instance comes first, and a history without its times would be none.
    assert without_ids(answer.json["height"]) == [{"type": "Property", "value": 2, **LATER}]


async def test_4_3_6_8_simplified_histories_are_altered_as_well(client: Client) -> None:
    answer = await client.get(f"{HERE}?options=temporalValues&{ALL}", Prefer="ngsi-ld=1.3")
    assert answer.status == 203
    label = {
        "type": "Property",
        "values": [[{"en": "a", "fr": "b"}, AT["observedAt"]], [{"en": "c", "fr": "d"}, LATER["observedAt"]]],
    }
    assert answer.json["label"] == label
    spoken = await client.get(f"{HERE}?options=temporalValues&pick=label&lang=fr&{ALL}", Prefer="ngsi-ld=1.3")
    assert (spoken.status, spoken.json["label"]["values"][0][0]) == (200, "b")


async def test_4_3_6_8_aggregated_values_are_told_of_a_kind_that_the_version_knows(client: Client) -> None:
    path = f"{HERE}?format=aggregatedValues&aggrMethods=totalCount&{ALL}"
    answer = await client.get(path, Prefer="ngsi-ld=1.0")
    assert answer.status == 203
    assert (answer.json["label"]["type"], answer.json["label"]["totalCount"][0][0]) == ("Property", 2)
    assert answer.json["stops"]["type"] == "Relationship"
    assert (answer.json["height"]["totalCount"][0][0], "datasetId" in answer.json["height"]) == (1, False)
    assert (await client.get(path)).json["label"]["type"] == "LanguageProperty"


async def test_6_18_3_2_a_page_is_203_where_one_of_its_histories_is_altered(client: Client) -> None:
    page = await client.get(f"/temporal/entities?type=Sign,Post&{ALL}", Prefer="ngsi-ld=1.7")
    assert (page.status, page.headers["preference-applied"]) == (203, "ngsi-ld=1.7")
    assert {each["id"]: each.get("label", [{}])[0].get("type") for each in page.json} == {
        "urn:x:sign": "LanguageProperty",
        "urn:x:post": None,
    }
    plain = await client.get(f"/temporal/entities?type=Post&{ALL}", Prefer="ngsi-ld=1.7")
    assert (plain.status, plain.headers["preference-applied"]) == (200, "ngsi-ld=1.7")
    later = await client.get(f"/temporal/entities?type=Sign&{ALL}", Prefer="ngsi-ld=2.0")
    assert (later.status, later.headers["preference-applied"]) == (200, "ngsi-ld=1.9")
    body = {
        "type": "Query",
        "entities": [{"type": "Sign"}],
        "temporalQ": {"timerel": "after", "timeAt": "2000-01-01T00:00:00Z"},
    }
    assert (await client.post("/temporal/entityOperations/query", body, Prefer="ngsi-ld=1.7")).status == 203


async def test_6_3_10_part_of_a_range_stays_206_when_altered(client: Client) -> None:
    many = [
        {"type": "LanguageProperty", "languageMap": {"en": str(n)}, "observedAt": f"2026-01-02T00:00:{n:02}Z"}
        for n in range(15)
    ]
    assert (await client.post("/temporal/entities", {"id": "urn:x:many", "type": "Many", "label": many})).status == 201
    answer = await client.get(f"/temporal/entities/urn:x:many?{ALL}", Prefer="ngsi-ld=1.3")
    assert (answer.status, answer.headers["preference-applied"]) == (206, "ngsi-ld=1.3")
    assert {each["type"] for each in answer.json["label"]} == {"Property"}
    assert "content-range" in answer.headers
