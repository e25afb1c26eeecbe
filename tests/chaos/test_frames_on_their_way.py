"""Frames that the MQTT broker took (QoS 1) become entities, whatever dies on their way."""

import asyncio
import random
from typing import Any

import aiohttp
import aiomqtt

from tests.chaos.platform_under_test import LIFE_OR_DEATH, Platform, until

_DEVICES = 10
_ROUNDS = (("agents",), ("mongodb",), ("broker",), ("mongodb", "agents"), ("codec",), ("broker", "agents"))
_BIN = "24e124713c0000{:02x}"
_FRAME = "01755c036701010482{:02x}08050000"
"""Battery 92 %, 25.7 °C, a distance whose low byte is the number of the message, upright."""


def registrations() -> list[dict[str, Any]]:
    json_devices = [
        {
            "id": f"counter-{n}",
            "model": "generic/json",
            "entityId": f"urn:ngsi-ld:Device:counter-{n}",
            "entityType": "Device",
        }
        for n in range(_DEVICES)
    ]
    bins = [
        {
            "id": _BIN.format(n),
            "model": "milesight-iot/em400-mud",
            "entityId": f"urn:ngsi-ld:WasteContainer:{n}",
            "parameters": {"emptyDistance": 3000, "fullDistance": 1000},
        }
        for n in range(_DEVICES)
    ]
    return json_devices + bins


async def register(platform: Platform) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{platform.agents}/devices", json=registrations()) as answer,
    ):
        assert answer.status == 201, await answer.text()


async def numbers(platform: Platform) -> dict[str, int]:
    """The last number that the entity of each JSON device has."""
    found: dict[str, int] = {}
    try:
        async with aiohttp.ClientSession() as session:
            for n in range(_DEVICES):
                async with session.get(f"{platform.api}/entities/urn:ngsi-ld:Device:counter-{n}") as answer:
                    if answer.status == 200:
                        found[f"counter-{n}"] = (await answer.json())["number"]["value"]
    except LIFE_OR_DEATH:
        return {}
    return found


async def test_frames_taken_at_qos_1_arrive_though_agents_broker_and_mongodb_are_killed(
    platform: Platform, seed: int
) -> None:
    chance = random.Random(seed)
    await register(platform)
    # At once: devices that were acknowledged have to be durable.
    platform.kill("mongodb", "agents")
    taken: dict[str, int] = {}
    stop = asyncio.Event()

    async def publish() -> None:
        number = 0
        async with aiomqtt.Client("127.0.0.1", platform.mqtt_port) as client:
            while not stop.is_set():
                number += 1
                for n in range(_DEVICES):
                    await client.publish(f"json/key/counter-{n}/attrs", f'{{"number": {number}}}', qos=1)
                    taken[f"counter-{n}"] = number
                await asyncio.sleep(0.02)

    publishing = asyncio.create_task(publish())
    for victims in _ROUNDS:
        await asyncio.sleep(chance.uniform(0.3, 2))
        platform.kill(*victims)
    await asyncio.sleep(1)
    stop.set()
    await publishing

    async def arrived() -> bool:
        return await numbers(platform) == taken

    await until(arrived, lambda: f"{taken}\n{platform.last_words()}")
