"""What the user sees of several programs at once: one line each, with the name of who said it.

The format `text` is for people: time, name, message. `json` is one object per line, for whatever collects logs.
"""

import io
import re
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from logging import FileHandler, LogRecord, makeLogRecord
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, Literal, TextIO

import orjson

Format = Literal["text", "json"]

_NAME_WIDTH = 8
# Two generations of 2 MB each: days of a quiet mongod, and nothing a small disk would notice.
_FILE_BYTES = 2_000_000
_FILE_GENERATIONS = 1
_LINE_CHARACTERS = 4_000
_MEMBERS_OF_EVERY_LINE = frozenset({"event", "level", "timestamp"})
_OWN_CLOCK = re.compile(r"^\d\d:\d\d:\d\d\s+")
_MONGOD_LEVELS = {"W": "warning", "E": "error", "F": "critical"}


class Console:
    """The terminal (or file, or pipe) that all output goes to; goes silent when it is closed on the other side."""

    def __init__(self, style: Format, stream: TextIO | None = None) -> None:
        self._style = style
        self._stream: TextIO | None = stream or sys.stdout
        if isinstance(self._stream, io.TextIOWrapper):
            # A terminal that cannot show a character shows another.
            self._stream.reconfigure(errors="replace")

    def say(self, text: str) -> None:
        """Print text of the platform itself as it stands, such as the start-up report."""
        self._write(text)

    def event(self, name: str, level: str, event: str, **members: Any) -> None:
        """Print one structured line of the program `name`."""
        self._line(name, {"level": level, "event": event, **members})

    def receiver(self, name: str) -> Callable[[str], None]:
        """What takes the output of the child `name`, line by line: JSON objects with an `event`, or plain text."""

        def receive(line: str) -> None:
            members = parse_object(line)
            if members is None or "event" not in members:
                # Every line gets the time: what a program for people printed in front need not stand there twice.
                members = {"level": "info", "event": _OWN_CLOCK.sub("", line, count=1)}
            self._line(name, members)

        return receive

    def _line(self, name: str, members: dict[str, Any]) -> None:
        if self._style == "json":
            stamp = datetime.now(UTC).isoformat(timespec="milliseconds")
            self._write(orjson.dumps({"timestamp": stamp, "process": name, **members}, default=str).decode())
        else:
            self._write(f"{time.strftime('%H:%M:%S')} {name:<{_NAME_WIDTH}} {as_text(members)}")

    def _write(self, text: str) -> None:
        if self._stream is None:
            return
        try:
            print(text, file=self._stream, flush=True)
        except (BrokenPipeError, ValueError):
            # Nobody reads any more (`eclor run | head`): that is no reason to stop serving.
            self._stream = None


def parse_object(line: str) -> dict[str, Any] | None:
    """The JSON object that the line is, or None."""
    if not line.startswith("{"):
        return None
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def as_text(members: dict[str, Any]) -> str:
    """`event key=value …`, with the level in front unless it is `info`."""
    level = str(members.get("level", "info"))
    words = [] if level == "info" else [level.upper()]
    words.append(str(members["event"]))
    words += [f"{key}={value}" for key, value in members.items() if key not in _MEMBERS_OF_EVERY_LINE]
    return " ".join(words)


class BoundedFile:
    """A log file that never grows beyond twice `_FILE_BYTES`, whatever is written to it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handler: FileHandler = RotatingFileHandler(
            path, maxBytes=_FILE_BYTES, backupCount=_FILE_GENERATIONS, encoding="utf-8", delay=True
        )

    def write(self, line: str) -> None:
        """Append one line, cut at `_LINE_CHARACTERS`."""
        record: LogRecord = makeLogRecord({"msg": line[:_LINE_CHARACTERS]})
        self._handler.handle(record)


def mongod_receiver(console: Console, log: BoundedFile) -> Callable[[str], None]:
    """All that mongod says goes to the file; the user sees warnings and worse, without those of every start."""

    def receive(line: str) -> None:
        log.write(line)
        members = parse_object(line)
        if members is None or "startupWarnings" in members.get("tags", ()):
            return
        level = _MONGOD_LEVELS.get(str(members.get("s")))
        if level is not None:
            console.event("mongodb", level, str(members.get("msg")), log=str(log.path))

    return receive
