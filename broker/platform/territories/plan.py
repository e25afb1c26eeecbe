"""Three brokers with data directories and databases of their own, on one MongoDB."""

import sys
from dataclasses import dataclass
from pathlib import Path

from broker.platform import mongod
from broker.platform.child import Child
from broker.platform.output import Console
from broker.platform.place import lock_data_directory, prepare_data_directory, require_free_port
from broker.platform.readiness import http_answers
from broker.platform.territories.places import TERRITORIES, Territory

_HOST = "127.0.0.1"
_START_SECONDS = 90.0


@dataclass(frozen=True, slots=True)
class Seat:
    """Where the broker of a territory runs."""

    territory: Territory
    url: str
    data_directory: Path


def seats(data_directory: Path, port: int) -> list[Seat]:
    """The seats of all territories, on consecutive ports."""
    return [
        Seat(each, f"http://{_HOST}:{port + number}", data_directory / each.alias)
        for number, each in enumerate(TERRITORIES)
    ]


def plan(data_directory: Path, port: int, mongo_url: str | None, console: Console) -> tuple[list[Seat], list[Child]]:
    """Where they sit, and the programs to run. Raises StartError where one can't."""
    for number in range(len(TERRITORIES)):
        advice = "Stop what listens there, or choose the first of three ports: --port 2026."
        require_free_port(_HOST, port + number, "A broker of the demonstration", advice)
    directory = prepare_data_directory(data_directory)
    lock_data_directory(directory)
    children = []
    if mongo_url is None:
        binary = mongod.find_mongod()
        mongod.version(binary)
        children.append(mongod.mongod_child(binary, directory, console))
    depends = tuple(child.name for child in children)
    found = seats(directory, port)
    for number, seat in enumerate(found):
        children.append(_broker(seat, number, port + number, mongo_url or mongod.url(directory), depends, console))
    return found, children


def _broker(seat: Seat, number: int, port: int, mongo_url: str, depends: tuple[str, ...], console: Console) -> Child:
    name = seat.territory.alias
    return Child(
        name=name,
        command=(
            *(sys.executable, "-m", "broker", "--host", _HOST, "--port", str(port), "--alias", name),
            *("--public-url", seat.url, "--data-dir", str(seat.data_directory), "--database", f"territory{number}"),
            *("--log-level", "warning"),
        ),
        receive=console.receiver(name),
        environment={"ECLOR_MONGO_URL": mongo_url, "ECLOR_SECRET_KEY": ""},
        ready=http_answers(_HOST, port, "/health"),
        depends=depends,
        start_seconds=_START_SECONDS,
    )
