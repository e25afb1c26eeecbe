"""What was answered is in the history, whichever process is killed when."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

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
