"""The provisioning API of FIWARE's agents: statuses, errors, and what it makes the agents know."""

from typing import Any

import pytest
from fastapi import FastAPI

from agents.core.model import Uplink
from agents.http.iot_provisioning import add_provisioning
from agents.operations.provisioning import Provisioning
from agents.operations.waiting_devices import WAITING_KEPT
from tests.agents.calls import Calls

HEADERS = {"fiware-service": "OpenIoT", "fiware-servicepath": "/"}
GROUP = {"resource": "/iot/json", "apikey": "key", "entity_type": "Room"}


def uplink(device_id: str, key: str = "key", network: str = "json") -> Uplink:
    return Uplink(network, device_id, decoded={"t": 1}, api_key=key)


@pytest.fixture
def provisioning() -> Provisioning:
    return Provisioning()


@pytest.fixture
def iot(provisioning: Provisioning) -> Calls:
    app = FastAPI()
    add_provisioning(app, provisioning)
    return Calls(app, HEADERS)


@pytest.mark.parametrize(("path", "plural"), [("/iot/groups", "groups"), ("/iot/services", "services")])
async def test_groups_are_created_read_changed_and_removed(iot: Calls, path: str, plural: str) -> None:
    assert await iot.post(path, {plural: [GROUP]}) == (201, {})
    status, found = await iot.get(path)
    assert status == 200
    assert found["count"] == 1
    assert {"service": "openiot", "subservice": "/", **GROUP}.items() <= found[plural][0].items()
    assert await iot.put(f"{path}?resource=/iot/json&apikey=key", {"entity_type": "Hall"}) == (204, None)
    assert (await iot.get(f"{path}?resource=/iot/json&apikey=key"))[1][plural][0]["entity_type"] == "Hall"
    assert (await iot.get(f"{path}?resource=/iot/d&apikey=key"))[1]["count"] == 0
    assert await iot.delete(f"{path}?resource=/iot/json&apikey=key") == (204, None)
    assert (await iot.get(path))[1] == {"count": 0, plural: []}


async def test_groups_are_seen_by_their_own_service_and_path_alone(iot: Calls) -> None:
    await iot.post("/iot/groups", {"groups": [GROUP]})
    for headers, count in (
        ({"fiware-service": "other", "fiware-servicepath": "/"}, 0),
        ({"fiware-service": "openiot", "fiware-servicepath": "/a"}, 0),
        ({"fiware-service": "openiot", "fiware-servicepath": "/*"}, 1),
    ):
        assert (await iot.get("/iot/groups", headers=headers))[1]["count"] == count
    refused = await iot.delete(
        "/iot/groups?resource=/iot/json&apikey=key", headers={**HEADERS, "fiware-service": "other"}
    )
    assert refused[0] == 404
    assert refused[1]["name"] == "DEVICE_GROUP_NOT_FOUND"
    assert (await iot.get("/iot/groups"))[1]["count"] == 1


async def test_a_group_with_the_same_resource_and_key_is_a_duplicate_everywhere(iot: Calls) -> None:
    await iot.post("/iot/groups", {"groups": [GROUP]})
    for headers in (HEADERS, {"fiware-service": "other", "fiware-servicepath": "/"}):
        status, problem = await iot.post("/iot/groups", {"groups": [GROUP]}, headers=headers)
        assert (status, problem["name"]) == (409, "DUPLICATE_GROUP")
    assert await iot.post("/iot/groups", {"groups": [{**GROUP, "resource": "/iot/d"}]}) == (201, {})


@pytest.mark.parametrize("missing", ["fiware-service", "fiware-servicepath"])
async def test_requests_without_their_headers_are_refused(iot: Calls, missing: str) -> None:
    headers = {name: value for name, value in HEADERS.items() if name != missing}
    for call in (iot.get("/iot/groups", headers=headers), iot.post("/iot/devices", {"devices": []}, headers=headers)):
        status, problem = await call
        assert (status, problem["name"]) == (400, "MISSING_HEADERS")
        assert missing in problem["message"]


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        ("/iot/groups", {"groups": [{"resource": "/iot/json", "apikey": "k"}]}),
        ("/iot/groups", {"groups": [{**GROUP, "entity_type": "a(b"}]}),
        ("/iot/groups", {"groups": {}}),
        ("/iot/groups", []),
        ("/iot/groups", {"groups": [{**GROUP, "commands": [{"type": "command"}]}]}),
        ("/iot/groups", {"groups": [{**GROUP, "attributes": [{"name": "a", "expression": "1+"}]}]}),
        ("/iot/devices", {"devices": [{"entity_name": "a"}]}),
        ("/iot/devices", {"devices": [{"device_id": "a/b"}]}),
        ("/iot/devices", {"devices": [{"device_id": "a", "attributes": "t"}]}),
        ("/iot/devices", {"devices": [{"device_id": "a", "timezone": "Moon"}]}),
        ("/iot/devices", {"devices": [{"device_id": "a", "timestamp": "yes"}]}),
        ("/iot/devices", {"devices": [1]}),
        (
            "/iot/devices",
            {"devices": [{"device_id": "a", "static_attributes": [{"name": "b", "value": 1, "link": {}}]}]},
        ),
        ("/iot/op/delete", {"devices": [{}]}),
    ],
)
async def test_documents_of_another_form_are_wrong_syntax_and_leave_nothing(iot: Calls, path: str, wrong: Any) -> None:
    status, problem = await iot.post(path, wrong)
    assert (status, problem["name"]) == (400, "WRONG_SYNTAX")
    assert (await iot.get("/iot/groups"))[1]["count"] == 0
    assert (await iot.get("/iot/devices"))[1]["count"] == 0


async def test_devices_are_created_read_changed_and_removed(iot: Calls) -> None:
    await iot.post("/iot/groups", {"groups": [GROUP]})
    device = {"device_id": "d1", "attributes": [{"object_id": "t", "name": "temperature", "type": "Number"}]}
    assert await iot.post("/iot/devices", {"devices": [device, {"device_id": "d2", "transport": "HTTP"}]}) == (201, {})
    status, found = await iot.get("/iot/devices/d1")
    assert status == 200
    assert found["entity_name"] == "urn:ngsi-ld:Room:d1"
    assert found["entity_type"] == "Room"
    assert (found["service"], found["service_path"]) == ("openiot", "/")
    assert found["attributes"] == device["attributes"]
    assert found["polling"] is False
    assert (await iot.get("/iot/devices?limit=1&offset=1"))[1]["devices"][0]["polling"] is True
    assert await iot.put("/iot/devices/d1", {"entity_name": "urn:ngsi-ld:Room:9"}) == (204, None)
    assert (await iot.get("/iot/devices/d1"))[1]["entity_name"] == "urn:ngsi-ld:Room:9"
    assert await iot.delete("/iot/devices/d1") == (204, None)
    assert (await iot.get("/iot/devices/d1"))[0] == 404
    assert (await iot.delete("/iot/devices/d1"))[1]["name"] == "DEVICE_NOT_FOUND"
    assert (await iot.get("/iot/devices"))[1]["count"] == 1


async def test_a_device_known_already_is_a_duplicate_and_the_others_of_the_request_are_not_taken(iot: Calls) -> None:
    await iot.post("/iot/devices", {"devices": [{"device_id": "d1", "apikey": "key"}]})
    status, problem = await iot.post(
        "/iot/devices", {"devices": [{"device_id": "new"}, {"device_id": "d1", "apikey": "key"}]}
    )
    assert (status, problem["name"]) == (409, "DUPLICATE_DEVICE_ID")
    assert (await iot.get("/iot/devices/new"))[0] == 404
    assert await iot.post("/iot/devices", {"devices": [{"device_id": "d1", "apikey": "other"}]}) == (201, {})
    assert (await iot.get("/iot/devices/d1?apikey=other"))[1]["apikey"] == "other"
    assert (await iot.get("/iot/devices"))[1]["count"] == 2


async def test_several_devices_are_removed_at_once_or_none(iot: Calls) -> None:
    await iot.post("/iot/devices", {"devices": [{"device_id": "a", "apikey": "k"}, {"device_id": "b", "apikey": "k"}]})
    status, _ = await iot.post("/iot/op/delete", {"devices": [{"deviceId": "a", "apikey": "k"}, {"deviceId": "c"}]})
    assert status == 404
    assert (await iot.get("/iot/devices"))[1]["count"] == 2
    wanted = [{"deviceId": "a", "apikey": "k"}, {"deviceId": "b", "apikey": "k"}]
    assert await iot.post("/iot/op/delete", {"devices": wanted}) == (204, None)
    assert (await iot.get("/iot/devices"))[1]["count"] == 0


async def test_senders_are_known_by_key_and_identifier_together(iot: Calls, provisioning: Provisioning) -> None:
    await iot.post("/iot/devices", {"devices": [{"device_id": "d1", "apikey": "key", "entity_type": "Room"}]})
    found = provisioning.find(uplink("d1"))
    assert found is not None
    assert found.tenant == "openiot"
    assert provisioning.find(uplink("d1", "wrong")) is None
    assert provisioning.find(uplink("d2")) is None


async def test_devices_of_a_group_come_by_themselves_where_it_lets_them(iot: Calls, provisioning: Provisioning) -> None:
    await iot.post("/iot/groups", {"groups": [GROUP, {**GROUP, "resource": "/iot/d", "entity_type": "Yard"}]})
    found = provisioning.find(uplink("new"))
    assert found is not None
    assert found.entity_id == "urn:ngsi-ld:Room:new"
    assert provisioning.find(uplink("new")) is found
    other = provisioning.find(uplink("ul", network="ultralight"))
    assert other is not None
    assert other.entity_type == "Yard"
    assert (await iot.get("/iot/devices/new"))[1]["protocol"] == "IoTA-JSON"


async def test_without_autoprovisioning_devices_wait_to_be_accepted(iot: Calls, provisioning: Provisioning) -> None:
    await iot.post("/iot/groups", {"groups": [{**GROUP, "autoprovision": False}]})
    assert provisioning.find(uplink("new")) is None
    assert provisioning.find(uplink("new")) is None
    waiting = (await iot.get("/iot/waiting"))[1]
    assert [(each["device_id"], each["messages"]) for each in waiting["devices"]] == [("new", 2)]
    assert (await iot.post("/iot/waiting/accept", {"devices": [{"deviceId": "never"}]}))[0] == 404
    assert await iot.post("/iot/waiting/accept", {"devices": [{"deviceId": "new"}]}) == (201, {})
    assert provisioning.find(uplink("new")) is not None
    assert (await iot.get("/iot/waiting"))[1]["count"] == 0


async def test_the_list_of_waiting_devices_is_bounded(iot: Calls, provisioning: Provisioning) -> None:
    await iot.post("/iot/groups", {"groups": [{**GROUP, "autoprovision": False}]})
    for number in range(WAITING_KEPT + 10):
        provisioning.find(uplink(f"d{number}"))
    assert (await iot.get("/iot/waiting"))[1]["count"] == WAITING_KEPT


async def test_a_change_of_a_group_reaches_its_devices_at_once(iot: Calls, provisioning: Provisioning) -> None:
    await iot.post("/iot/devices", {"devices": [{"device_id": "d1"}]})
    assert provisioning.find(uplink("d1")) is None
    await iot.post("/iot/groups", {"groups": [GROUP]})
    found = provisioning.find(uplink("d1"))
    assert found is not None
    assert found.entity_type == "Room"
    await iot.put("/iot/groups?resource=/iot/json&apikey=key", {"commands": [{"name": "switch", "type": "command"}]})
    changed = provisioning.find(uplink("d1"))
    assert changed is not None
    assert set(changed.provisioned.commands) == {"switch"}
    await iot.delete("/iot/groups?resource=/iot/json&apikey=key&device=true")
    assert provisioning.find(uplink("d1")) is None


async def test_devices_of_fiwares_lorawan_agent_are_found_by_their_eui(iot: Calls, provisioning: Provisioning) -> None:
    lorawan = {"dev_eui": "3339343752356A14", "application_id": "ari_ioe_app", "data_model": "application_server"}
    device = {"device_id": "d1", "entity_type": "LoraDevice", "internal_attributes": {"lorawan": lorawan}}
    await iot.post("/iot/devices", {"devices": [device]})
    found = provisioning.find(Uplink("chirpstack", "3339343752356a14", decoded={"t": 1}))
    assert found is not None
    assert found.entity_id == "urn:ngsi-ld:LoraDevice:d1"
    assert provisioning.find(Uplink("chirpstack", "3339343752356a15")) is None


async def test_the_last_measure_is_shown_where_that_was_asked_for_until_it_is_cleared(
    iot: Calls, provisioning: Provisioning
) -> None:
    devices = [{"device_id": "d1", "storeLastMeasure": True}, {"device_id": "d2"}]
    await iot.post("/iot/devices", {"devices": devices})
    for found in provisioning.all():
        provisioning.last_measures.heard(found, {"t": 1}, 1_795_435_200_000_000)
    shown = (await iot.get("/iot/devices/d1"))[1]
    assert shown["lastMeasure"] == {"timestamp": "2026-11-23T12:00:00Z", "measure": [{"t": 1}]}
    assert "lastMeasure" not in (await iot.get("/iot/devices/d2"))[1]
    assert await iot.put("/iot/devices/d1", {"lastMeasure": {}}) == (204, None)
    assert "lastMeasure" not in (await iot.get("/iot/devices/d1"))[1]


async def test_every_member_of_fiwares_documents_is_taken_and_read_back(iot: Calls) -> None:
    common = {
        "timestamp": True, "explicitAttrs": "['t']", "ngsiVersion": "ld", "payloadType": "iotagent",
        "transport": "MQTT", "endpoint": "http://device.example/", "storeLastMeasure": True, "useCBflowControl": True,
        "cmdMode": "notification", "internal_attributes": {"customField": [{"x": 1}]}, "expressionLanguage": "jexl",
        "lazy": [{"object_id": "l", "name": "luminosity", "type": "percentage"}],
        "commands": [{"object_id": "w", "name": "wakeup", "type": "command", "expression": "{a: value}",
                      "payloadType": "json", "contentType": "application/json", "headers": {"x": "1"},
                      "mqtt": {"qos": 2, "retain": True}}],
        "attributes": [{"object_id": "t", "name": "temperature", "type": "Float", "expression": "t * 10",
                        "skipValue": "null", "entity_name": "urn:ngsi-ld:Room:2", "entity_type": "Room",
                        "metadata": {"unitCode": {"type": "Text", "value": "CEL"}}}],
        "static_attributes": [{"name": "serial", "type": "Text", "value": "02598347"}],
    }  # fmt: skip
    group = {
        **GROUP, **common, "trust": "8970A9078A803H3BL98PINEQRW8342HBAMS", "cbHost": "http://broker.example:1026",
        "entityNameExp": "type + ':' + id", "defaultEntityNameConjunction": "_", "autoprovision": True,
    }  # fmt: skip
    device = {
        **common, "device_id": "d1", "apikey": "own", "entity_name": "urn:ngsi-ld:Room:1", "entity_type": "Room",
        "timezone": "Europe/Madrid", "protocol": "PDI-IoTA-JSON",
    }  # fmt: skip
    assert await iot.post("/iot/groups", {"groups": [group]}) == (201, {})
    assert await iot.post("/iot/devices", {"devices": [device]}) == (201, {})
    assert group.items() <= (await iot.get("/iot/groups"))[1]["groups"][0].items()
    assert device.items() <= (await iot.get("/iot/devices/d1"))[1].items()


async def test_a_device_changes_its_transport_and_endpoint(iot: Calls, provisioning: Provisioning) -> None:
    await iot.post("/iot/devices", {"devices": [{"device_id": "d1", "transport": "MQTT"}]})
    assert (await iot.get("/iot/devices/d1"))[1]["polling"] is False
    await iot.put("/iot/devices/d1", {"transport": "HTTP"})
    assert (await iot.get("/iot/devices/d1"))[1]["polling"] is True
    await iot.put("/iot/devices/d1", {"endpoint": "http://device.example/"})
    assert (await iot.get("/iot/devices/d1"))[1]["polling"] is False
    assert provisioning.all()[0].provisioned.endpoint == "http://device.example/"


async def test_a_device_that_takes_the_key_of_another_of_its_name_is_a_duplicate(iot: Calls) -> None:
    two = [{"device_id": "d1", "apikey": "a"}, {"device_id": "d1", "apikey": "b"}]
    assert await iot.post("/iot/devices", {"devices": two}) == (201, {})
    elsewhere = {"fiware-service": "other", "fiware-servicepath": "/"}
    assert await iot.post("/iot/devices", {"devices": [{"device_id": "d1"}]}, headers=elsewhere) == (201, {})
    status, problem = await iot.put("/iot/devices/d1", {"apikey": "a"}, headers=elsewhere)
    assert (status, problem["name"]) == (409, "DUPLICATE_DEVICE_ID")
    assert "apikey" not in (await iot.get("/iot/devices/d1", headers=elsewhere))[1]
