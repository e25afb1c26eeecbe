"""The whole platform as a user starts it (`eclor run`), whose processes can be killed one by one."""

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import aiohttp

from broker.platform.mongod import url

_LOWEST_PORT, _HIGHEST_PORT = 10_000, 65_536
_CHANCE = random.SystemRandom()
PATIENCE = 60.0
"""Seconds for anything to come about on a loaded machine."""
_MARKS = {
    "mongodb": ("mongod", "--dbpath"),
    "mqtt": ("mosquitto", "-c"),
    "broker": ("-m", "broker"),
    "agents": ("-m", "agents"),
    "codec": ("-m", "agents.codecs.worker"),
}
LIFE_OR_DEATH = (aiohttp.ClientError, OSError, TimeoutError)
"""What a client meets when a server dies under it: it was told nothing."""


def free_ports(count: int) -> list[int]:
    """Ports that nobody uses now, nor is given by the system: whoever was killed finds its own free when it is back.

    Of the system's own ones, some other server or client takes the port meanwhile, even a client that looks for the
    server that is gone: connected with itself.
    """
    given = _given_ports()
    never_given = [port for port in range(_LOWEST_PORT, _HIGHEST_PORT) if port not in given]
    found: set[int] = set()
    while len(found) < count:
        port = _CHANCE.choice(never_given)
        with socket.socket() as candidate, suppress(OSError):
            candidate.bind(("127.0.0.1", port))
            found.add(port)
    return list(found)


def _given_ports() -> range:
    """What the system gives to who asks for any port (ip(7); elsewhere as in RFC 6335)."""
    try:
        first, last = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    except OSError:
        return range(49_152, 65_536)
    return range(first, last + 1)


def alive(pid: int) -> bool:
    """Whether the process runs; one that is dead and only not yet waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def until(condition: Callable[[], Awaitable[bool]], what: Callable[[], str], patience: float = PATIENCE) -> None:
    """Wait until it holds; fail with `what` does not."""
    deadline = time.monotonic() + patience
    while not await condition():
        assert time.monotonic() < deadline, f"not within {patience} s: {what()}"
        await asyncio.sleep(0.1)


class Platform:
    """`eclor run` on ports and a data directory of its own."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.port, self.agents_port, self.mqtt_port = free_ports(3)
        self.api = f"http://127.0.0.1:{self.port}/ngsi-ld/v1"
        self.agents = f"http://127.0.0.1:{self.agents_port}"
        self.mongo_url = url(data)
        self.seen: set[int] = set()

    async def start(self) -> None:
        """Start it and wait until broker and agents answer."""
        command = [str(Path(sys.executable).with_name("eclor"))]
        command += ["run", "--data-dir", str(self.data), "--port", str(self.port), "--log", "json"]
        command += ["--agents-port", str(self.agents_port), "--mqtt-port", str(self.mqtt_port)]
        self.process = self._run(command)
        await until(self.serves, lambda: f"the platform serves\n{self.last_words()}")

    def _run(self, command: list[str]) -> "subprocess.Popen[bytes]":
        with (self.data.parent / "platform.log").open("a") as log:
            return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)

    async def serves(self) -> bool:
        """Whether broker and agents say that they are well."""
        assert self.process.poll() is None, self.last_words()
        return await _is_well(f"http://127.0.0.1:{self.port}/health") and await _is_well(f"{self.agents}/health")

    def last_words(self) -> str:
        """The end of what it printed."""
        return (self.data.parent / "platform.log").read_text(errors="replace")[-3_000:]

    def pids(self) -> dict[str, int]:
        """The processes that run now, by name."""
        found = {"run": self.process.pid}
        parents = {self.process.pid}
        for _ in range(2):
            for pid, parent, command in _processes():
                if parent in parents:
                    parents.add(pid)
                    self.seen.add(pid)
                    found.update((name, pid) for name, mark in _MARKS.items() if _bears(command, mark))
        self.seen.add(self.process.pid)
        return found

    def kill(self, *names: str) -> None:
        """SIGKILL to those of the processes that run now."""
        pids = self.pids()
        for name in names:
            if name in pids:
                os.kill(pids[name], signal.SIGKILL)

    async def stop(self) -> None:
        """End it in order, or by force where that fails, and leave nothing behind."""
        self.pids()
        self.process.terminate()
        try:
            await asyncio.to_thread(self.process.wait, PATIENCE)
        finally:
            for pid in self.seen:
                if alive(pid) and pid != os.getpid():
                    os.kill(pid, signal.SIGKILL)


async def _is_well(address: str) -> bool:
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session,
            session.get(address) as answer,
        ):
            return answer.status == 200
    except LIFE_OR_DEATH:
        return False


def _bears(command: list[str], mark: tuple[str, ...]) -> bool:
    if mark[0] == "-m":
        return any(command[at : at + 2] == list(mark) for at in range(len(command)))
    return Path(command[0]).name == mark[0] and mark[1] in command


def _processes() -> Iterator[tuple[int, int, list[str]]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                command = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            except (OSError, IndexError):
                continue
            yield int(entry.name), parent, command
