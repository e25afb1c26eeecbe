"""Broker processes that share a database notice each other before they serve."""

import asyncio
import os
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from broker.adapters.mongo import presence as presence_module
from broker.adapters.mongo.client import Databases, connect
from broker.adapters.mongo.presence import Presence, _started


@pytest.fixture
async def databases(mongo_url: str) -> AsyncIterator[Databases]:
    client = connect(mongo_url)
    made = Databases(client)
    await made.main["brokers"].delete_many({})
    yield made
    await client.close()


async def test_alone_it_serves_at_once_and_shares_with_nobody(databases: Databases) -> None:
    alone = Presence(databases)
    await alone.start()
    assert not alone.shared
    await alone.stop()
    assert await databases.main["brokers"].count_documents({}) == 0


async def test_the_second_serves_only_when_the_first_knows_of_it(databases: Databases) -> None:
    first, second = Presence(databases), Presence(databases)
    await first.start()
    await second.start()
    assert first.shared
    assert second.shared
    assert first.token != second.token
    await first.stop()
    await second.stop()


async def test_a_first_that_does_not_look_keeps_the_second_waiting(databases: Databases) -> None:
    first, second = Presence(databases), Presence(databases)
    await first._beat()
    start = asyncio.create_task(second.start())
    await asyncio.sleep(1)
    assert not start.done()
    await first._beat()
    await first._beat()
    await start
    assert first.living == second.living == {first.token, second.token}
    await second.stop()


async def test_a_process_of_this_host_that_is_gone_is_cleared_away_at_once(databases: Databases) -> None:
    dead = {"_id": "dead", "host": socket.gethostname(), "pid": 1, "started": "no such time", "beat": 1, "sees": []}
    await databases.main["brokers"].insert_one(dead)
    presence = Presence(databases)
    await presence.start()
    assert not presence.shared
    assert await databases.main["brokers"].find_one({"_id": "dead"}) is None
    await presence.stop()


@pytest.fixture(name="unwaited")
def process_that_nobody_waits_for() -> Iterator[dict[str, Any]]:
    """What a process said of itself that has died since, and is not yet waited for."""
    with subprocess.Popen(["sleep", "60"]) as process:
        started = _started(process.pid)
        process.kill()
        if not started:
            pytest.skip("processes are watched in /proc")
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert Path(f"/proc/{process.pid}").exists()
        yield {"host": socket.gethostname(), "pid": process.pid, "started": started}


async def test_a_dead_process_that_nobody_waits_for_is_gone(databases: Databases, unwaited: dict[str, Any]) -> None:
    await databases.main["brokers"].insert_one({"_id": "dead", **unwaited, "beat": 1, "sees": []})
    presence = Presence(databases)
    async with asyncio.timeout(30):
        await presence.start()
    assert not presence.shared
    await presence.stop()


async def test_where_the_host_tells_nothing_of_processes_their_heartbeat_does(
    databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence_module, "_started", lambda _: "")
    monkeypatch.setattr(presence_module, "_GONE_AFTER", 1.0)
    here = {"host": socket.gethostname(), "pid": 1, "started": ""}
    await databases.main["brokers"].insert_one({"_id": "silent", **here, "beat": 1, "sees": []})
    presence = Presence(databases)
    async with asyncio.timeout(30):
        await presence.start()
    assert not presence.shared
    await presence.stop()
