"""`python -m agents.demo` against a real MQTT broker and a recording stand-in for the platform's HTTP APIs."""

import asyncio
import json
import re
import shutil
import signal
import socket
import sys
from pathlib import Path

import aiohttp
import aiomqtt
import pytest
from aiohttp import web

from agents.demo.fleet import KINDS
from agents.demo.platform import SUBSCRIPTION_ID
from agents.demo.territory import COMMUNES

ROOT = Path(__file__).parents[2]
DEVICES = 20


class StandIn:
    """Keeps what the demonstration asks of broker and agents, as they would."""

    def __init__(self):
        self.devices, self.entities, self.subscriptions = {}, {}, {}
        self.failures = 0
        self.url = ""

    async def start(self):
        application = web.Application()
        application.router.add_post("/devices", self.register)
        application.router.add_get("/devices/{id}", self.device)
        application.router.add_post("/ngsi-ld/v1/entityOperations/upsert", self.upsert)
        application.router.add_post("/ngsi-ld/v1/subscriptions", self.subscribe)
        application.router.add_route("*", "/ngsi-ld/v1/subscriptions/{id}", self.subscription)
        self.runner = web.AppRunner(application)
        await self.runner.setup()
        listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        await web.SockSite(self.runner, listening).start()

    async def register(self, request):
        self.devices |= {device["id"]: device for device in await request.json()}
        return web.json_response({}, status=201)

    async def device(self, request):
        return web.json_response({}, status=200 if request.match_info["id"] in self.devices else 404)

    async def upsert(self, request):
        if self.failures:
            self.failures -= 1
            return web.json_response({}, status=503)
        self.entities |= {entity["id"]: entity for entity in await request.json()}
        return web.json_response([], status=201)

    async def subscribe(self, request):
        body = await request.json()
        if body["id"] in self.subscriptions:
            return web.json_response({}, status=409)
        self.subscriptions[body["id"]] = body
        return web.Response(status=201)

    async def subscription(self, request):
        found = self.subscriptions.get(request.match_info["id"])
        if found is not None and request.method == "DELETE":
            del self.subscriptions[request.match_info["id"]]
        return web.Response(status=404 if found is None else 204)


@pytest.fixture
async def platform():
    stand_in = StandIn()
    await stand_in.start()
    yield stand_in
    await stand_in.runner.cleanup()


@pytest.fixture
async def mqtt_port(tmp_path):
    if shutil.which("mosquitto") is None:
        pytest.skip("mosquitto is not installed")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    configuration = tmp_path / "mosquitto.conf"
    configuration.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
    process = await asyncio.create_subprocess_exec(
        "mosquitto", "-c", str(configuration), stderr=asyncio.subprocess.DEVNULL
    )
    yield port
    process.terminate()
    await process.wait()


async def run_demo(platform, port):
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "agents.demo", "--broker-url", platform.url, "--agents-url", platform.url),
        *("--mqtt-url", f"mqtt://127.0.0.1:{port}", "--devices", str(DEVICES), "--rate", "20"),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )


async def first_messages(port, number):
    """That many messages of the demonstration, as soon as MQTT listens."""
    while True:
        try:
            async with aiomqtt.Client("127.0.0.1", port) as client:
                await client.subscribe([("application/#", 1), ("/+/+/attrs", 1)])
                got = []
                async for message in client.messages:
                    got.append((str(message.topic), json.loads(message.payload)))
                    if len(got) == number:
                        return got
        except aiomqtt.MqttError:
            await asyncio.sleep(0.1)


async def stop(process, with_signal=signal.SIGTERM):
    process.send_signal(with_signal)
    out, _ = await process.communicate()
    return out.decode()


async def test_all_devices_are_registered_and_report_within_a_period(platform, mqtt_port):
    async with asyncio.timeout(30):
        listening = asyncio.create_task(first_messages(mqtt_port, DEVICES + 5))
        process = await run_demo(platform, mqtt_port)
        messages = await listening
        subscriptions = dict(platform.subscriptions)
        out = await stop(process)
    assert process.returncode == 0
    assert len(platform.devices) == DEVICES
    heard = {re.sub(r".*/device/(.*)/event/up|/[^/]*/(.*)/attrs", r"\1\2", topic) for topic, _ in messages}
    assert heard == set(platform.devices)
    assert {entity["name"]["value"] for entity in platform.entities.values()} == {c.name for c in COMMUNES}
    assert {e["type"] for e in subscriptions[SUBSCRIPTION_ID]["entities"]} == {kind.type_iri for kind in KINDS}
    assert platform.subscriptions == {}
    assert f"{DEVICES} devices in 8 communes" in out


async def test_nothing_doubles_after_a_kill_and_a_restart(platform, mqtt_port):
    async with asyncio.timeout(30):
        for with_signal in (signal.SIGKILL, signal.SIGTERM):
            listening = asyncio.create_task(first_messages(mqtt_port, 3))
            process = await run_demo(platform, mqtt_port)
            await listening
            assert len(platform.subscriptions) == 1
            await stop(process, with_signal)
    assert len(platform.devices) == DEVICES
    assert len(platform.entities) == len(COMMUNES)


async def test_a_platform_that_is_not_ready_is_waited_for(platform, mqtt_port):
    platform.failures = 2
    async with asyncio.timeout(30):
        listening = asyncio.create_task(first_messages(mqtt_port, 1))
        process = await run_demo(platform, mqtt_port)
        await listening
        out = await stop(process)
    assert "waiting for the broker" in out
    assert process.returncode == 0


async def test_notifications_are_printed_and_nonsense_is_refused(platform, mqtt_port):
    async with asyncio.timeout(30):
        listening = asyncio.create_task(first_messages(mqtt_port, 1))
        process = await run_demo(platform, mqtt_port)
        await listening
        endpoint = platform.subscriptions[SUBSCRIPTION_ID]["notification"]["endpoint"]["uri"]
        device = next(device for device in platform.devices.values() if "em400" in device["model"])
        level = "https://smartdatamodels.org/dataModel.WasteManagement/fillingLevel"
        async with aiohttp.ClientSession() as session:
            async with session.post(endpoint, json={"data": [{"id": device["entityId"], level: 0.83}]}) as answer:
                assert answer.status == 200
            async with session.post(endpoint, data=b"{") as answer:
                assert answer.status == 400
        out = await stop(process)
    line = next(line for line in out.splitlines() if "fillingLevel" in line)
    assert "WasteContainer" in line
    assert "fillingLevel 0.83" in line
    assert "\x1b" not in out
