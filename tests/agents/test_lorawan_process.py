"""LoRaWAN through the whole agent process: network servers over HTTP and MQTT, an imported codec, a downlink."""

import asyncio
import base64
import json
from pathlib import Path

import aiohttp
import aiomqtt
import pytest

from agents.codecs.cli import main
from tests.agents.conftest import Mosquitto, eventually
from tests.agents.field import BIN, BIN_FRAME, FakeBroker, registration
from tests.agents.test_process import AgentProcess, publish

SENSOR = "0004a30b001c0530"
CODEC = "function decodeUplink(i) { return { data: { 'water temp': i.bytes[0] / 10, id: 7 } }; }"


@pytest.fixture
async def agent(broker: FakeBroker, mosquitto: Mosquitto, tmp_path: Path):
    process = AgentProcess(broker, mosquitto, tmp_path / "agent.log")
    yield process
    if process.process is not None and process.process.poll() is None:
        process.stop()


async def post(agent: AgentProcess, path: str, message: object) -> int:
    async with aiohttp.ClientSession() as http, http.post(agent.url + path, json=message) as response:
        return response.status


def tts(payload: bytes, counter: int = 1) -> dict:
    return {
        "end_device_ids": {
            "device_id": "pool",
            "application_ids": {"application_id": "app"},
            "dev_eui": SENSOR.upper(),
        },
        "received_at": "2026-11-23T10:00:00.5Z",
        "uplink_message": {
            "session_key_id": "s",
            "f_cnt": counter,
            "f_port": 1,
            "frm_payload": base64.b64encode(payload).decode(),
        },
    }


def catalogue(tmp_path: Path) -> None:
    maker = tmp_path / "checkout/vendor/pool-maker"
    maker.mkdir(parents=True)
    (maker / "../index.yaml").write_text("vendors: [{id: pool-maker, name: Pool}]")
    (maker / "index.yaml").write_text("endDevices: [p1]")
    (maker / "p1.yaml").write_text("name: P1\nfirmwareVersions: [{version: '1', profiles: {EU863-870: {codec: c}}}]")
    (maker / "c.yaml").write_text("uplinkDecoder: {fileName: c.js}")
    (maker / "c.js").write_text(CODEC)
    assert main(["import", str(tmp_path / "checkout"), "--out", str(tmp_path / "data/codecs")]) == 0


async def test_onboarding_is_choosing_maker_and_model(agent: AgentProcess, broker: FakeBroker, tmp_path: Path) -> None:
    catalogue(tmp_path)
    agent.start()
    await agent.healthy()
    await agent.register({"id": SENSOR, "model": "pool-maker/p1"})
    assert await post(agent, "/lorawan/tts/up", tts(b"\xd7")) == 204
    await eventually(lambda: bool(broker.entities))
    entity = next(each for each in broker.entities if each["id"] == f"urn:ngsi-ld:DeviceMeasurement:{SENSOR}")
    assert entity["water_temp"] == {"type": "Property", "value": 21.5, "observedAt": "2026-11-23T10:00:00.500Z"}
    assert entity["measure_id"]["value"] == 7


async def test_agents_that_run_take_a_catalogue_that_is_imported_and_one_that_replaces_it(
    agent: AgentProcess, broker: FakeBroker, tmp_path: Path
) -> None:
    agent.start()
    await agent.healthy()
    catalogue(tmp_path)
    await eventually(lambda: agent._log.read_text().count("catalogue_read") == 1)
    await agent.register({"id": SENSOR, "model": "pool-maker/p1"})
    assert await post(agent, "/lorawan/tts", tts(b"\xd7")) == 204
    await eventually(lambda: any("water_temp" in each for each in broker.entities))
    (tmp_path / "checkout/vendor/pool-maker/c.js").write_text(CODEC.replace("/ 10", "/ 100"))
    assert main(["import", str(tmp_path / "checkout"), "--out", str(tmp_path / "data/codecs")]) == 0
    await eventually(lambda: agent._log.read_text().count("catalogue_read") == 2)
    assert await post(agent, "/lorawan/tts", tts(b"\xd7", counter=2)) == 204
    await eventually(lambda: sum("water_temp" in each for each in broker.entities) == 2)
    assert [each["water_temp"]["value"] for each in broker.entities if "water_temp" in each] == [21.5, 2.15]


async def test_the_same_uplink_over_two_ways_counts_once(
    agent: AgentProcess, broker: FakeBroker, mosquitto: Mosquitto
) -> None:
    agent.start()
    await agent.healthy()
    await agent.register({"id": SENSOR, "model": "generic/cayenne-lpp"})
    await publish(mosquitto, "v3/app@tenant/devices/pool/up", json.dumps(tts(bytes.fromhex("03670110"))).encode())
    await eventually(lambda: any("temperature_3" in each for each in broker.entities))
    assert await post(agent, "/lorawan/tts", tts(bytes.fromhex("03670110"))) == 204
    assert await post(agent, "/lorawan/tts", tts(bytes.fromhex("036700ff"), counter=2)) == 204
    await eventually(lambda: sum("temperature_3" in each for each in broker.entities) == 2)
    values = [each["temperature_3"]["value"] for each in broker.entities if "temperature_3" in each]
    assert values == [27.2, 25.5]


async def test_a_network_server_with_an_mqtt_server_of_its_own(
    agent: AgentProcess, broker: FakeBroker, mosquitto: Mosquitto, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    other = Mosquitto(tmp_path / "other")
    other.start()
    try:
        agent._command += ["--lorawan-mqtt-url", other.url, "--mqtt-topics", "/+/+/attrs"]
        agent.start()
        await agent.healthy()
        await agent.register({"id": SENSOR, "model": "generic/cayenne-lpp"})
        topic = "v3/app@tenant/devices/pool/up"
        await publish(mosquitto, topic, json.dumps(tts(bytes.fromhex("03670001"))).encode())
        await publish(other, topic, json.dumps(tts(bytes.fromhex("03670110"), counter=2)).encode())
        await eventually(lambda: any("temperature_3" in each for each in broker.entities))
    finally:
        other.stop()
    assert [each["temperature_3"]["value"] for each in broker.entities if "temperature_3" in each] == [27.2]


async def test_actility_and_chirpstack_push_to_addresses_of_their_own(agent: AgentProcess, broker: FakeBroker) -> None:
    agent.start()
    await agent.healthy()
    await agent.register(registration())
    report = {"DevEUI": BIN.upper(), "Time": "2026-11-23T11:00:00+01:00", "FPort": "85", "FCntUp": "4"}
    message = {"DevEUI_uplink": {**report, "payload_hex": BIN_FRAME.hex()}}
    assert await post(agent, f"/lorawan/actility?LrnDevEui={BIN.upper()}", message) == 204
    await eventually(lambda: any("fillingLevel" in each for each in broker.entities))
    event = {"deviceInfo": {"devEui": BIN}, "fCnt": 5, "fPort": 85, "data": base64.b64encode(BIN_FRAME).decode()}
    assert await post(agent, "/lorawan/chirpstack?event=up", event) == 204
    await eventually(lambda: sum("fillingLevel" in each for each in broker.entities) == 2)
    assert await post(agent, "/lorawan/chirpstack?event=join", {"deviceInfo": {"devEui": BIN}}) == 204
    assert await post(agent, "/lorawan/nowhere", {}) == 404
    assert await post(agent, "/lorawan/actility", {"temperature": 3}) == 204
    await asyncio.sleep(0.3)
    _, rejected = await agent.get("/rejected")
    assert [each["reason"] for each in json.loads(rejected)] == ["malformed"]
    assert "metadata" in rejected


async def test_a_radiator_valve_is_set_through_its_network_server(
    agent: AgentProcess, broker: FakeBroker, mosquitto: Mosquitto
) -> None:
    agent.start()
    await agent.healthy()
    headers = {"fiware-service": "openiot", "fiware-servicepath": "/"}
    device = {
        "device_id": "valve1",
        "entity_name": "urn:ngsi-ld:Room:1",
        "entity_type": "Room",
        "transport": "MQTT",
        "commands": [{"name": "targetTemperature", "type": "command"}],
        "internal_attributes": {"lorawan": {"dev_eui": "70B3D52DD3000001", "data_model": "mclimate/vicki"}},
    }
    async with aiohttp.ClientSession(headers=headers) as http:
        async with http.post(agent.url + "/iot/devices", json={"devices": [device]}) as answer:
            assert answer.status == 201, await answer.text()
        up = {"deviceInfo": {"devEui": "70b3d52dd3000001"}, "fPort": 1, "data": "AR1aePosAfCA"}
        topic = "application/app-1/device/70b3d52dd3000001/event/up"
        async with aiomqtt.Client("127.0.0.1", mosquitto.port) as client:
            await client.subscribe("application/+/device/+/command/down")
            await client.publish(topic, json.dumps(up).encode(), qos=1)
            await eventually(lambda: any("sensorTemperature" in each for each in broker.entities))
            command = agent.url + "/ngsi-ld/v1/entities/urn:ngsi-ld:Room:1/attrs/targetTemperature"
            async with http.patch(command, json={"value": 21}, headers={"NGSILD-Tenant": "openiot"}) as answer:
                assert answer.status < 300, await answer.text()
            message = await anext(client.messages)
            downlink = json.loads(message.payload)
            acknowledged = {"deviceInfo": up["deviceInfo"], "queueItemId": downlink["id"], "acknowledged": True}
            await client.publish(topic.replace("/up", "/ack"), json.dumps(acknowledged).encode(), qos=1)
            await eventually(
                lambda: any(each.get("targetTemperature_status", {}).get("value") == "OK" for each in broker.entities)
            )
    assert str(message.topic) == "application/app-1/device/70b3d52dd3000001/command/down"
    assert downlink["fPort"] == 1
    assert downlink["data"] == base64.b64encode(bytes([0x0E, 21])).decode()
