import importlib.util
import random
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from broker.platform.child import StartError
from broker.platform.mongod import find_mongod
from tests.chaos.platform_under_test import Platform
from tests.chaos.receiver import Receiver


@pytest.fixture(name="seed")
def printed_seed() -> int:
    """Another one in each run; pytest shows it when a test fails."""
    seed = random.SystemRandom().randrange(1_000_000)
    print(f"seed {seed}")
    return seed


@pytest.fixture(name="data")
def data_directory() -> Iterator[Path]:
    """A data directory whose path is short enough for a socket."""
    if not sys.platform.startswith("linux"):
        pytest.skip("processes are found and watched in /proc")
    if importlib.util.find_spec("agents") is None or not Path(sys.executable).with_name("eclor").exists():
        pytest.skip("the command `eclor` is not installed beside this Python")
    try:
        find_mongod()
    except StartError as error:
        pytest.skip(str(error))
    directory = Path(tempfile.mkdtemp(prefix="chaos-"))
    (directory / "data").mkdir()
    yield directory / "data"
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(name="platform")
async def running_platform(data: Path) -> AsyncIterator[Platform]:
    platform = Platform(data)
    try:
        await platform.start()
        yield platform
    finally:
        await platform.stop()


@pytest.fixture(name="receiver")
async def running_receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    await receiver.start()
    yield receiver
    await receiver.stop()
