"""Messages of QoS 1 while the broker, mongod, the agent and its MQTT connection are killed: each is recorded once.

`python -m tests.agents.soak --messages 100000` is the long run; the tests do a short one.
"""

import argparse
import asyncio
import random
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import aiomqtt

from agents.adapters.mqtt import _Connection
from tests.chaos.platform_under_test import LIFE_OR_DEATH, Platform, until

_DEVICES = 50
_ATTRIBUTE = "n"
_VICTIMS = ("broker", "broker", "mongodb", "agents", "agents", "mqtt connection", "codec")
_PAGE = 500


class Soak:
    """One run on a platform of its own."""

    def __init__(self, platform: Platform, messages: int, seed: int) -> None:
        self._platform = platform
        self._messages = messages
        self._chance = random.Random(seed)
        self.kills: Counter[str] = Counter()

    async def run(self, *, rate: float, pause: tuple[float, float]) -> None:
        """Publish everything while things are killed, then wait until all is stored, and check."""
        await self._register()
        killing = asyncio.create_task(self._kill(pause))
        await self._publish(rate)
        killing.cancel()
        # Cut short; had it failed before, the rest of the run would have been a quiet one.
        assert isinstance((await asyncio.gather(killing, return_exceptions=True))[0], asyncio.CancelledError)
        await until(self._platform.serves, self._platform.last_words)
        await until(self._settled, self._platform.last_words, patience=120 + self._messages / 500)
        await self._check()

    async def _register(self) -> None:
        devices = [{"id": f"d{n}", "model": "generic/json"} for n in range(_DEVICES)]
        async with aiohttp.ClientSession() as http, http.post(f"{self._platform.agents}/devices", json=devices) as got:
            assert got.status == 201, await got.text()

    async def _publish(self, rate: float) -> None:
        began = time.monotonic()
        async with aiomqtt.Client("127.0.0.1", self._platform.mqtt_port) as client:
            for number in range(self._messages):
                topic = f"/k/d{number % _DEVICES}/attrs"
                await client.publish(topic, b'{"%s": %d}' % (_ATTRIBUTE.encode(), number), qos=1)
                if (ahead := began + number / rate - time.monotonic()) > 0:
                    await asyncio.sleep(ahead)

    async def _kill(self, pause: tuple[float, float]) -> None:
        while True:
            await asyncio.sleep(self._chance.uniform(*pause))
            victim = self._chance.choice(_VICTIMS)
            if victim == "mqtt connection":
                await self._take_the_session_over()
            elif victim in self._platform.pids():
                self._platform.kill(victim)
            else:
                continue  # dead still from the last time
            self.kills[victim] += 1

    async def _take_the_session_over(self) -> None:
        """Another client under the same name: the MQTT broker cuts the agent off, and sends again what is in hand."""
        try:
            # It acknowledges nothing, from the first message on.
            async with _Connection(
                "127.0.0.1",
                self._platform.mqtt_port,
                on_lost=lambda: None,
                identifier="eclor-agents",
                clean_session=False,
                timeout=5,
            ):
                await asyncio.sleep(0.05)
        except aiomqtt.MqttError:
            return  # the agent was quicker to come back

    async def _settled(self) -> bool:
        try:
            async with aiohttp.ClientSession() as http, http.get(f"{self._platform.agents}/health") as got:
                report = await got.json()
                await asyncio.sleep(0.3)
                return got.status == 200 and report["messagesWaiting"] == 0
        except LIFE_OR_DEATH:
            return False

    async def _check(self) -> None:
        expected = set(range(self._messages))
        found: Counter[int] = Counter()
        async with aiohttp.ClientSession() as http:
            for device in range(_DEVICES):
                found.update(await self._recorded(http, f"urn:ngsi-ld:Device:d{device}"))
        async with aiohttp.ClientSession() as http, http.get(f"{self._platform.agents}/rejected?limit=1000") as got:
            rejected = await got.json()
        assert not rejected, f"{len(rejected)} rejected, such as {rejected[-1]}; {self.kills}"
        lost, doubled = sorted(expected - set(found)), sorted(n for n, count in found.items() if count > 1)
        assert not lost, f"{len(lost)} lost, such as {lost[:10]}; {self.kills}"
        assert not doubled, f"{len(doubled)} doubled, such as {doubled[:10]}; {self.kills}"
        assert set(found) == expected

    async def _recorded(self, http: aiohttp.ClientSession, entity_id: str) -> list[int]:
        values: dict[str, int] = {}
        window = {"timerel": "after", "timeAt": "2000-01-01T00:00:00Z", "timeproperty": "observedAt"}
        while True:
            async with http.get(f"{self._platform.api}/temporal/entities/{entity_id}", params=window) as got:
                assert got.status in (200, 206, 404), await got.text()
                if got.status == 404:
                    return list(values.values())
                entity: dict[str, Any] = await got.json()
            instances = next((each for name, each in entity.items() if name.endswith(_ATTRIBUTE) and name != "id"), [])
            page = instances if isinstance(instances, list) else [instances]
            # Pages may meet in an instant: an instance is known by its identifier.
            values.update((each["instanceId"], each["value"]) for each in page)
            if got.status == 200:
                return list(values.values())
            window["timeAt"] = max(each["observedAt"] for each in page)


async def _main(messages: int, seed: int, rate: float) -> None:
    with tempfile.TemporaryDirectory() as directory:
        data = Path(directory) / "data"
        data.mkdir()
        platform = Platform(data)
        await platform.start()
        try:
            soak = Soak(platform, messages, seed)
            began = time.monotonic()
            await soak.run(rate=rate, pause=(0.3, 2.5))
            took = time.monotonic() - began
            print(f"{messages} messages, each recorded once; killed {dict(soak.kills)}; {took:.0f} s")
        finally:
            await platform.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--rate", type=float, default=1_000, help="messages per second (default 1000)")
    given = parser.parse_args()
    print(f"seed {given.seed}")
    asyncio.run(_main(given.messages, given.seed, given.rate))
