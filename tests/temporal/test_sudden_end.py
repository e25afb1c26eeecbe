"""What was answered is in the history, whichever process is killed when."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from broker.platform.child import StartError
from broker.platform.mongod import find_mongod

_ROOT = Path(__file__).parents[2]
_ROUNDS = 3


class Process:
    """`python -m broker`, to be killed and started again."""

    def __init__(self, mongo_url: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._mongo_url = mongo_url
        self._process: subprocess.Popen[bytes] | None = None

    def launch(self) -> None:
        command = [sys.executable, "-m", "broker", "--port", str(self.port), "--log-level", "error"]
        environment = {**os.environ, "ECLOR_MONGO_URL": self._mongo_url, "ECLOR_TEMPORAL_PAGE": "100000"}
        self._process = subprocess.Popen(command, cwd=_ROOT, env=environment)

    async def start(self) -> None:
        self.launch()
        for _ in range(300):
            if await self.call("GET", "/types") == 200:
                return
            await asyncio.sleep(0.1)
        pytest.fail("the broker did not start")

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()

    async def call(self, method: str, path: str, body: Any = None) -> int:
        return (await self.exchange(method, path, body))[0]

    async def exchange(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        return await asyncio.to_thread(self._exchange, method, path, body)

    def _exchange(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        url, headers = f"http://127.0.0.1:{self.port}/ngsi-ld/v1{path}", {"Content-Type": "application/json"}
        try:
            with urllib.request.urlopen(
                urllib.request.Request(url, data, headers, method=method), timeout=30
            ) as answer:
                text = answer.read()
                return answer.status, json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            return error.code, None
        except OSError:
            return 0, None


@pytest.fixture
def process(mongo_url: str) -> Iterator[Process]:
    made = Process(mongo_url)
    yield made
    made.kill()


async def test_every_answered_write_is_in_the_history_after_the_broker_was_killed(process: Process) -> None:
    await process.start()
    await process.call("DELETE", "/temporal/entities/urn:x:k")
    await process.call("DELETE", "/entities/urn:x:k")
    value = {"type": "Property", "value": -1}
    assert await process.call("POST", "/entities", {"id": "urn:x:k", "type": "Room", "temp": value}) == 201
    answered: set[int] = {-1}
    for round_ in range(_ROUNDS):
        numbers = iter(range(round_ * 10_000, round_ * 10_000 + 10_000))

        async def write(numbers: Iterator[int] = numbers) -> None:
            for number in numbers:
                status = await process.call("PATCH", "/entities/urn:x:k/attrs/temp", {"value": number})
                if status != 204:
                    return
                answered.add(number)

        writers = [asyncio.create_task(write()) for _ in range(8)]
        await asyncio.sleep(0.4)
        process.kill()
        await asyncio.gather(*writers)
        await process.start()
    status, shown = await process.exchange("GET", "/temporal/entities/urn:x:k")
    assert status == 200
    assert len(answered) > 8 * _ROUNDS
    assert answered <= {each["value"] for each in shown["temp"]}
    keys = [each["instanceId"] for each in shown["temp"]]
    assert len(keys) == len(set(keys))


class Mongod:
    """A MongoDB of its own on a unix socket, to be killed and started again on its data."""

    def __init__(self, binary: str, directory: Path) -> None:
        self._socket = directory / "m.sock"
        self.url = f"mongodb://{quote(str(self._socket), safe='')}"
        data = directory / "data"
        data.mkdir()
        self._command = [binary, "--dbpath", str(data), "--logpath", str(directory / "log"), "--logappend"]
        self._command += ["--bind_ip", str(self._socket), "--unixSocketPrefix", str(directory)]
        self._command += ["--wiredTigerCacheSizeGB", "0.25", "--setParameter", "diagnosticDataCollectionEnabled=false"]

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture
def mongod() -> Iterator[Mongod]:
    try:
        binary = str(find_mongod())
    except StartError as error:
        pytest.skip(f"no mongod: {error}")
    with tempfile.TemporaryDirectory(prefix="ngsi-") as directory:
        made = Mongod(binary, Path(directory))
        made.start()
        yield made
        made.kill()


async def test_every_answered_write_is_there_once_after_mongodb_was_killed(mongod: Mongod) -> None:
    process = Process(mongod.url)
    try:
        await process.start()
        value = {"type": "Property", "value": -1}
        assert await process.call("POST", "/entities", {"id": "urn:x:k", "type": "Room", "temp": value}) == 201
        answered = []
        numbers, ends = iter(range(1_000_000)), asyncio.Event()

        async def write() -> None:
            while not ends.is_set():
                number = next(numbers)
                if await process.call("PATCH", "/entities/urn:x:k/attrs/temp", {"value": number}) == 204:
                    answered.append(number)

        writers = [asyncio.create_task(write()) for _ in range(8)]
        for _ in range(_ROUNDS):
            await asyncio.sleep(0.7)
            mongod.kill()
            mongod.start()
            before = len(answered)
            while len(answered) < before + 20:  # noqa: ASYNC110 (what is waited for is a process that knows no events)
                await asyncio.sleep(0.05)
        ends.set()
        await asyncio.gather(*writers)
        shown = (await process.exchange("GET", "/temporal/entities/urn:x:k"))[1]["temp"]
        values = [each["value"] for each in shown]
        assert set(answered) <= set(values)
        assert len(values) == len(set(values))
    finally:
        process.kill()
