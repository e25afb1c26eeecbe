"""What a codec's return value means: a reading, a frame to send, or the reason why there is neither (TS013)."""

from dataclasses import dataclass, field
from typing import Any

from agents.core.errors import UndecodablePayload

FRAME_LIMIT = 242
"""Bytes of the longest application payload of LoRaWAN (regional parameters, EU868 DR4 and above)."""
_PORTS = range(1, 224)


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a codec made of a payload."""

    data: dict[str, Any]
    warnings: list[str]
    normalized: list[dict[str, Any]] = field(default_factory=list)
    """Measurements as the codec's `normalizeUplink` gives them, where it was asked to."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """What a codec made of a command's value."""

    payload: bytes
    f_port: int | None
    """`None` where the codec leaves the port to the device's description."""
    warnings: list[str]


def decoded(result: Any) -> Decoded | UndecodablePayload:
    """Read what `decodeUplink` returned."""
    refused = _refused(result)
    if refused is not None:
        return refused
    data = result.get("data")
    if not isinstance(data, dict):
        return UndecodablePayload("the codec returned no data object")
    return Decoded(data, _warnings(result), _normalized(result.get("normalized")))


def encoded(result: Any) -> Encoded | UndecodablePayload:
    """Read what `encodeDownlink` returned."""
    refused = _refused(result)
    if refused is not None:
        return refused
    payload = result.get("bytes")
    if not isinstance(payload, list) or len(payload) > FRAME_LIMIT or not all(map(_is_byte, payload)):
        return UndecodablePayload(f"the codec returned no list of at most {FRAME_LIMIT} bytes")
    port = result.get("fPort")
    if port is not None and (isinstance(port, bool) or port not in _PORTS):
        return UndecodablePayload(f"the codec returned an fPort that is not in {_PORTS.start} to {_PORTS.stop - 1}")
    return Encoded(bytes(map(int, payload)), None if port is None else int(port), _warnings(result))


def _refused(result: Any) -> UndecodablePayload | None:
    if not isinstance(result, dict):
        return UndecodablePayload("the codec returned no object")
    errors = result.get("errors")
    if not errors:
        return None
    return UndecodablePayload("; ".join(map(str, errors if isinstance(errors, list) else [errors]))[:500])


def _normalized(told: Any) -> list[dict[str, Any]]:
    """One measurement or a list of them."""
    return [each for each in (told if isinstance(told, list) else [told]) if isinstance(each, dict)]


def _warnings(result: dict[str, Any]) -> list[str]:
    warnings = result.get("warnings")
    return [str(each) for each in warnings] if isinstance(warnings, list) else []


def _is_byte(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 255 and value == int(value)
