"""The command `eclor`, as its user meets it."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from broker.cli import _wish
from broker.platform.child import StartError
from broker.platform.mongod import find_mongod
from broker.platform.mqtt import find_mosquitto
from broker.platform.options import build_parser
from broker.platform.output import Console
from broker.platform.place import socket_directory
from broker.platform.plan import Wish, make_plan
from broker.platform.run import report
from broker.settings import read as read_settings

_ROOT = Path(__file__).parents[2]
_PATIENCE_SECONDS = 60.0


def _free_port() -> int:
    with socket.socket() as candidate:
        candidate.bind(("127.0.0.1", 0))
        return int(candidate.getsockname()[1])


def _eclor(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "broker.cli", *arguments],
        capture_output=True,
        text=True,
        cwd=_ROOT,
        env={**os.environ, **environment},
        timeout=_PATIENCE_SECONDS,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [(("rnu",), "run"), (("run", "--prot", "1027"), "--port"), (("broker", "--mongo-uri", "x"), "--mongo-url")],
)
def test_what_is_unknown_is_answered_by_what_may_have_been_meant(arguments: tuple[str, ...], meant: str) -> None:
    done = _eclor(*arguments)
    assert done.returncode == 2
    assert f"Did you mean {meant}?" in done.stderr
    assert "--help" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", [(), ("run",), ("broker",), ("agents",), ("demo",)])
def test_help_teaches_with_examples(command: tuple[str, ...]) -> None:
    done = _eclor(*command, "--help")
    assert done.returncode == 0
    assert re.search(r"examples?:\n  eclor ", done.stdout)


@pytest.mark.parametrize("value", ["0", "65536", "-1", "http", "1.5"])
def test_a_port_that_is_none_is_refused(value: str) -> None:
    done = _eclor("broker", f"--port={value}")
    assert done.returncode == 2
    assert "a number from 1 to 65535" in done.stderr


def test_the_environment_sets_options_and_the_command_line_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECLOR_PORT", "2026")
    monkeypatch.setenv("ECLOR_MONGO_URL", "mongodb://db")
    options = build_parser().parse_args(["broker"])
    assert (options.port, options.mongo_url) == (2026, "mongodb://db")
    assert build_parser().parse_args(["broker", "--port", "3026"]).port == 3026


def test_a_wrong_value_in_the_environment_names_its_option() -> None:
    done = _eclor("broker", ECLOR_PORT="many")
    assert done.returncode == 2
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_taken_port_is_said_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = _eclor("broker", "--port", port, "--data-dir", str(tmp_path / "data"))
    assert done.returncode == 1
    assert "choose another: --port" in done.stderr
    assert not (tmp_path / "data").exists()


def _state_and_parent(pid: int) -> tuple[str, int]:
    """As proc(5) tells; `Z` for a process that is gone or only not yet waited for."""
    try:
        state, parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
    except (FileNotFoundError, ProcessLookupError):
        return "Z", 0
    return state, int(parent)


def _processes_started_by(parent: int) -> list[int]:
    everyone = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in everyone if _state_and_parent(pid)[1] == parent]


def _command_line(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")


class Served:
    """`eclor broker`, or another command, on an embedded mongod."""

    def __init__(self, data: Path, *more: str, command: str = "broker") -> None:
        self.port = _free_port()
        self.log = data.parent / f"output-{self.port}"
        program = [sys.executable, "-m", "broker.cli", command, "--log", "text", "--data-dir", str(data)]
        with self.log.open("w") as output:
            self.process = subprocess.Popen(
                [*program, "--port", str(self.port), *more], stdout=output, stderr=subprocess.STDOUT, cwd=_ROOT
            )
        self.wait_for("is running")

    def wait_for(self, words: str, times: int = 1) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while self.log.read_text().count(words) < times:
            assert time.monotonic() < deadline, self.log.read_text()
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.05)

    def children(self, words: str) -> list[int]:
        """Process ids of the children whose command line has these words."""
        return [pid for pid in _processes_started_by(self.process.pid) if words in _command_line(pid)]

    def ask(self, path: str, body: object = None) -> int:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} if body is not None else {}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, headers)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return int(answer.status)


# Who started whom is read from /proc, and the signal for a parent's death is Linux's.
linux = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")


@pytest.fixture
def served(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Served]:
    try:
        find_mongod()
    except StartError as missing:
        pytest.skip(str(missing))
    data = tmp_path / ("a-long-name-" * 10)
    broker = Served(data, *getattr(request, "param", ()))
    yield broker
    if broker.process.poll() is None:
        broker.process.terminate()
        broker.process.wait(_PATIENCE_SECONDS)
    elsewhere = socket_directory(data, "mongodb-27017.sock")
    assert data not in elsewhere.parents, "the path is too long for a socket"
    shutil.rmtree(elsewhere)


_ROOM = {"id": "urn:ngsi-ld:Room:1", "type": "Room", "temperature": {"type": "Property", "value": 21.5}}
_ROOM_PATH = "/ngsi-ld/v1/entities/urn:ngsi-ld:Room:1"


@linux
def test_the_broker_alone_serves_from_an_embedded_mongodb_and_recovers(served: Served) -> None:
    assert served.ask("/ngsi-ld/v1/entities", _ROOM) == 201
    (process,) = served.children("-m broker --host")
    os.kill(process, signal.SIGKILL)
    served.wait_for("broker is back")
    assert served.ask(_ROOM_PATH) == 200
    (process,) = served.children("mongod --dbpath")
    os.kill(process, signal.SIGKILL)
    served.wait_for("mongodb is back")
    assert served.ask(_ROOM_PATH) == 200
    assert served.ask("/ngsi-ld/v1/entities", {**_ROOM, "id": "urn:ngsi-ld:Room:2"}) == 201
    served.process.send_signal(signal.SIGINT)
    assert served.process.wait(_PATIENCE_SECONDS) == 0
    assert "did not stop" not in served.log.read_text()


@linux
@pytest.mark.parametrize("served", [("--workers", "2")], indirect=True)
def test_no_broker_process_outlives_a_killed_supervisor(served: Served) -> None:
    processes = [*served.children("-m broker --host"), *served.children("mongod --dbpath")]
    assert len(processes) == 3
    assert served.ask("/ngsi-ld/v1/entities", _ROOM) == 201
    served.process.kill()
    served.process.wait()
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while any(_state_and_parent(pid)[0] != "Z" for pid in processes):
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def whole_platform(tmp_path: Path) -> Iterator[Served]:
    try:
        find_mongod()
    except StartError as missing:
        pytest.skip(str(missing))
    ports = ("--mqtt-port", str(_free_port()), "--agents-port", str(_free_port()))
    more = (*ports, "--south-port", "0", "--demo", "--devices", "20", "--rate", "30")
    platform = Served(tmp_path / "data", *more, command="run")
    yield platform
    if platform.process.poll() is None:
        platform.process.terminate()
        platform.process.wait(_PATIENCE_SECONDS)


def _descendants(pid: int) -> list[int]:
    found = []
    for child in _processes_started_by(pid):
        found += [child, *_descendants(child)]
    return found


@linux
def test_the_whole_platform_survives_the_death_of_any_part(whole_platform: Served) -> None:
    whole_platform.wait_for("notified")
    for name, words in (
        ("mongodb", "--dbpath"),
        ("mqtt", "mosquitto" if find_mosquitto() else "amqtt_server"),
        ("broker", "-m broker --host"),
        ("agents", "-m agents --broker-url"),
        ("demo", "-m agents.demo"),
    ):
        (process,) = whole_platform.children(words)
        os.kill(process, signal.SIGKILL)
        whole_platform.wait_for(f"{name} is back")
    told = whole_platform.log.read_text().count("notified")
    whole_platform.wait_for("notified", told + 1)
    everybody = _descendants(whole_platform.process.pid)
    whole_platform.process.send_signal(signal.SIGINT)
    assert whole_platform.process.wait(_PATIENCE_SECONDS) == 0
    assert all(_state_and_parent(pid)[0] == "Z" for pid in everybody)
    assert "did not stop" not in whole_platform.log.read_text()


@linux
def test_nothing_of_the_whole_platform_outlives_a_killed_supervisor(whole_platform: Served) -> None:
    whole_platform.wait_for("notified")
    everybody = _descendants(whole_platform.process.pid)
    assert len(everybody) >= 5
    whole_platform.process.kill()
    whole_platform.process.wait()
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while left := [_command_line(pid) for pid in everybody if _state_and_parent(pid)[0] != "Z"]:
        assert time.monotonic() < deadline, left
        time.sleep(0.02)


@linux
def test_addresses_with_passwords_are_on_no_command_line_of_ours(tmp_path: Path) -> None:
    secret = "s3cret"
    wish = Wish(
        data_directory=tmp_path,
        port=_free_port(),
        agents_port=_free_port(),
        mongo_url=f"mongodb://jane:{secret}@127.0.0.1:9",
        mqtt_url=f"mqtt://jane:{secret}@127.0.0.1:9",
        agents=True,
        demo=True,
    )
    plan = make_plan(wish, Console("text"))
    assert [child.name for child in plan.children] == ["broker", "agents", "demo"]
    assert secret not in str([child.command for child in plan.children])
    assert secret not in report(wish, plan)
    assert plan.children[0].environment["ECLOR_MONGO_URL"] == wish.mongo_url


@linux
@pytest.mark.parametrize(("given", "port"), [((), 7896), (("--south-port", "0"), 0), (("--south-port", "81"), 81)])
def test_the_port_for_devices_over_http_is_an_option_of_run(tmp_path: Path, given: tuple[str, ...], port: int) -> None:
    assert build_parser().parse_args(["run", *given]).south_port == port
    wish = Wish(
        data_directory=tmp_path,
        port=_free_port(),
        agents_port=_free_port(),
        south_port=port,
        mongo_url="mongodb://127.0.0.1:9",
        mqtt_url="mqtt://127.0.0.1:9",
        agents=True,
    )
    agents = next(child for child in make_plan(wish, Console("text")).children if child.name == "agents")
    assert agents.command[agents.command.index("--south-port") + 1] == str(port)


@linux
@pytest.mark.parametrize("command", ["run", "broker"])
def test_4_3_6_7_split_entities_are_an_option_of_run_and_broker(tmp_path: Path, command: str) -> None:
    options = build_parser().parse_args([command, "--split-entities", "on", "--data-dir", str(tmp_path)])
    wish = replace(_wish(options), port=_free_port(), agents=False, mongo_url="mongodb://127.0.0.1:9")
    (broker,) = make_plan(wish, Console("text")).children
    assert broker.command[broker.command.index("--split-entities") + 1] == "on"
    assert read_settings(broker.command[3:], {}).split_entities
    (unasked,) = make_plan(replace(wish, split_entities=None), Console("text")).children
    assert "--split-entities" not in unasked.command
    with pytest.raises(SystemExit):
        build_parser().parse_args([command, "--split-entities", "yes"])


@linux
@pytest.mark.parametrize("command", ["run", "broker"])
def test_the_web_pages_that_may_write_are_an_option_of_run_and_broker(tmp_path: Path, command: str) -> None:
    options = build_parser().parse_args([command, "--cors-origins", "https://a,https://b", "--data-dir", str(tmp_path)])
    wish = replace(_wish(options), port=_free_port(), agents=False, mongo_url="mongodb://127.0.0.1:9")
    (broker,) = make_plan(wish, Console("text")).children
    assert read_settings(broker.command[3:], {}).cors_origins == ("https://a", "https://b")


@linux
def test_the_agents_alone_hide_the_passwords_of_the_environment(tmp_path: Path) -> None:
    url = "mqtt://jane:s3cret@127.0.0.1:9"
    command = [sys.executable, "-m", "broker.cli", "agents", "--port", str(_free_port())]
    with (tmp_path / "output").open("w") as output:
        environment = {**os.environ, "ECLOR_MQTT_URL": url}
        agents = subprocess.Popen(command, stdout=output, stderr=output, cwd=_ROOT, env=environment)
    try:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while "-m agents" not in _command_line(agents.pid):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert "s3cret" not in _command_line(agents.pid)
    finally:
        agents.terminate()
        agents.wait(_PATIENCE_SECONDS)
    assert "s3cret" not in (tmp_path / "output").read_text()
