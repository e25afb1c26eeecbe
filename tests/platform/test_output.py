"""Output of several programs: readable, structured, bounded."""

import asyncio
import io
import sys
from pathlib import Path

import orjson
import pytest

from broker.platform import output
from broker.platform.child import Child
from broker.platform.output import BoundedFile, Console, mongod_receiver
from broker.platform.process import Process


def test_structured_lines_read_as_text_with_their_level() -> None:
    stream = io.StringIO()
    receive = Console("text", stream).receiver("broker")
    receive('{"event": "serving", "level": "info", "timestamp": "2026-11-23T20:00:00Z", "port": 1026}')
    receive('{"event": "slow", "level": "warning"}')
    receive("not structured {")
    first, second, third = stream.getvalue().splitlines()
    assert first.endswith(" broker   serving port=1026")
    assert second.endswith(" broker   WARNING slow")
    assert third.endswith(" broker   not structured {")


def test_json_output_is_one_object_a_line_whatever_the_child_prints() -> None:
    stream = io.StringIO()
    receive = Console("json", stream).receiver("broker")
    receive('{"event": "serving", "level": "info", "port": 1026}')
    receive("Traceback")
    first, second = (orjson.loads(line) for line in stream.getvalue().splitlines())
    assert (first["process"], first["event"], first["port"]) == ("broker", "serving", 1026)
    assert (second["process"], second["event"], second["level"]) == ("broker", "Traceback", "info")
    assert "timestamp" in second


def test_a_closed_terminal_stops_nothing() -> None:
    stream = io.StringIO()
    console = Console("text", stream)
    stream.close()
    console.say("to nobody")
    console.say("and again")


def test_a_terminal_without_a_character_shows_another_and_goes_on() -> None:
    raw = io.BytesIO()
    console = Console("text", io.TextIOWrapper(raw, encoding="ascii"))
    console.say("Villerupt, rue de l'Église …")
    console.say("next")
    assert raw.getvalue().splitlines() == [b"Villerupt, rue de l'?glise ?", b"next"]


async def test_a_child_prints_utf_8_whatever_the_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "en_US.ISO-8859-1")
    lines: list[str] = []
    process = await Process.start(Child("a", (sys.executable, "-c", "print('Rédange')"), lines.append), lines.append)
    assert await asyncio.wait_for(process.end(), 20) == 0
    assert lines == ["Rédange"]


def test_mongod_shows_warnings_but_not_those_of_every_start(tmp_path: Path) -> None:
    stream = io.StringIO()
    receive = mongod_receiver(Console("text", stream), BoundedFile(tmp_path / "log"))
    receive('{"s": "I", "msg": "usual"}')
    receive('{"s": "W", "msg": "no access control", "tags": ["startupWarnings"]}')
    assert stream.getvalue() == ""
    receive('{"s": "E", "msg": "disk full"}')
    assert "ERROR disk full" in stream.getvalue()
    assert len((tmp_path / "log").read_text().splitlines()) == 3


def test_the_log_file_stays_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "_FILE_BYTES", 10_000)
    log = BoundedFile(tmp_path / "log")
    for _ in range(100):
        log.write("x" * 1_000_000)
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 20_000


async def test_a_child_may_print_a_line_without_end() -> None:
    lines: list[str] = []
    program = "import sys; sys.stdout.write('x' * 1_000_000 + '\\nlast')"
    process = await Process.start(Child("talker", (sys.executable, "-c", program), lines.append), lines.append)
    assert await asyncio.wait_for(process.end(), 20) == 0
    assert lines[-1] == "last"
    assert sum(len(line) for line in lines) == 1_000_004
    assert max(len(line) for line in lines) < 400_000
