"""Fragments as clients send them: what leaves a value alone, and what removes things (clauses 5.4, 5.5.8, 5.5.12)."""

import pytest

from tests.http.client import Client
from tests.http.samples import SENSOR, sensor

NULL = "urn:ngsi-ld:null"
PATH = f"/entities/{SENSOR}/attrs/temperature"
PROVIDER = {"type": "Relationship", "object": "urn:ngsi-ld:Device:1"}


@pytest.fixture(autouse=True)
async def _sensor(client: Client) -> None:
    assert (await client.post("/entities", sensor())).status == 201


async def shown(client: Client, path: str = f"/entities/{SENSOR}") -> dict:
    return (await client.get(path)).json


async def test_5_6_4_sub_attributes_alone_leave_the_value_as_it_is(client: Client) -> None:
    assert (await client.patch(PATH, {"providedBy": PROVIDER})).status == 204
    expected = {"type": "Property", "value": 11, "unitCode": "CEL", "providedBy": PROVIDER}
    assert (await shown(client))["temperature"] == expected


async def test_5_6_4_a_null_sub_attribute_is_removed_and_nothing_else(client: Client) -> None:
    await client.patch(PATH, {"providedBy": PROVIDER})
    assert (await client.patch(PATH, {"providedBy": NULL})).status == 204
    assert (await shown(client))["temperature"] == {"type": "Property", "value": 11, "unitCode": "CEL"}


async def test_5_6_4_a_member_without_type_is_a_sub_attribute_never_the_value(client: Client) -> None:
    assert (await client.patch(PATH, {"accuracy": 0.5})).status == 204
    found = (await shown(client))["temperature"]
    assert found["value"] == 11
    assert found["accuracy"] == {"type": "Property", "value": 0.5}


async def test_5_6_4_a_null_member_of_an_instance_is_removed(client: Client) -> None:
    assert (await client.patch(PATH, {"unitCode": NULL})).status == 204
    assert (await shown(client))["temperature"] == {"type": "Property", "value": 11}


async def test_5_5_8_a_null_value_deletes_the_attribute(client: Client) -> None:
    assert (await client.patch(PATH, {"type": "Property", "value": NULL})).status == 204
    assert (await shown(client)).keys() == {"id", "type"}
    assert (await client.patch(PATH, {"value": 1})).status == 404


async def test_5_6_17_merging_sub_attributes_leaves_the_value_as_it_is(client: Client) -> None:
    for sub_attribute in (PROVIDER, NULL):
        body = {"temperature": {"providedBy": sub_attribute}}
        assert (await client.patch(f"/entities/{SENSOR}", body)).status == 204
        assert (await shown(client))["temperature"]["value"] == 11
    assert "providedBy" not in (await shown(client))["temperature"]


async def test_5_6_17_a_bare_object_still_merges_into_the_value(client: Client) -> None:
    await client.post(f"/entities/{SENSOR}/attrs", {"address": {"value": {"city": "Aumetz", "street": "a"}}})
    body = {"address": {"street": "b", "city": NULL}}
    assert (await client.patch(f"/entities/{SENSOR}", body)).status == 204
    assert (await shown(client))["address"]["value"] == {"street": "b"}


async def test_5_6_2_sub_attributes_without_a_value_are_refused_not_stored_as_one(client: Client) -> None:
    refused = await client.patch(f"/entities/{SENSOR}/attrs", {"temperature": {"providedBy": PROVIDER}})
    assert (refused.status, refused.error) == (400, "BadRequestData")
    assert (await shown(client))["temperature"]["value"] == 11


@pytest.mark.parametrize("path", [f"/entities/{SENSOR}", f"/entities/{SENSOR}/attrs"])
async def test_4_22_a_null_removes_the_expiry(client: Client, path: str) -> None:
    for given in ("2999-01-01T00:00:00Z", NULL):
        assert (await client.patch(path, {"expiresAt": given})).status == 204
        found = await shown(client, f"/entities/{SENSOR}?options=sysAttrs")
        assert ("expiresAt" in found) is (given != NULL)
    assert (await client.post(f"/entities/{SENSOR}/attrs", {"expiresAt": NULL})).error == "BadRequestData"
    created = await client.post("/entities", {**sensor(2), "expiresAt": NULL})
    assert created.error == "BadRequestData"


async def test_4_22_a_null_removes_the_expiry_of_an_attribute(client: Client) -> None:
    assert (await client.patch(PATH, {"expiresAt": "2999-01-01T00:00:00Z"})).status == 204
    assert (await client.patch(PATH, {"expiresAt": NULL})).status == 204
    found = await shown(client, f"/entities/{SENSOR}?options=sysAttrs")
    assert "expiresAt" not in found["temperature"]


async def test_5_6_2_4_a_scope_is_replaced_but_never_added(client: Client) -> None:
    added = await client.patch(f"/entities/{SENSOR}/attrs", {"scope": "/Moselle"})
    assert added.status == 207
    assert [one["attributeName"] for one in added.json["notUpdated"]] == ["https://uri.etsi.org/ngsi-ld/scope"]
    assert "scope" not in await shown(client)
    await client.post(f"/entities/{SENSOR}/attrs", {"scope": "/Meuse"})
    assert (await client.patch(f"/entities/{SENSOR}/attrs", {"scope": "/Moselle"})).status == 204
    assert (await shown(client))["scope"] == "/Moselle"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/entities//attrs/", {"a": 1}),
        ("PATCH", "/entities//attrs", {"a": 1}),
        ("PATCH", "/entities//attrs/a", {"value": 1}),
        ("DELETE", "/entities//attrs/a", None),
    ],
)
async def test_5_6_an_empty_entity_id_is_bad_request_data(client: Client, method: str, path: str, body) -> None:
    refused = await client.call(method, path, body)
    assert (refused.status, refused.error) == (400, "BadRequestData")


async def test_4_5_3_a_relationship_is_given_its_object_type_and_never_a_unit(client: Client) -> None:
    path = f"/entities/{SENSOR}/attrs/providedBy"
    assert (await client.post(f"/entities/{SENSOR}/attrs", {"providedBy": PROVIDER})).status == 204
    assert (await client.patch(path, {"objectType": "Device"})).status == 204
    for refused in (
        await client.patch(path, {"unitCode": "CEL"}),
        await client.patch(f"/entities/{SENSOR}", {"providedBy": {"valueType": "xsd:string", "observedAt": NULL}}),
        await client.patch(PATH, {"objectType": "Device"}),
    ):
        assert refused.status == 400
        assert refused.json["type"].endswith("/BadRequestData")
    found = await shown(client)
    assert found["providedBy"] == {**PROVIDER, "objectType": "Device"}
    assert "objectType" not in found["temperature"]


async def test_6_3_5_a_null_context_is_none(client: Client) -> None:
    body = {"id": "urn:ngsi-ld:Sensor:9", "type": "Sensor", "@context": None}
    refused = await client.call("POST", "/entities", body, {"Content-Type": "application/ld+json"})
    assert (refused.status, refused.error) == (400, "BadRequestData")
    assert (await client.get("/entities/urn:ngsi-ld:Sensor:9")).status == 404
