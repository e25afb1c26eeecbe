"""What a LoRaWAN network server tells of a device: an uplink, or the state of the device or of a downlink."""

import base64
import binascii
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agents.core.commands import CommandStatus
from agents.core.errors import MalformedMessage
from agents.core.model import Instant, Uplink

FRAME_LIMIT = 242
"""Bytes of the longest application payload of LoRaWAN."""
PORT_LIMIT = 255
COUNTER_LIMIT = 2**32 - 1
_TEXT_LIMIT = 4 * FRAME_LIMIT  # characters: hex takes twice, base64 1.4 times the bytes
_EUI = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class NetworkEvent:
    """One message of a network server. What it does not tell is `None` or empty."""

    network: str
    kind: str
    """The network's own name of the kind: `up`, `join`, `status`, `ack`, `down/sent` …"""
    device_id: str
    """The devEUI in lower hex, or the identifier the network knows the device by."""
    uplink: Uplink | None = None
    time: Instant | None = None
    delivery: CommandStatus | None = None
    """How far a downlink has come: DELIVERED when transmitted, OK when the device acknowledged it, ERROR when lost."""
    downlinks: tuple[str, ...] = ()
    """Identifiers of that downlink, the command's own among them where the network keeps it."""
    detail: str = ""
    battery: float | None = None
    """Per cent of full."""
    margin: float | None = None
    """dB by which the device's last downlink was above the limit of demodulation."""
    location: Mapping[str, float] = field(default_factory=dict)
    """`latitude`, `longitude`, `altitude` as the network found them."""


def mapping(value: object) -> Mapping[str, Any]:
    """An object, or an empty one in place of anything else."""
    return value if isinstance(value, Mapping) else {}


def mappings(value: object) -> list[Mapping[str, Any]]:
    """The objects of a list; none of anything else."""
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def text(value: object, limit: int = 256) -> str | None:
    """A text of 1 to `limit` characters, or `None`."""
    return value if isinstance(value, str) and 0 < len(value) <= limit else None


def number(value: object) -> float | None:
    """A finite number, also where it is written as text; else `None`."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def whole(message: Mapping[str, Any], name: str, limit: int) -> int:
    """A whole number from 0 to `limit`, also as text; an absent one is 0, as protobuf's JSON leaves zeros out.

    Raises:
        MalformedMessage: It is something else.
    """
    value = message.get(name)
    if value is None:
        return 0
    found = number(value)
    if found is None or found != int(found) or not 0 <= found <= limit:
        raise MalformedMessage(f"{name} is a whole number from 0 to {limit}")
    return int(found)


def from_base64(value: object, name: str) -> bytes:
    """A frame's payload in base64, with or without padding, also URL-safe; absent is empty.

    Raises:
        MalformedMessage: It is no base64 or longer than a frame.
    """
    if value is None:
        return b""
    if not isinstance(value, str) or len(value) > _TEXT_LIMIT:
        raise MalformedMessage(f"{name} is base64 text of at most {_TEXT_LIMIT} characters")
    standard = value.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise MalformedMessage(f"{name} is not base64") from None


def from_hex(value: object, name: str) -> bytes:
    """A frame's payload in hexadecimal digits; absent is empty.

    Raises:
        MalformedMessage: It is not hexadecimal or longer than a frame.
    """
    if value is None:
        return b""
    if not isinstance(value, str) or len(value) > _TEXT_LIMIT:
        raise MalformedMessage(f"{name} is hexadecimal text of at most {_TEXT_LIMIT} characters")
    try:
        return bytes.fromhex(value)
    except ValueError:
        raise MalformedMessage(f"{name} is not hexadecimal") from None


def dev_eui(value: object) -> str | None:
    """A devEUI in lower hex, from hex with or without separators or from the base64 of eight bytes; else `None`."""
    if not isinstance(value, str) or not 11 <= len(value) <= 23:
        return None
    plain = value.replace("-", "").replace(":", "").lower()
    if _EUI.fullmatch(plain):
        return plain
    try:
        raw = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw.hex() if len(raw) == 8 else None


def device_of(value: object, name: str) -> str:
    """A devEUI in lower hex.

    Raises:
        MalformedMessage: There is none.
    """
    found = dev_eui(value)
    if found is None:
        raise MalformedMessage(f"{name} is no devEUI, 16 hexadecimal digits")
    return found


def best(receptions: list[Mapping[str, Any]], signal: str) -> Mapping[str, Any]:
    """The reception at the gateway that heard best."""
    return max(receptions, key=lambda each: _level(each.get(signal)), default={})


def _level(value: object) -> float:
    found = number(value)
    return -999.0 if found is None else found


def place(value: object) -> dict[str, float]:
    """A location's numbers, by the names ChirpStack and The Things Stack have for them."""
    given = mapping(value)
    found = {name: number(given.get(name)) for name in ("latitude", "longitude", "altitude")}
    return {name: each for name, each in found.items() if each is not None}
