"""Changing what is partly elsewhere (clauses 5.6, 6.3.17)."""

import pytest

from tests.federation.test_reads import sensor

LEVEL = [{"entities": [{"type": "Sensor", "id": "urn:ngsi-ld:Sensor:1"}], "propertyNames": ["level"]}]
PATH = "/entities/urn:ngsi-ld:Sensor:1"


async def test_5_6_1_exclusive_attributes_are_created_at_their_source_alone(broker, other):
    await broker.register(other.endpoint, mode="exclusive", information=LEVEL)
    assert (await broker.post("/entities", sensor(level=1, power=2))).status == 201
    assert (await other.get(PATH)).json.keys() == {"id", "type", "level"}
    assert (await broker.get(PATH + "?local=true")).json.keys() == {"id", "type", "power"}
    assert (await broker.get(PATH)).json.keys() == {"id", "type", "level", "power"}


async def test_5_6_1_redirected_entities_are_not_kept_here(broker, other):
    await broker.register(other.endpoint, mode="redirect")
    assert (await broker.post("/entities", sensor(level=1))).status == 201
    assert (await broker.get(PATH + "?local=true")).status == 404
    assert (await broker.get(PATH)).json["level"]["value"] == 1
    assert (await broker.delete(PATH)).status == 204
    assert (await other.get(PATH)).status == 404


async def test_5_6_1_inclusive_entities_are_created_in_both_places_or_partly(broker, other):
    await broker.register(other.endpoint)
    assert (await broker.post("/entities", sensor(level=1))).status == 201
    assert (await other.get(PATH)).status == 200
    await broker.delete(PATH + "?local=true")
    again = await broker.post("/entities", sensor(level=1))
    assert again.status == 207
    assert again.headers["location"].endswith(PATH)
    assert again.json["success"] == ["urn:ngsi-ld:Sensor:1"]
    (error,) = again.json["errors"]
    assert error["registrationId"] == "urn:ngsi-ld:ContextSourceRegistration:1"
    assert error["error"]["status"] == 409


async def test_5_6_17_a_merge_is_divided_by_attributes(broker, other):
    await broker.register(other.endpoint, mode="exclusive", information=LEVEL)
    await broker.post("/entities", sensor(level=1, power=2))
    assert (await broker.patch(PATH, {"level": {"value": 5}, "power": {"value": 6}})).status == 204
    assert (await other.get(PATH)).json["level"]["value"] == 5
    assert (await broker.get(PATH + "?local=true&options=keyValues")).json["power"] == 6


async def test_5_6_2_attributes_that_a_source_did_not_take_are_listed(broker, make_source):
    source = await make_source(status=500)
    await broker.register(source.endpoint, mode="redirect", information=[{"propertyNames": ["level"]}])
    await broker.post("/entities?local=true", sensor(power=2))
    answer = await broker.patch(
        PATH + "/attrs", {"level": {"type": "Property", "value": 1}, "power": {"type": "Property", "value": 3}}
    )
    assert answer.status == 207
    (failed,) = answer.json["notUpdated"]
    assert failed["attributeName"].endswith("/level")
    assert failed["registrationId"] == "urn:ngsi-ld:ContextSourceRegistration:1"
    assert [name.rsplit("/", 1)[-1] for name in answer.json["updated"]] == ["power"]


async def test_5_6_4_5_6_19_5_6_5_one_attribute_goes_where_it_is(broker, other):
    await broker.register(other.endpoint, mode="exclusive", information=LEVEL)
    await broker.post("/entities", sensor(level=1, power=2))
    assert (await broker.patch(PATH + "/attrs/level", {"value": 7})).status == 204
    assert (await other.get(PATH)).json["level"]["value"] == 7
    assert (await broker.put(PATH + "/attrs/level", {"type": "Property", "value": 8})).status == 204
    assert (await other.get(PATH)).json["level"]["value"] == 8
    assert (await broker.delete(PATH + "/attrs/level")).status == 204
    assert "level" not in (await other.get(PATH)).json
    assert "power" in (await broker.get(PATH)).json


@pytest.mark.parametrize(("members", "status"), [({"status": 403}, 502), ({"delay": 5.0}, 504), ({"status": 404}, 404)])
async def test_6_3_17_the_one_source_that_holds_the_data_decides_the_status(broker, make_source, members, status):
    source = await make_source(**members)
    await broker.register(source.endpoint, mode="redirect", management={"timeout": 200})
    assert (await broker.patch(PATH, sensor(level=1))).status == status
    assert (await broker.get(PATH + "?local=true")).status == 404


async def test_6_3_17_a_loop_is_detected_where_only_the_source_holds_the_data(broker, source):
    await broker.register(source.endpoint, mode="redirect")
    assert (await broker.patch(PATH, sensor(level=1), via="1.1 here")).status == 508
    assert not source.asked


async def test_5_6_a_source_that_does_not_offer_the_operation_is_a_conflict(broker, source):
    await broker.register(source.endpoint, mode="redirect", operations=["retrieveOps"])
    assert (await broker.post("/entities", sensor(level=1))).status == 409
    assert not source.asked
    await broker.delete("/csourceRegistrations/urn:ngsi-ld:ContextSourceRegistration:1")
    await broker.register(source.endpoint, operations=["retrieveOps"])
    assert (await broker.post("/entities", sensor(level=1))).status == 201
    assert not source.asked


async def test_4_3_6_1_a_change_of_an_unknown_entity_is_limited_to_the_registered_types(broker, make_source):
    source = await make_source(status=204)
    await broker.register(source.endpoint)
    assert (await broker.delete(PATH)).status == 204
    assert [path for _, path, _, _ in source.asked] == ["/ngsi-ld/v1/entities/urn:ngsi-ld:Sensor:1?type=Sensor"]


async def test_4_3_6_6_a_source_is_spoken_to_in_its_own_context(broker, source):
    link = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.8.jsonld"
    source.status = 201
    await broker.register(source.endpoint, contextSourceInfo=[{"key": "jsonldContext", "value": link}])
    body = sensor(level=1) | {"@context": [{"level": "https://example.org/level"}]}
    assert (await broker.post("/entities", body, content_type="application/ld+json")).status == 201
    ((_, _, headers, sent),) = source.asked
    assert headers["Content-Type"] == "application/json"
    assert link in headers["Link"]
    assert "@context" not in sent
    assert sent["https://example.org/level"]["value"] == 1


async def test_4_3_6_5_an_inline_context_travels_in_the_body(broker, source):
    source.status = 201
    await broker.register(source.endpoint)
    body = sensor(level=1) | {"@context": [{"level": "https://example.org/level"}]}
    await broker.post("/entities", body, content_type="application/ld+json")
    ((_, _, headers, sent),) = source.asked
    assert headers["Content-Type"] == "application/ld+json"
    assert sent["@context"] in ({"level": "https://example.org/level"}, [{"level": "https://example.org/level"}])
    assert "Link" not in headers


@pytest.mark.parametrize(
    "asking", [("POST", "/entities"), ("POST", "/entityOperations/create"), ("PATCH", PATH + "/attrs")]
)
async def test_4_3_6_6_a_source_that_takes_plain_json_gets_no_context_inside(broker, source, asking):
    source.status = 201
    await broker.register(
        source.endpoint,
        operations=["createEntity", "createBatch", "updateEntity"],
        contextSourceInfo=[{"key": "contentType", "value": "application/json"}],
    )
    method, path = asking
    body = sensor(level=1) | {"@context": [{"level": "https://example.org/level"}]}
    if method == "PATCH":
        body = {name: body[name] for name in ("level", "@context")}
        await broker.patch(path, body, content_type="application/ld+json")
    else:
        await broker.post(path, [body] if "Operations" in path else body, content_type="application/ld+json")
    ((_, _, headers, sent),) = source.asked
    assert headers["Content-Type"] == "application/json"
    assert "core-context" in headers["Link"]
    (told,) = sent if isinstance(sent, list) else [sent]
    assert "@context" not in told
    assert told["https://example.org/level"]["value"] == 1


async def test_5_6_7_to_5_6_10_batches_reach_sources_in_one_request(broker, other):
    await broker.register(
        other.endpoint,
        mode="redirect",
        operations=["createBatch", "upsertBatch", "updateBatch", "mergeBatch", "deleteBatch", "retrieveOps"],
    )
    lamp = {"id": "urn:ngsi-ld:Lamp:1", "type": "Lamp"}
    created = await broker.post("/entityOperations/create", [sensor(1, level=1), sensor(2, level=2), lamp])
    assert (created.status, sorted(created.json)) == (201, [lamp["id"], "urn:ngsi-ld:Sensor:1", "urn:ngsi-ld:Sensor:2"])
    assert len((await other.get("/entities?type=Sensor")).json) == 2
    assert (await broker.get("/entities?type=Sensor&local=true")).json == []
    assert (await broker.post("/entityOperations/upsert", [sensor(1, level=5)])).status == 204
    assert (await broker.post("/entityOperations/merge", [sensor(2, level=6)])).status == 204
    assert (await broker.post("/entityOperations/update", [sensor(2, power=7)])).status == 204
    assert (await other.get("/entities/urn:ngsi-ld:Sensor:2?options=keyValues")).json["power"] == 7
    failed = await broker.post("/entityOperations/create", [sensor(1, level=1), sensor(3, level=3)])
    assert failed.status == 207
    assert failed.json["success"] == ["urn:ngsi-ld:Sensor:3"]
    assert failed.json["errors"][0]["registrationId"] == "urn:ngsi-ld:ContextSourceRegistration:1"
    ids = [f"urn:ngsi-ld:Sensor:{number}" for number in (1, 2, 3)] + [lamp["id"]]
    assert (await broker.post("/entityOperations/delete", ids)).status == 204
    assert (await other.get("/entities?type=Sensor")).json == []
    assert (await broker.get("/entities?type=Lamp")).json == []


async def test_5_6_8_without_batches_entities_are_created_or_replaced_one_by_one(broker, other):
    await broker.register(other.endpoint, mode="redirect")
    assert (await broker.post("/entityOperations/upsert", [sensor(1, level=1)])).status in (201, 204)
    assert (await broker.post("/entityOperations/upsert", [sensor(1, power=2)])).status in (201, 204)
    assert (await other.get(PATH)).json.keys() == {"id", "type", "power"}


async def test_5_6_21_a_purge_deletes_nothing_that_is_not_registered(broker, other, make_source):
    await other.post("/entities", sensor(1, level=1, power=2))
    await other.post("/entities", sensor(2, level=1))
    await broker.register(other.endpoint, mode="exclusive", information=LEVEL)
    assert (await broker.delete("/entities?type=Sensor")).status == 204
    assert (await other.get(PATH)).json.keys() == {"id", "type", "power"}
    assert (await other.get("/entities/urn:ngsi-ld:Sensor:2")).status == 200
    await broker.delete("/csourceRegistrations/urn:ngsi-ld:ContextSourceRegistration:1")
    source = await make_source(status=204)
    await broker.register(source.endpoint, information=[{"entities": [{"type": "Sensor"}], "propertyNames": ["level"]}])
    assert (await broker.delete("/entities?type=Sensor&q=level%3E0;power%3E1")).status == 204
    assert not source.asked


async def test_5_6_21_a_source_of_some_instances_of_attributes_is_not_asked_to_purge_all(broker, make_source):
    source = await make_source(status=204)
    await broker.register(source.endpoint, datasetId=["urn:d:1"])
    assert (await broker.delete("/entities?type=Sensor")).status == 204
    assert not source.asked
    await broker.delete("/csourceRegistrations/urn:ngsi-ld:ContextSourceRegistration:1")
    await broker.register(source.endpoint, datasetId=["urn:d:1"], mode="redirect")
    refused = await broker.delete("/entities?type=Sensor")
    assert (refused.status, refused.json["errors"][0]["error"]["status"]) == (207, 409)
    assert not source.asked


async def test_4_3_6_6_a_source_of_an_earlier_version_gets_what_it_knows(broker, source):
    source.status = 201
    await broker.register(source.endpoint, contextSourceInfo=[{"key": "ngsildConformance", "value": "1.3"}])
    body = sensor(level=1) | {
        "name": {"type": "LanguageProperty", "languageMap": {"fr": "Capteur"}},
        "scope": "/Aumetz",
    }
    await broker.post("/entities", body)
    ((_, _, _, sent),) = source.asked
    assert sent["name"] == {"type": "Property", "value": {"fr": "Capteur"}}
    assert "scope" not in sent
    assert sent["level"] == {"type": "Property", "value": 1}
