"""Which broker processes share the database.

Each keeps a document that changes with every heartbeat and says whom it sees. One that finds others at its start
serves only when each of them sees it, or is gone: so that none answers from its own memory while another one writes
(`shared`). No clocks are compared: a process is gone when its document has not changed for a while, or when it ran on
this host and its process number is free or another's.
"""

import asyncio
import os
import secrets
import socket
import time
from pathlib import Path
from typing import Any

from pymongo.errors import PyMongoError

from broker.adapters.mongo.client import Databases

_BEAT = 2.0
"""Seconds between heartbeats."""
_LOOK = 0.2
"""Seconds between two looks while others have not yet noticed this process."""
_GONE_AFTER = 15.0
"""Seconds without a heartbeat after which a process of another host counts as gone."""
_DEAD = frozenset("ZX")
"""States of processes that do nothing any more (proc(5))."""


class Presence:
    """This process among the brokers of one database. `token` names it in versions and in the outbox.

    `departures` moves whenever others have gone: they may have written, last of all, what is remembered here in an
    older state.
    """

    def __init__(self, databases: Databases) -> None:
        self._brokers = databases.main["brokers"]
        self._beats = 0
        self._heard: dict[str, tuple[int, float]] = {}
        self.token = secrets.token_hex(4)
        self.departures = 0
        self._living = {self.token}
        self._task: asyncio.Task[None] | None = None

    @property
    def living(self) -> set[str]:
        """The tokens of the processes that live, this one included."""
        return self._living

    @living.setter
    def living(self, tokens: set[str]) -> None:
        self.departures += not self._living <= tokens
        self._living = tokens

    @property
    def shared(self) -> bool:
        """Whether other processes serve the same database."""
        return len(self.living) > 1

    async def start(self) -> None:
        """Announce this process, and wait until those that live have noticed."""
        while not await self._beat():  # noqa: ASYNC110  # what is waited for happens in other processes
            await asyncio.sleep(_LOOK)
        self._task = asyncio.create_task(self._keep_beating())

    async def stop(self) -> None:
        """Take leave."""
        if self._task is not None:
            self._task.cancel()
        try:
            await self._brokers.delete_one({"_id": self.token})
        except PyMongoError:
            return

    async def _keep_beating(self) -> None:
        while True:
            await asyncio.sleep(_BEAT)
            try:
                await self._beat()
            except PyMongoError:
                continue

    async def _beat(self) -> bool:
        """One heartbeat; whether every other living process sees this one."""
        self._beats += 1
        mine = {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "started": _started(os.getpid()),
            "beat": self._beats,
            "sees": sorted(self.living),
        }
        await self._brokers.replace_one({"_id": self.token}, mine, upsert=True)
        others = await self._brokers.find({"_id": {"$ne": self.token}}).to_list()
        alive = [each for each in others if self._lives(each)]
        self.living = {self.token} | {each["_id"] for each in alive}
        gone = [each["_id"] for each in others if each["_id"] not in self.living]
        if gone:
            await self._brokers.delete_many({"_id": {"$in": gone}})
        return all(self.token in each["sees"] for each in alive)

    def _lives(self, broker: dict[str, Any]) -> bool:
        if broker["host"] == socket.gethostname() and broker["started"]:
            return bool(_started(broker["pid"]) == broker["started"])
        now = time.monotonic()
        beat, since = self._heard.get(broker["_id"], (None, now))
        if beat != broker["beat"]:
            since = now
        self._heard[broker["_id"]] = (broker["beat"], since)
        return now - since < _GONE_AFTER


def _started(pid: int) -> str:
    """When a process of this host started, in the kernel's ticks (proc(5)); empty where that can't be told.

    One that is dead, and only nobody has waited for it, has not started at all.
    """
    try:
        state, *numbers = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (OSError, ValueError):
        return ""
    return "" if state in _DEAD else numbers[18]
