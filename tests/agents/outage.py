"""The broker or MongoDB away for an hour while devices go on: each message is recorded once, and in order.

`python -m tests.agents.outage` takes the hour in real time, with as many devices and messages as the demonstration.
"""

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import aiomqtt
import orjson

from agents.core.instant import format_instant, parse_instant
from broker.platform.mongod import find_mongod
from broker.platform.mqtt import find_mosquitto, mosquitto_configuration
from tests.chaos.platform_under_test import LIFE_OR_DEATH, free_ports, until

DEVICES, EVERY = 200, 30  # as the demonstration, seconds
BEFORE = AFTER = 60.0  # seconds of undisturbed life around the outage
_LATE_ONE_IN = 7
_HOUR = 3_600 * 1_000_000  # µs
_STOPPABLE = ("broker", "mongodb")
_CBOR_MAP = b"\xa1\x61n\x1a"  # of one member, n, whose value follows in four bytes


@dataclass(frozen=True, slots=True)
class Sent:
    """One message: its number, and the instant of observation where the device said it, µs."""

    number: int
    at: int | None


class Place:
    """Mosquitto, mongod, broker and agents, each a process that can be ended and started alone."""

    def __init__(self, data: Path) -> None:
        self.data = data
        broker, agents, self.mqtt_port = free_ports(3)
        self.broker, self.agents = f"http://127.0.0.1:{broker}", f"http://127.0.0.1:{agents}"
        mongodb, socket = data / "mongodb", data / "mongodb.sock"
        mongodb.mkdir()
        (data / "mqtt").mkdir()
        configuration = data / "mosquitto.conf"
        configuration.write_text(mosquitto_configuration(self.mqtt_port, data / "mqtt"))
        python = [sys.executable, "-m"]
        self._commands = {
            "mqtt": [str(find_mosquitto()), "-c", str(configuration)],
            "mongodb": [
                *(str(find_mongod()), "--dbpath", str(mongodb), "--bind_ip", str(socket), "--quiet"),
                *("--unixSocketPrefix", str(data), "--wiredTigerCacheSizeGB", "0.25"),
            ],
            "broker": [*python, "broker", "--port", str(broker)],
            "agents": [*python, "agents", "--broker-url", self.broker, "--port", str(agents), "--south-port", "0"],
        }
        self._environment = {
            **os.environ,
            "ECLOR_MONGO_URL": f"mongodb://{quote(str(socket), safe='')}",
            "ECLOR_MQTT_URL": f"mqtt://127.0.0.1:{self.mqtt_port}",
            "ECLOR_DATA_DIR": str(data),
        }
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    async def start(self, *names: str) -> None:
        """Start them and wait until broker and agents, where they are meant, are well."""
        for name in names:
            self._run(name)
            if name in ("broker", "agents"):
                url = f"{self.broker if name == 'broker' else self.agents}/health"
                await until(_well(url), lambda name=name: f"{name} is well")  # type: ignore[misc]  # bound at once

    def _run(self, name: str) -> None:
        with (self.data / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                self._commands[name], stdout=log, stderr=subprocess.STDOUT, env=self._environment
            )

    def stop(self, *names: str) -> None:
        """End them as a failing machine would."""
        for name in names:
            process = self._running.pop(name)
            process.send_signal(signal.SIGKILL)
            process.wait()

    def stop_all(self) -> None:
        """Leave nothing behind."""
        self.stop(*reversed(self._running))


class Outage:
    """One run."""

    def __init__(self, place: Place, devices: int = DEVICES, every: float = EVERY) -> None:
        self._place = place
        self._devices = devices
        self._every = every
        self.sent: dict[int, list[Sent]] = defaultdict(list)

    async def run(self, stopped: tuple[str, ...], seconds: float, around: float = BEFORE) -> dict[str, float]:
        """Let devices report, stop some of the processes meanwhile, and check what is recorded in the end."""
        await self._register()
        sending = asyncio.create_task(self._send())
        await asyncio.sleep(around)
        self._place.stop(*stopped)
        await asyncio.sleep(seconds)
        waiting = (await self._health())["messagesWaiting"]
        began = time.monotonic()
        await self._place.start(*reversed(stopped))
        looking = asyncio.create_task(self._watch())
        await until(self._caught_up, lambda: "what waited is stored", 900)
        took = time.monotonic() - began
        await asyncio.sleep(around)
        sending.cancel()
        await until(self._caught_up, lambda: "all is stored")
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
        if not looking.cancelled() and looking.exception() is not None:
            raise looking.exception() or AssertionError
        await self._check()
        return {"messages": sum(map(len, self.sent.values())), "waited": waiting, "caught up after": took}

    def _entity(self, device: int) -> str:
        return f"{self._place.broker}/ngsi-ld/v1/entities/urn:ngsi-ld:Device:{_name(device)}"

    async def _register(self) -> None:
        models = ("generic/json", "generic/cbor")
        devices = [
            {"id": _name(n), "model": models[n % 2], "entityId": f"urn:ngsi-ld:Device:{_name(n)}"}
            for n in range(self._devices)
        ]
        async with aiohttp.ClientSession() as http, http.post(f"{self._place.agents}/devices", json=devices) as got:
            assert got.status == 201, await got.text()

    async def _send(self) -> None:
        turn, began = 0, time.monotonic()
        async with aiomqtt.Client("127.0.0.1", self._place.mqtt_port) as client:
            while True:
                device = turn % self._devices
                sent, topic, payload = _report(device, turn // self._devices)
                await client.publish(topic, payload, qos=1)
                self.sent[device].append(sent)
                turn += 1
                await asyncio.sleep(max(0.0, began + turn * self._every / self._devices - time.monotonic()))

    async def _health(self) -> dict[str, Any]:
        async with aiohttp.ClientSession() as http, http.get(f"{self._place.agents}/health") as got:
            report: dict[str, Any] = await got.json()
            return report

    async def _caught_up(self) -> bool:
        await asyncio.sleep(0.5)
        try:
            return bool((await self._health())["messagesWaiting"] == 0)
        except LIFE_OR_DEATH:
            return False

    async def _watch(self) -> None:
        """While messages are caught up on, a current value never gives way to one that was observed before it."""
        newest: dict[int, str] = {}
        async with aiohttp.ClientSession() as http:
            while True:
                for device in range(0, self._devices, max(1, self._devices // 8)):
                    async with http.get(self._entity(device)) as got:
                        if got.status == 200:
                            at = (await got.json())["n"]["observedAt"]
                            assert newest.get(device, "") <= at, f"{_name(device)} went back to {at}"
                            newest[device] = at
                await asyncio.sleep(0.1)

    async def _check(self) -> None:
        async with aiohttp.ClientSession() as http:
            async with http.get(f"{self._place.agents}/rejected?limit=10") as got:
                assert not await got.json()
            for device, sent in self.sent.items():
                recorded = await self._recorded(http, device)
                numbers = sorted(number for _, number in recorded)
                assert numbers == [each.number for each in sent], f"{_name(device)}: {numbers}"
                if sent[0].at is None:
                    # Observed as they came in: the order in which they were sent.
                    assert [number for _, number in sorted(recorded)] == numbers
                else:
                    assert {number: at for at, number in recorded} == {each.number: each.at for each in sent}
                async with http.get(self._entity(device)) as got:
                    assert (await got.json())["n"]["value"] == max(recorded)[1]

    async def _recorded(self, http: aiohttp.ClientSession, device: int) -> list[tuple[int, int]]:
        """Instants and numbers."""
        url = self._entity(device).replace("/entities/", "/temporal/entities/")
        async with http.get(url, params={"timerel": "after", "timeAt": "2000-01-01T00:00:00Z"}) as got:
            assert got.status == 200, await got.text()
            found = (await got.json())["n"]
        instances = found if isinstance(found, list) else [found]
        return [(parse_instant(each["observedAt"]) or 0, each["value"]) for each in instances]


def _name(device: int) -> str:
    return f"{device:016x}"


def _report(device: int, number: int) -> tuple[Sent, str, bytes]:
    """Every other device speaks LoRaWAN; of the others every other one says its time, and is late now and then."""
    name, now = _name(device), time.time_ns() // 1_000_000 * 1_000  # the standard's instants may stop at milliseconds
    if device % 2:
        event = {
            "deduplicationId": f"{name}-{number}",
            "time": format_instant(now),
            "deviceInfo": {"devEui": name},
            "fCnt": number,
            "fPort": 1,
            "data": b64encode(_CBOR_MAP + number.to_bytes(4)).decode(),
        }
        return Sent(number, now), f"application/a/device/{name}/event/up", orjson.dumps(event)
    if device % 4:
        return Sent(number, None), f"/k/{name}/attrs", b'{"n": %d}' % number
    at = now - _HOUR if number % _LATE_ONE_IN == _LATE_ONE_IN - 1 else now
    return Sent(number, at), f"/k/{name}/attrs", orjson.dumps({"n": number, "TimeInstant": format_instant(at)})


def _well(url: str) -> Callable[[], Awaitable[bool]]:
    async def ask() -> bool:
        try:
            async with aiohttp.ClientSession() as http, http.get(url) as got:
                return got.status == 200
        except LIFE_OR_DEATH:
            return False

    return ask


async def _main(stopped: tuple[str, ...], minutes: float) -> None:
    with tempfile.TemporaryDirectory() as directory:
        place = Place(Path(directory))
        try:
            await place.start("mqtt", "mongodb", "broker", "agents")
            told = await Outage(place).run(stopped, minutes * 60)
            print(f"{' and '.join(stopped)} away for {minutes:g} minutes, each recorded once and in order: {told}")
        finally:
            place.stop_all()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--stop", default=",".join(_STOPPABLE), help="broker,mongodb (default) or one of them")
    given = parser.parse_args()
    names = tuple(given.stop.split(","))
    if set(names) - set(_STOPPABLE):
        parser.error("--stop names broker, mongodb or both")
    asyncio.run(_main(names, given.minutes))
