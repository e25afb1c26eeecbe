"""FIWARE's IoT Agent for JSON, unmodified, against the broker: measures, and a command there and back.

`ECLOR_IOTAGENT_JSON` names the directory of an installed agent (docs/agents.md says how to install one).
"""

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import aiomqtt
import pytest

from tests.agents.conftest import Mosquitto
from tests.interop.servers import broker, free_port, running

_PLACE = os.environ.get("ECLOR_IOTAGENT_JSON", "")
pytestmark = [
    pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed"),
    pytest.mark.skipif(
        not (Path(_PLACE or "-") / "node_modules" / "iotagent-node-lib").is_dir(),
        reason="ECLOR_IOTAGENT_JSON names no directory of an installed iotagent-json",
    ),
]
CONTEXT = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.9.jsonld"
LAMP = "urn:ngsi-ld:Lamp:{}"


@dataclass
class Place:
    broker: str
    agent: str
    mqtt_port: int
    http: aiohttp.ClientSession
    tenant: str
    mode: str

    @property
    def service(self) -> dict[str, str]:
        return {"fiware-service": self.tenant, "fiware-servicepath": "/"}

    async def call(self, method: str, url: str, content: Any = None, headers: Any = None) -> tuple[int, Any]:
        async with self.http.request(method, url, json=content, headers=headers) as response:
            text = await response.text()
            return response.status, json.loads(text) if text and response.content_type.endswith("json") else text

    async def measured(self, mqtt: aiomqtt.Client, topic: str, measures: dict[str, Any], entity_id: str) -> None:
        """Measures until they are stored: the agent answers before it has subscribed, and loses what comes then."""
        url = f"{self.broker}/ngsi-ld/v1/entities/{entity_id}"
        for _ in range(40):
            await mqtt.publish(topic, json.dumps(measures), qos=1)
            await asyncio.sleep(0.25)
            if (await self.call("GET", url, headers={"NGSILD-Tenant": self.tenant}))[0] == 200:
                return

    async def until(self, entity_id: str, **wanted: Any) -> dict[str, Any]:
        found: Any = None
        url = f"{self.broker}/ngsi-ld/v1/entities/{entity_id}?format=simplified"
        for _ in range(200):
            _, found = await self.call("GET", url, headers={"NGSILD-Tenant": self.tenant})
            if isinstance(found, dict) and wanted.items() <= found.items():
                return found
            await asyncio.sleep(0.05)
        pytest.fail(f"{entity_id} never had {wanted}, but {found}")


@pytest.fixture(params=["legacy", "notification"])
async def place(
    mongo_url: str, mosquitto: Mosquitto, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Place]:
    # MongoDB outlives the test: the exclusive registrations of one agent are in the way of another's.
    tenant = f"interop_{tmp_path.name}".lower()[:50]
    north, south = free_port(), free_port()
    node = shutil.which("node")
    assert node is not None
    async with broker(mongo_url, tmp_path) as url, aiohttp.ClientSession() as http, asyncio.timeout(90):
        environment = {
            **os.environ,
            "IOTA_CB_URL": url,
            "IOTA_CB_HOST": "127.0.0.1",
            "IOTA_CB_PORT": url.rpartition(":")[2],
            "IOTA_CB_NGSI_VERSION": "ld",
            "IOTA_JSON_LD_CONTEXT": CONTEXT,
            "IOTA_FALLBACK_TENANT": tenant,
            "IOTA_REGISTRY_TYPE": "memory",
            "IOTA_NORTH_PORT": str(north),
            "IOTA_HTTP_PORT": str(south),
            "IOTA_PROVIDER_URL": f"http://127.0.0.1:{north}",
            "IOTA_MQTT_HOST": "127.0.0.1",
            "IOTA_MQTT_PORT": str(mosquitto.port),
            "IOTA_AMQP_DISABLED": "true",
            "IOTA_CMD_MODE": request.param,
        }
        command = [node, "bin/iotagent-json"]
        about = f"http://127.0.0.1:{north}/iot/about"
        async with running(command, about, tmp_path / "iotagent.log", cwd=Path(_PLACE), env=environment):
            yield Place(url, f"http://127.0.0.1:{north}", mosquitto.port, http, tenant, request.param)


async def test_measures_arrive_and_a_command_goes_there_and_back(place: Place) -> None:
    group = {
        "resource": "/iot/json", "apikey": "key", "entity_type": "Lamp", "transport": "MQTT", "cmdMode": place.mode,
        "attributes": [{"object_id": "p", "name": "power", "type": "Number"}],
        "commands": [{"name": "switch", "type": "command"}],
    }  # fmt: skip
    made = await place.call("POST", f"{place.agent}/iot/services", {"services": [group]}, place.service)
    assert made[0] in (200, 201), made
    device = {"device_id": "lamp1", "entity_name": LAMP.format("lamp1"), "entity_type": "Lamp", "apikey": "key",
              "commands": group["commands"], "attributes": group["attributes"], "transport": "MQTT",
              "cmdMode": place.mode}  # fmt: skip
    made = await place.call("POST", f"{place.agent}/iot/devices", {"devices": [device]}, place.service)
    assert made[0] in (200, 201), made
    lamp = LAMP.format("lamp1")
    async with aiomqtt.Client("127.0.0.1", place.mqtt_port) as mqtt:
        await mqtt.subscribe("/key/lamp1/cmd", qos=1)
        await place.measured(mqtt, "/json/key/lamp1/attrs", {"p": 5}, lamp)
        await place.until(lamp, power=5)
        for _ in range(2):
            # Through the registration each update is passed on, also one that says the same again.
            url = f"{place.broker}/ngsi-ld/v1/entities/{lamp}/attrs/switch"
            told = await place.call("PATCH", url, {"type": "Property", "value": "on"}, {"NGSILD-Tenant": place.tenant})
            assert told[0] == 204, told
            message = await asyncio.wait_for(anext(mqtt.messages), 10)
            assert json.loads(bytes(message.payload)) == {"switch": "on"}  # type: ignore[arg-type]  mqtt gives bytes
        await mqtt.publish("/json/key/lamp1/cmdexe", json.dumps({"switch": "is on"}), qos=1)
        await place.until(lamp, switch_status="OK", switch_info="is on", power=5)


async def test_a_device_that_comes_by_itself_measures(place: Place) -> None:
    group = {"resource": "/iot/json", "apikey": "auto", "entity_type": "Room", "attributes": []}
    await place.call("POST", f"{place.agent}/iot/services", {"services": [group]}, place.service)
    async with aiomqtt.Client("127.0.0.1", place.mqtt_port) as mqtt:
        await place.measured(mqtt, "/json/auto/r1/attrs", {"temperature": 21.5}, "urn:ngsi-ld:Room:r1")
        await place.until("urn:ngsi-ld:Room:r1", temperature=21.5)
