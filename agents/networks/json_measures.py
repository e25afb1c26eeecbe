"""What devices say after FIWARE's IoT Agents for JSON and UltraLight: measures, results of commands, questions."""

from collections.abc import Mapping
from typing import Any

import orjson

from agents.core.errors import MalformedMessage
from agents.core.instant import parse_instant
from agents.core.model import Uplink
from agents.core.topics import MeasureTopic
from agents.networks import ultralight

NETWORK = "json"
MEASURES_LIMIT = 1_000
"""Objects in one message; what a device may have saved up while it had no connection."""
_ATTRIBUTES_LIMIT = 256
_TIME = "TimeInstant"


def uplinks(topic: MeasureTopic, payload: bytes) -> list[Uplink]:
    """Read a message; several uplinks where a device sends a list, the oldest first.

    Raises:
        MalformedMessage: Neither JSON nor UltraLight as the topic demands, too many measures, or a bad `TimeInstant`.
    """
    if topic.attribute is not None:
        return [_uplink(topic, NETWORK, {topic.attribute: _single(topic, payload)})]
    network, message = _message(topic, payload)
    if topic.kind != "measures":
        return [_of_kind(topic, network, message)]
    group = message if isinstance(message, list) else [message]
    if len(group) > MEASURES_LIMIT:
        raise MalformedMessage(f"a message holds at most {MEASURES_LIMIT} measures")
    read = [_uplink(topic, network, measures) for measures in group]
    return sorted(read, key=lambda each: each.time or 2**63) if len(read) > 1 else read


def _message(topic: MeasureTopic, payload: bytes) -> tuple[str, Any]:
    """The content in the shape of JSON, whichever of the two it was written in."""
    if topic.protocol != "ul":
        try:
            return NETWORK, orjson.loads(payload)
        except orjson.JSONDecodeError as problem:
            # What UltraLight writes always has a bar and never begins like JSON.
            if topic.protocol == "json" or payload.lstrip()[:1] in (b"{", b"[", b'"') or b"|" not in payload:
                raise MalformedMessage(f"not JSON: {problem}") from None
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        raise MalformedMessage("UltraLight is text in UTF-8") from None
    if topic.kind == "results":
        device, command, outcome = ultralight.result(text)
        if device != topic.device_id:
            raise MalformedMessage("UltraLight: the device of the result is not that of the topic")
        return ultralight.NETWORK, {command: outcome}
    if topic.kind == "configuration":
        return ultralight.NETWORK, {"fields": ultralight.configuration(text)}
    return ultralight.NETWORK, ultralight.groups(text)


def _single(topic: MeasureTopic, payload: bytes) -> Any:
    """The value on a topic of one attribute: JSON, or what FIWARE's agents make of other bytes."""
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError:
        return payload.decode(errors="replace") if topic.protocol == "ul" else payload.hex()


def _of_kind(topic: MeasureTopic, network: str, message: object) -> Uplink:
    if not isinstance(message, Mapping) or len(message) > _ATTRIBUTES_LIMIT:
        raise MalformedMessage(f"{topic.kind}: a JSON object of at most {_ATTRIBUTES_LIMIT} members")
    return Uplink(network, topic.device_id, decoded=message, api_key=topic.api_key, kind=topic.kind)


def _uplink(topic: MeasureTopic, network: str, measures: object) -> Uplink:
    if not isinstance(measures, Mapping) or len(measures) > _ATTRIBUTES_LIMIT:
        raise MalformedMessage(f"measures are a JSON object of at most {_ATTRIBUTES_LIMIT} members")
    time, local = None, False
    if _TIME in measures:
        said = measures[_TIME]
        time = parse_instant(said)
        if time is None:
            raise MalformedMessage(f"{_TIME} is no ISO 8601 date and time")
        local = not (said[-1] in "zZ" or "+" in said[10:] or "-" in said[10:])
        measures = {name: value for name, value in measures.items() if name != _TIME}
    return Uplink(network, topic.device_id, decoded=measures, time=time, api_key=topic.api_key, local=local)
