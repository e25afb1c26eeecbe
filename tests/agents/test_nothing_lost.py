"""Messages of QoS 1 while the parts are killed: each is recorded once. The long run: `make soak`."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.agents.soak import Soak
from tests.chaos.platform_under_test import Platform

_SEED = 7


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[Platform]:
    if shutil.which("mosquitto") is None:
        pytest.skip("mosquitto is not installed")
    data = tmp_path / "data"
    data.mkdir()
    platform = Platform(data)
    await platform.start()
    yield platform
    await platform.stop()


async def test_every_message_is_in_the_history_once_whatever_is_killed(platform: Platform) -> None:
    soak = Soak(platform, 3_000, _SEED)
    await soak.run(rate=250, pause=(0.5, 2.0))
    assert sum(soak.kills.values()) >= 5
