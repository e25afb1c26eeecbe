"""Which broker processes share the database.

Each writes a heartbeat. One that finds others alive at its start waits until they must have seen it, before it
serves: so that none answers from its own memory while another one writes (`shared`).
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
_DEAD_AFTER = 15.0
"""Seconds without a heartbeat after which a process counts as dead; one on this host is looked up at once."""


class Presence:
    """This process among the brokers of one database. `token` names it in versions and in the outbox."""

    def __init__(self, databases: Databases) -> None:
        self._brokers = databases.main["brokers"]
        self.token = secrets.token_hex(4)
        self.living: set[str] = {self.token}
        self._task: asyncio.Task[None] | None = None

    @property
    def shared(self) -> bool:
        """Whether other processes serve the same database."""
        return len(self.living) > 1

    async def start(self) -> None:
        """Announce this process; wait for the others to notice, where there are others."""
        await self._beat()
        if self.shared:
            await asyncio.sleep(_BEAT * 1.5)
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

    async def _beat(self) -> None:
        mine = {"host": socket.gethostname(), "pid": os.getpid(), "started": _started(os.getpid()), "beat": time.time()}
        await self._brokers.replace_one({"_id": self.token}, mine, upsert=True)
        others = await self._brokers.find({"_id": {"$ne": self.token}}).to_list()
        self.living = {self.token} | {each["_id"] for each in others if _lives(each)}
        gone = [each["_id"] for each in others if each["_id"] not in self.living]
        if gone:
            await self._brokers.delete_many({"_id": {"$in": gone}})


def _lives(broker: dict[str, Any]) -> bool:
    if time.time() - broker["beat"] > _DEAD_AFTER:
        return False
    return bool(broker["host"] != socket.gethostname() or _started(broker["pid"]) == broker["started"])


def _started(pid: int) -> str:
    """When a process of this host started, in the kernel's ticks (proc(5)); empty where that can't be told."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
