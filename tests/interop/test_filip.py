"""FIWARE's Python client filip, unmodified, provisions our agents.

`ECLOR_FILIP_PYTHON` names a Python that has filip installed (docs/agents.md); it is no dependency of ours.
"""

import asyncio
import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.agents.conftest import Mosquitto
from tests.interop.servers import ROOT, agents

_PYTHON = os.environ.get("ECLOR_FILIP_PYTHON", "")
pytestmark = pytest.mark.skipif(not _PYTHON, reason="ECLOR_FILIP_PYTHON names no Python that has filip installed")


async def test_groups_and_devices_of_filip_are_created_read_changed_and_removed(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    async with agents("http://127.0.0.1:9", mosquitto.url, tmp_path) as url:
        command = [_PYTHON, str(ROOT / "tests" / "interop" / "filip_session.py"), url]
        ran = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr[-3000:]
    told = json.loads(ran.stdout.splitlines()[-1])
    assert {"libVersion", "port", "baseRoot", "version"} <= set(told.pop("about"))
    assert told == {
        "group": "Hall",
        "groups": 1,
        "device": ["urn:ngsi-ld:Room:1", "humidity", "heater", "battery"],
        "attributes": ["humidity", "co2"],
        "listed": ["room1"],
        "level": "INFO",
        "there": False,
        "left": 0,
    }
