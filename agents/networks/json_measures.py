"""Measures as FIWARE's IoT Agent JSON defines them: an object, a list of objects, or one attribute's value."""

from collections.abc import Mapping
from typing import Any

import orjson

from agents.core.errors import MalformedMessage
from agents.core.instant import parse_instant
from agents.core.model import Uplink
from agents.core.topics import MeasureTopic

NETWORK = "json"
MEASURES_LIMIT = 1_000
"""Objects in one message; what a device may have saved up while it had no connection."""
_ATTRIBUTES_LIMIT = 256
_TIME = "TimeInstant"


def uplinks(topic: MeasureTopic, payload: bytes) -> list[Uplink]:
    """Read a message; several uplinks where a device sends a list, the oldest first.

    Raises:
        MalformedMessage: Not JSON, not an object or list of objects, too many of them, or a bad `TimeInstant`.
    """
    if topic.attribute is not None:
        return [_uplink(topic, {topic.attribute: _single(payload)})]
    try:
        message = orjson.loads(payload)
    except orjson.JSONDecodeError as problem:
        raise MalformedMessage(f"not JSON: {problem}") from None
    group = message if isinstance(message, list) else [message]
    if len(group) > MEASURES_LIMIT:
        raise MalformedMessage(f"a message holds at most {MEASURES_LIMIT} measures")
    read = [_uplink(topic, measures) for measures in group]
    return sorted(read, key=lambda each: each.time or 2**63) if len(read) > 1 else read


def _single(payload: bytes) -> Any:
    """The value on a topic of one attribute: JSON, or bytes as FIWARE's agent shows them."""
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError:
        return payload.hex()


def _uplink(topic: MeasureTopic, measures: object) -> Uplink:
    if not isinstance(measures, Mapping) or len(measures) > _ATTRIBUTES_LIMIT:
        raise MalformedMessage(f"measures are a JSON object of at most {_ATTRIBUTES_LIMIT} members")
    time = None
    if _TIME in measures:
        time = parse_instant(measures[_TIME])
        if time is None:
            raise MalformedMessage(f"{_TIME} is no ISO 8601 date and time")
        measures = {name: value for name, value in measures.items() if name != _TIME}
    return Uplink(network=NETWORK, device_id=topic.device_id, decoded=measures, time=time, api_key=topic.api_key)
