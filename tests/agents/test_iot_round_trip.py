"""From an NGSI-LD client to the device and back: real broker, MongoDB, MQTT broker and agents, as processes."""

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import aiomqtt
import pytest

from tests.agents.conftest import Mosquitto
from tests.agents.test_process import AgentProcess

# What administers is asked for it, and what the broker calls shows what was derived from it.
TOKEN = "a-secret-of-some-length"
IOT = {"Authorization": f"Bearer {TOKEN}", "fiware-service": "roundtrip", "fiware-servicepath": "/"}
TENANT = {"NGSILD-Tenant": "roundtrip"}
LAMP = "urn:ngsi-ld:Lamp:{}"


@dataclass
class Place:
    broker: str
    agents: str
    mqtt_port: int
    http: aiohttp.ClientSession

    async def call(self, method: str, url: str, content: Any = None, headers: Any = None) -> tuple[int, Any]:
        async with self.http.request(method, url, json=content, headers=headers) as response:
            text = await response.text()
            return response.status, json.loads(text) if text and response.content_type.endswith("json") else text

    async def provision(self, path: str, content: Any) -> None:
        status, problem = await self.call("POST", f"{self.agents}/iot/{path}", content, IOT)
        assert status == 201, problem

    async def command(self, device: str, value: Any) -> None:
        url = f"{self.broker}/ngsi-ld/v1/entities/{LAMP.format(device)}/attrs"
        assert (await self.call("PATCH", url, {"switch": {"type": "Property", "value": value}}, TENANT))[0] == 204

    async def registrations(self, count: int) -> list[Any]:
        """The sources of lamps, as soon as there are so many; else those there are after some seconds."""
        registered: list[Any] = []
        for _ in range(200):
            url = f"{self.broker}/ngsi-ld/v1/csourceRegistrations?type=Lamp"
            _, registered = await self.call("GET", url, headers=TENANT)
            if len(registered) == count:
                break
            await asyncio.sleep(0.05)
        return registered

    async def until(self, device: str, **wanted: Any) -> dict[str, Any]:
        # What stands in the broker: lazy attributes are not asked for.
        url = f"{self.broker}/ngsi-ld/v1/entities/{LAMP.format(device)}?local=true&format=simplified"
        found: Any = None
        for _ in range(300):
            _, found = await self.call("GET", url, headers=TENANT)
            if isinstance(found, dict) and wanted.items() <= found.items():
                return found
            await asyncio.sleep(0.05)
        pytest.fail(f"{device} never had {wanted}, but {found}")


@pytest.fixture
async def place(
    mongo_url: str, mosquitto: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Place]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with (tmp_path / "broker.log").open("wb") as log:
        command = [sys.executable, "-m", "broker", "--port", str(port), "--mongo-url", mongo_url]
        broker = subprocess.Popen(command, stderr=log)  # noqa: ASYNC220  starting a process takes no time that matters here
    agent = AgentProcess(type("At", (), {"url": url})(), mosquitto, tmp_path / "agents.log")
    monkeypatch.setenv("ECLOR_AGENTS_TOKEN", TOKEN)
    agent.start()
    try:
        async with aiohttp.ClientSession() as http, asyncio.timeout(60):
            found = Place(url, agent.url, mosquitto.port, http)
            while True:
                try:
                    if (await found.call("GET", url + "/health"))[0] == 200:
                        break
                except aiohttp.ClientError:
                    await asyncio.sleep(0.1)
            await agent.healthy()
            yield found
    finally:
        agent.stop()
        broker.terminate()
        broker.wait(20)


async def test_devices_measure_and_are_commanded_over_mqtt_and_http(place: Place) -> None:
    await place.provision("groups", {"groups": [{
        "resource": "/iot/json", "apikey": "key", "entity_type": "Lamp",
        "commands": [{"name": "switch", "type": "command"}],
        "attributes": [{"object_id": "p", "name": "power", "type": "Number", "expression": "p * 1000"}],
    }]})  # fmt: skip
    await place.provision("devices", {"devices": [{"device_id": "mqtt"}, {"device_id": "http", "transport": "HTTP"}]})
    async with aiomqtt.Client("127.0.0.1", place.mqtt_port) as mqtt:
        await mqtt.subscribe("/key/mqtt/cmd", qos=1)
        await mqtt.publish("/json/key/mqtt/attrs", json.dumps({"p": 0.05}), qos=1)
        await mqtt.publish("/ul/key/new/attrs", "p|0.07", qos=1)
        found = await place.until("mqtt", power=50, switch_status="UNKNOWN")
        assert "p" not in found
        await place.until("new", power=70, switch_status="UNKNOWN")
        await place.until("http", switch_status="UNKNOWN")

        await place.command("mqtt", "on")
        message = await anext(mqtt.messages)
        assert (str(message.topic), message.payload) == ("/key/mqtt/cmd", b'{"switch":"on"}')
        # What was taken up stands beside its state, and the attribute is free for the next wish.
        await place.until("mqtt", switch="UNKNOWN", switch_status="DELIVERED")
        _, whole = await place.call("GET", f"{place.broker}/ngsi-ld/v1/entities/{LAMP.format('mqtt')}", headers=TENANT)
        assert whole["switch_status"]["commanded"] == {"type": "Property", "value": "on"}
        await mqtt.publish("key/mqtt/cmdexe", json.dumps({"switch": "is on"}), qos=1)
        await place.until("mqtt", switch_status="OK", switch_info="is on", power=50)

        # The same once more is a command once more, in whatever way it is written.
        lamp = f"{place.broker}/ngsi-ld/v1/entities/{LAMP.format('mqtt')}"
        on = {"type": "Property", "value": "on"}
        for method, path, body in (
            ("PATCH", "/attrs/switch", on),
            ("PATCH", "", {"switch": on}),
            ("POST", "/attrs", {"switch": on}),
            ("PUT", "/attrs/switch", on),
        ):
            assert (await place.call(method, lamp + path, body, TENANT))[0] == 204
            assert (await asyncio.wait_for(anext(mqtt.messages), 10)).payload == b'{"switch":"on"}'
            await place.until("mqtt", switch="UNKNOWN", switch_status="DELIVERED")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(mqtt.messages), 0.5)

    south = f"{place.agents}/iot/json?i=http&k=key"
    assert await place.call("GET", south + "&getCmd=1") == (200, {})
    await place.command("http", {"level": 3})
    await place.until("http", switch_status="PENDING", switch={"level": 3})
    assert await place.call("POST", south + "&getCmd=1", {"p": 1}) == (200, {"switch": {"level": 3}})
    await place.until("http", switch_status="DELIVERED", power=1000)
    assert (await place.call("POST", f"{place.agents}/iot/json/commands?i=http&k=key", {"switch": "dimmed"}))[0] == 200
    await place.until("http", switch_status="OK", switch_info="dimmed")


async def test_a_lazy_attribute_is_asked_of_the_device_when_somebody_reads_it(place: Place) -> None:
    await place.provision("devices", {"devices": [{
        "device_id": "lazy", "apikey": "lazykey", "entity_type": "Lamp",
        "attributes": [{"object_id": "p", "name": "power", "type": "Number"}],
        "lazy": [{"object_id": "b", "name": "battery", "type": "Number"}],
    }]})  # fmt: skip
    lamp = f"{place.broker}/ngsi-ld/v1/entities/{LAMP.format('lazy')}"
    # The agents register after they have answered.
    assert len(await place.registrations(1)) == 1
    async with aiomqtt.Client("127.0.0.1", place.mqtt_port) as mqtt:
        await mqtt.subscribe("/lazykey/lazy/cmd", qos=1)
        await mqtt.publish("/json/lazykey/lazy/attrs", json.dumps({"p": 5}), qos=1)
        await place.until("lazy", power=5)
        read = asyncio.create_task(place.call("GET", lamp + "?format=simplified", headers=TENANT))
        asked = await asyncio.wait_for(anext(mqtt.messages), 10)
        assert asked.payload == b'{"b":""}'
        await mqtt.publish("/json/lazykey/lazy/attrs", json.dumps({"b": 70}), qos=1)
        _, found = await read
        assert (found["battery"], found["power"]) == (70, 5)
    _, stored = await place.call("GET", lamp + "?local=true&format=simplified", headers=TENANT)
    assert "battery" not in stored
    assert "b" not in stored
    status, _ = await place.call("DELETE", f"{place.agents}/iot/devices/lazy", headers=IOT)
    assert status == 204
    assert await place.registrations(0) == []


async def test_devices_over_http_are_told_what_is_wrong(place: Place) -> None:
    await place.provision("groups", {"groups": [{"resource": "", "apikey": "key", "entity_type": "Lamp"}]})
    status, problem = await place.call("POST", place.agents + "/iot/json?i=d&k=unknown", {"t": 1})
    assert (status, problem["name"]) == (404, "DEVICE_GROUP_NOT_FOUND")
    for path, content, name in (
        ("/iot/json?i=d", {"t": 1}, "MANDATORY_PARAMS_NOT_FOUND"),
        ("/iot/json?i=d&k=key", [1], "BAD_REQUEST"),
        ("/iot/d?i=d&k=key", {"t": 1}, "BAD_REQUEST"),
        ("/iot/json?i=a/b&k=key", {"t": 1}, "BAD_REQUEST"),
    ):
        status, problem = await place.call("POST", place.agents + path, content)
        assert (status, problem["name"]) == (400, name), path
