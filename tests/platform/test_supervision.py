"""What is promised about dying: a killed child comes back, a killed supervisor leaves nobody behind, data survive."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pymongo import MongoClient, WriteConcern

from broker.platform.child import StartError
from broker.platform.mongod import find_mongod, url

_PROGRAM = Path(__file__).parent / "supervised.py"
_ROOT = Path(__file__).parents[2]
_PATIENCE_SECONDS = 30.0


def _until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"not within {_PATIENCE_SECONDS} s: {what}"
        time.sleep(0.02)


def _alive(pid: int) -> bool:
    """Whether the process runs; one that is dead and only not yet waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


class Platform:
    """A supervisor with mongod and stubs, and what it printed."""

    def __init__(self, data: Path, *stubs: str) -> None:
        self.data, self.log = data, data.parent / "output"
        with self.log.open("w") as output:
            command = [sys.executable, str(_PROGRAM), str(data), *stubs]
            environment = {**os.environ, "PYTHONPATH": str(_ROOT)}
            self.process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment)
        _until(lambda: "READY" in self.text or self.process.poll() is not None, "the platform is ready")
        found = re.search(r"READY (\{.*\})", self.text)
        assert found is not None, self.text
        self.pids: dict[str, int] = json.loads(found[1])

    @property
    def text(self) -> str:
        return self.log.read_text()

    def inner_pids(self) -> list[int]:
        return [int(pid) for pid in re.findall(r"inner (\d+)", self.text)]

    def client(self) -> "MongoClient[dict[str, object]]":
        return MongoClient(url(self.data), serverSelectionTimeoutMS=20_000)

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(_PATIENCE_SECONDS)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Platform]]:
    try:
        find_mongod()
    except StartError as missing:
        pytest.skip(str(missing))
    data = tmp_path / "data"
    data.mkdir()
    started: list[Platform] = []

    def begin(*stubs: str) -> Platform:
        started.append(Platform(data, *stubs))
        return started[-1]

    yield begin
    for platform in started:
        if platform.process.poll() is None:
            platform.stop()


linux = pytest.mark.skipif(sys.platform != "linux", reason="the signal for a parent's death is Linux's")


@linux
def test_sigkill_of_the_supervisor_leaves_no_orphan(start: Callable[..., Platform]) -> None:
    platform = start("one", "two")
    children = list(platform.pids.values())
    assert all(_alive(pid) for pid in children)
    platform.process.kill()
    platform.process.wait()
    _until(lambda: not any(_alive(pid) for pid in children), "all children are gone")
    for pid in platform.inner_pids():
        os.kill(pid, signal.SIGKILL)


def test_data_survive_sigkill_of_the_supervisor(start: Callable[..., Platform]) -> None:
    platform = start()
    with platform.client() as client:
        client["kept"]["things"].with_options(write_concern=_journaled()).insert_one({"_id": "one"})
    platform.process.kill()
    platform.process.wait()
    # At once: the mongod of before may still be on its way out, and holds the data until then.
    again = start()
    with again.client() as client:
        assert client["kept"]["things"].find_one() == {"_id": "one"}
    assert again.stop() == 0


def test_a_killed_mongod_comes_back_with_its_data(start: Callable[..., Platform]) -> None:
    platform = start("other")
    with platform.client() as client:
        client["kept"]["things"].with_options(write_concern=_journaled()).insert_one({"_id": "one"})
    os.kill(platform.pids["mongodb"], signal.SIGKILL)
    _until(lambda: "mongodb is back" in platform.text, "mongod is back")
    assert "mongodb ended (killed by SIGKILL), restarting in 0.2 s" in platform.text
    with platform.client() as client:
        assert client["kept"]["things"].find_one() == {"_id": "one"}
    assert _alive(platform.pids["other"]), "what did not die is not restarted"
    assert "other ended" not in platform.text


@linux
def test_a_killed_child_takes_what_it_started_with_it_and_comes_back(start: Callable[..., Platform]) -> None:
    platform = start("one")
    (inner,) = platform.inner_pids()
    os.kill(platform.pids["one"], signal.SIGKILL)
    _until(lambda: "one is back" in platform.text, "the child is back")
    assert not _alive(inner)
    assert _alive(platform.pids["mongodb"])


@linux
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_ends_everything_in_order_and_is_a_success(start: Callable[..., Platform], number: int) -> None:
    platform = start("one")
    everybody = [*platform.pids.values(), *platform.inner_pids()]
    platform.process.send_signal(number)
    assert platform.process.wait(_PATIENCE_SECONDS) == 0
    assert not any(_alive(pid) for pid in everybody)
    assert "restarting" not in platform.text
    assert "killed" not in platform.text


def _journaled() -> WriteConcern:
    return WriteConcern(j=True)
