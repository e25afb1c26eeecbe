"""`python -m agents` with a real MQTT broker: from the device's bytes to the broker's upsert."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import aiomqtt
import pytest

from tests.agents.conftest import Mosquitto, eventually
from tests.agents.field import BIN, BIN_FRAME, BIN_TOPIC, FakeBroker, event, registration

ROOT = Path(__file__).parents[2]


class AgentProcess:
    def __init__(self, broker: FakeBroker, mosquitto: Mosquitto, log: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._command = [sys.executable, "-m", "agents", "--broker-url", broker.url, "--mqtt-url", mosquitto.url]
        self._command += ["--port", str(self.port), "--south-port", "0", "--data-dir", str(log.parent / "data")]
        self._log = log
        self.process: subprocess.Popen[bytes] | None = None

    def use_mongo(self, url: str) -> None:
        self.use("--mongo-url", url)

    def use(self, *options: str) -> None:
        self._command += options

    def start(self) -> None:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(self._command, cwd=ROOT, stderr=log)

    def stop(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(10)

    async def healthy(self) -> dict[str, object]:
        async with aiohttp.ClientSession() as http, asyncio.timeout(20):
            while True:
                try:
                    async with http.get(self.url + "/health") as response:
                        if response.status == 200:
                            return dict(await response.json())
                except aiohttp.ClientError:
                    pass
                await asyncio.sleep(0.05)

    async def register(self, *devices: dict[str, object]) -> None:
        async with aiohttp.ClientSession() as http, http.post(self.url + "/devices", json=list(devices)) as response:
            assert response.status == 201, await response.text()

    async def get(self, path: str) -> tuple[int, str]:
        async with aiohttp.ClientSession() as http, http.get(self.url + path) as response:
            return response.status, await response.text()


@pytest.fixture
async def agent(broker: FakeBroker, mosquitto: Mosquitto, tmp_path: Path) -> AsyncIterator[AgentProcess]:
    process = AgentProcess(broker, mosquitto, tmp_path / "agent.log")
    process.start()
    yield process
    if process.process is not None and process.process.poll() is None:
        process.stop()


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_running(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def publish(mosquitto: Mosquitto, topic: str, payload: bytes, qos: int = 1) -> None:
    async with aiomqtt.Client("127.0.0.1", mosquitto.port) as client:
        await client.publish(topic, payload, qos=qos)


async def test_a_lorawan_frame_becomes_an_entity_of_its_smart_data_model(
    agent: AgentProcess, broker: FakeBroker, mosquitto: Mosquitto
) -> None:
    await agent.healthy()
    await agent.register(registration())
    await publish(mosquitto, BIN_TOPIC, event(BIN, BIN_FRAME, 85))
    await eventually(lambda: bool(broker.entities))
    entity = broker.entities[0]
    assert entity["id"] == f"urn:ngsi-ld:WasteContainer:{BIN}"
    assert entity["type"] == "WasteContainer"
    assert entity["fillingLevel"] == {
        "type": "Property",
        "value": 0.442,
        "observedAt": "2026-11-23T10:00:00.123456Z",
        "unitCode": "C62",
    }
    assert entity["location"]["value"]["coordinates"] == [5.93, 49.47]
    assert "distance" not in entity


async def test_a_broken_frame_is_kept_for_the_operator_and_does_not_stop_the_next(
    agent: AgentProcess, broker: FakeBroker, mosquitto: Mosquitto
) -> None:
    await agent.healthy()
    await agent.register(registration())
    await publish(mosquitto, BIN_TOPIC, event(BIN, bytes.fromhex("048244"), 85, 1))
    await publish(mosquitto, BIN_TOPIC, b"\x08\x01 protobuf")
    await publish(mosquitto, "application/app/device/ffffffffffffffff/event/up", event("ffffffffffffffff", b"", 1))
    await publish(mosquitto, BIN_TOPIC, event(BIN, BIN_FRAME, 85, 2))
    await eventually(lambda: bool(broker.entities))
    status, body = await agent.get("/rejected")
    assert status == 200
    rejected = {each["reason"]: each for each in json.loads(body)}
    assert sorted(rejected) == ["codec", "malformed", "unknown-device"]
    assert "frame cut short" in rejected["codec"]["detail"]
    assert rejected["codec"]["payload"] == "048244"
    assert json.loads((await agent.get("/unknown-devices"))[1]) == [{"id": "ffffffffffffffff", "messages": 1}]
    assert 'kind="stored"} 1' in (await agent.get("/metrics"))[1]
    assert len(broker.entities) == 1


async def test_what_was_accepted_while_the_broker_was_down_arrives_when_it_is_back(
    agent: AgentProcess, broker: FakeBroker, mosquitto: Mosquitto
) -> None:
    await agent.healthy()
    await agent.register(registration())
    await broker.stop()
    for number in range(50):
        await publish(mosquitto, BIN_TOPIC, event(BIN, BIN_FRAME, 85, number))
    await asyncio.sleep(1)
    await broker.start(broker.port)
    await eventually(lambda: len(broker.entities) == 50)


async def test_an_agent_killed_with_messages_in_hand_gets_them_again(
    agent: AgentProcess, broker: FakeBroker, mosquitto: Mosquitto, mongo_url: str
) -> None:
    agent.stop()
    agent.use_mongo(mongo_url)
    agent.start()
    await agent.healthy()
    await agent.register(registration())
    await broker.stop()
    for number in range(5):
        await publish(mosquitto, BIN_TOPIC, event(BIN, BIN_FRAME, 85, number))
    await asyncio.sleep(0.5)
    assert agent.stop(signal.SIGKILL) == -signal.SIGKILL
    await broker.start(broker.port)
    agent.start()
    await eventually(lambda: len(broker.entities) == 5)
    await agent.healthy()
    assert json.loads((await agent.get("/rejected"))[1]) == []


async def test_the_agent_waits_for_mqtt_and_survives_its_restart(
    broker: FakeBroker, mosquitto: Mosquitto, tmp_path: Path
) -> None:
    mosquitto.stop()
    agent = AgentProcess(broker, mosquitto, tmp_path / "agent.log")
    agent.start()
    try:
        await asyncio.sleep(1)
        mosquitto.start()
        await agent.healthy()
        await agent.register(registration())
        mosquitto.stop()
        mosquitto.start()
        # The session and its subscriptions outlive the broker's restart: nobody has to be connected to send.
        await publish(mosquitto, BIN_TOPIC, event(BIN, BIN_FRAME, 85))
        await eventually(lambda: len(broker.entities) == 1)
    finally:
        assert agent.stop() == 0


async def test_sigterm_ends_the_agent_and_its_worker_with_status_0(
    agent: AgentProcess, broker: FakeBroker, mosquitto: Mosquitto
) -> None:
    await agent.healthy()
    await agent.register(registration())
    await publish(mosquitto, BIN_TOPIC, event(BIN, BIN_FRAME, 85))
    await eventually(lambda: bool(broker.entities))
    assert agent.process is not None
    (child,) = children(agent.process.pid)
    assert agent.stop() == 0
    assert not is_running(child)


async def test_json_measures_with_the_right_key_become_an_entity(
    agent: AgentProcess, broker: FakeBroker, mosquitto: Mosquitto
) -> None:
    await agent.healthy()
    await agent.register({"id": "air1", "model": "generic/air-quality-station", "apiKey": "k1"})
    await publish(mosquitto, "/wrong/air1/attrs", b'{"no2": 99}')
    await publish(mosquitto, "/k1/air1/attrs", b'{"no2": 21.4, "humidity": 71, "TimeInstant": "2026-11-23T08:00:00Z"}')
    await publish(mosquitto, "json/k1/air1/attrs", b'{"pm10": 8}', qos=0)
    await eventually(lambda: len(broker.entities) == 2)
    entity = broker.entities[0]
    assert entity["no2"] == {
        "type": "Property",
        "value": 21.4,
        "observedAt": "2026-11-23T08:00:00Z",
        "unitCode": "GQ",
    }
    assert entity["relativeHumidity"]["value"] == 0.71
    assert entity["dateObserved"]["value"] == {"@type": "DateTime", "@value": "2026-11-23T08:00:00Z"}
    body = (await agent.get("/rejected"))[1]
    assert "/wrong/" not in body
    assert (await agent.get("/devices/air1"))[1].find("k1") == -1
