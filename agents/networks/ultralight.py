"""UltraLight 2.0: measures as `name|value` pairs, groups of them parted by `#`, commands as `device@command|value`."""

from collections.abc import Mapping
from typing import Any

import orjson

from agents.core.errors import MalformedMessage

NETWORK = "ultralight"
GROUPS_LIMIT = 1_000
"""Groups in one message; what a device may have saved up while it had no connection."""
_FIELDS_LIMIT = 512


def groups(text: str) -> list[dict[str, Any]]:
    """Read a message; each group is a measure, with `TimeInstant` where an instant stands before its pairs.

    Raises:
        MalformedMessage: A field is empty, a group has no pair, or there are too many.
    """
    parts = text.strip().split("#")
    if len(parts) > GROUPS_LIMIT:
        raise MalformedMessage(f"a message holds at most {GROUPS_LIMIT} groups")
    return [_group(part.removeprefix("|")) for part in parts]


def _group(part: str) -> dict[str, Any]:
    fields = part.split("|")
    if not all(fields):
        raise MalformedMessage("UltraLight: a group is name|value|name|value…, and no field is empty")
    if len(fields) > _FIELDS_LIMIT:
        raise MalformedMessage(f"UltraLight: a group has at most {_FIELDS_LIMIT} fields")
    measure: dict[str, Any] = {}
    if len(fields) % 2:
        measure["TimeInstant"] = fields.pop(0)
        if not fields:
            raise MalformedMessage("UltraLight: a group is name|value|name|value…")
    for name, text in zip(fields[::2], fields[1::2], strict=True):
        measure[name] = value(text)
    return measure


def value(text: str) -> Any:
    """A value: JSON where it reads as that, else text."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def result(text: str) -> tuple[str, str, str]:
    """Read `device@command|result`: device, command, result.

    Raises:
        MalformedMessage: It is not of that form.
    """
    head, bar, outcome = text.strip().partition("|")
    device, at, command = head.rpartition("@")
    if not (bar and at and device and command):
        raise MalformedMessage("UltraLight: the result of a command is device@command|result")
    return device, command, outcome


def command(device: str, name: str, argument: Any) -> str:
    """Write a command: `device@command|value`, or `device@command|a=1|b=2` for an object."""
    if isinstance(argument, Mapping):
        shown = "|".join(f"{key}={_text(each)}" for key, each in argument.items())
    else:
        shown = _text(argument)
    return f"{device}@{name}|{shown}"


def configuration(text: str) -> list[str]:
    """The names a device asks for with `configuration|a|b` (or `subscription|a|b`).

    Raises:
        MalformedMessage: It is not of that form.
    """
    kind, *names = text.strip().split("|")
    if kind not in ("configuration", "subscription") or not names or not all(names) or len(names) > _FIELDS_LIMIT:
        raise MalformedMessage("UltraLight: a device asks with configuration|name|name…")
    return names


def _text(argument: Any) -> str:
    if isinstance(argument, str):
        return argument
    return "" if argument is None else orjson.dumps(argument).decode()
