"""Where the platform may live: its data directory, sockets inside it, and ports nobody else uses."""

import fcntl
import hashlib
import os
import socket
import stat
import tempfile
import time
from pathlib import Path

from broker.platform.child import StartError

# sockaddr_un.sun_path holds 108 bytes with the final NUL (unix(7)); macOS has 104.
_SOCKET_PATH_BYTES = 103
# A predecessor that was killed gives its port back within this time, in seconds.
_PORT_PATIENCE_SECONDS = 3.0
_PRIVATE = 0o700


def prepare_data_directory(path: Path) -> Path:
    """The directory as an absolute path, created with access for its owner alone. Raises StartError."""
    directory = path.expanduser().resolve()
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=_PRIVATE)
    except OSError as error:
        raise StartError(
            f"Cannot use {directory} for data: {error.strerror}. Name another directory with --data-dir DIR."
        ) from error
    if not os.access(directory, os.W_OK | os.X_OK):
        raise StartError(f"Cannot write to {directory}. Name another directory with --data-dir DIR.")
    return directory


def lock_data_directory(directory: Path) -> int:
    """Hold the directory for this process until it ends, however it ends; the descriptor that holds it.

    Raises StartError when another process holds it.
    """
    descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.read(descriptor, 20).decode(errors="replace").strip() or "unknown"
        os.close(descriptor)
        raise StartError(
            f"ECLOR runs already on {directory} (process {holder}). Stop it first, or give this one a directory and "
            "ports of its own: --data-dir DIR --port PORT (see eclor run --help)."
        ) from error
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode())
    return descriptor


def socket_directory(data_directory: Path, name: str) -> Path:
    """A directory for the unix socket `name`: inside the data directory, or a short one where that path is too long.

    mongod also takes a comma in the path for the end of it. Raises StartError.
    """
    inside = data_directory / "run"
    if len(os.fsencode(inside / name)) <= _SOCKET_PATH_BYTES and "," not in str(inside):
        inside.mkdir(mode=_PRIVATE, exist_ok=True)
        return inside
    mark = hashlib.sha256(os.fsencode(data_directory)).hexdigest()[:12]
    short = Path(tempfile.gettempdir()) / f"eclor-{os.getuid()}-{mark}"
    short.mkdir(mode=_PRIVATE, exist_ok=True)
    found = short.lstat()
    # Somebody else may have made it first, to read along.
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) != _PRIVATE:
        raise StartError(f"{short} is not a private directory of this user. Remove it, or use a shorter --data-dir.")
    return short


def require_free_port(host: str, port: int, what: str, advice: str) -> None:
    """Raise StartError, with what it was for and what to do, unless a server could listen there."""
    deadline = time.monotonic() + _PORT_PATIENCE_SECONDS
    while (problem := _why_not(host, port)) is not None:
        if time.monotonic() > deadline or isinstance(problem, PermissionError):
            raise StartError(f"{what} cannot listen on {host}:{port}: {problem.strerror}. {advice}")
        time.sleep(0.1)


def _why_not(host: str, port: int) -> OSError | None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as candidate:
        # As servers do: what is left of closed connections is no obstacle, a listening socket is.
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind((host, port))
            candidate.listen(1)
        except OSError as error:
            return error
    return None
