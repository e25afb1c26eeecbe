"""Programs of this repository, and of others, as processes on free ports."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@asynccontextmanager
async def running(
    command: Sequence[str], health: str, log: Path, *, cwd: Path = ROOT, env: Mapping[str, str] | None = None
) -> AsyncIterator[None]:
    """The program from when it answers under `health` to the end of the block."""
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(*command, cwd=cwd, env=env, stdout=out, stderr=subprocess.STDOUT)
    try:
        await _answers(health, process, log)
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.wait(), 20)


@asynccontextmanager
async def broker(mongo_url: str, directory: Path) -> AsyncIterator[str]:
    """The context broker; gives its URL."""
    port = free_port()
    command = [sys.executable, "-m", "broker", "--port", str(port), "--mongo-url", mongo_url]
    async with running(command, f"http://127.0.0.1:{port}/health", directory / "broker.log"):
        yield f"http://127.0.0.1:{port}"


@asynccontextmanager
async def agents(broker_url: str, mqtt_url: str, directory: Path) -> AsyncIterator[str]:
    """The IoT agents; gives the URL of their provisioning."""
    port = free_port()
    command = [sys.executable, "-m", "agents", "--broker-url", broker_url, "--mqtt-url", mqtt_url, "--port", str(port)]
    command += ["--south-port", "0", "--data-dir", str(directory / "agents")]
    async with running(command, f"http://127.0.0.1:{port}/health", directory / "agents.log"):
        yield f"http://127.0.0.1:{port}"


async def _answers(url: str, process: asyncio.subprocess.Process, log: Path) -> None:
    async with aiohttp.ClientSession() as http:
        for _ in range(400):
            if process.returncode is not None:
                break
            try:
                async with http.get(url) as response:
                    if response.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.1)
    pytest.fail(f"no answer from {url}; see {log}")
