import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from broker.platform.child import StartError
from broker.platform.mongod import find_mongod
from tests.chaos.platform_under_test import Platform
from tests.hostile.client import Client

KEPT: dict[str, Any] = {
    "id": "urn:ngsi-ld:Kept:1",
    "type": "Kept",
    "text": {"type": "Property", "value": "a" * 5_000 + "!"},
    "number": {"type": "Property", "value": 7},
}
"""Stored before anything hostile happens, and the same afterwards."""


@pytest.fixture(scope="session", name="platform")
def running_platform() -> Iterator[Platform]:
    try:
        find_mongod()
    except StartError as error:
        pytest.skip(str(error))
    directory = Path(tempfile.mkdtemp(prefix="hostile-"))
    (directory / "data").mkdir()
    platform = Platform(directory / "data")
    try:
        asyncio.run(platform.start())
        before = platform.pids()
        yield platform
        after = platform.pids()
        assert {name: after.get(name) for name in ("broker", "agents", "mongodb")} == {
            name: before[name] for name in ("broker", "agents", "mongodb")
        }, "a process died of it"
    finally:
        asyncio.run(platform.stop())
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(name="client")
async def unharmed(platform: Platform) -> AsyncIterator[Client]:
    """A client of the broker, for which what was stored before is stored after."""
    async with Client(platform.port) as client:
        await client.call("POST", "/entities", KEPT)
        yield client
        answer = await client.call("GET", f"/entities/{KEPT['id']}")
        assert answer.json == KEPT
