"""MQTT topics that carry measures: FIWARE's IoT Agents for JSON and UltraLight, and ChirpStack v4."""

from dataclasses import dataclass
from typing import TypeAlias

CHIRPSTACK_EVENTS = frozenset({"up", "status", "join", "ack", "txack", "log", "location", "integration"})

_SENT_BY_DEVICES = ("attrs", "attrs/+", "cmdexe", "configuration/commands")
_PREFIXES = ("/", "", "/json/", "json/", "/ul/", "ul/")

NETWORK_SUBSCRIPTIONS = ("application/+/device/+/event/+", "v3/+/devices/+/+", "v3/+/devices/+/+/+")
"""Topic filters of the network servers: ChirpStack, The Things Stack."""
SUBSCRIPTIONS = (
    *(f"{prefix}+/+/{end}" for prefix in _PREFIXES for end in _SENT_BY_DEVICES),
    *NETWORK_SUBSCRIPTIONS,
)
"""Topic filters that together match what devices and network servers (ChirpStack, The Things Stack) publish."""


@dataclass(frozen=True, slots=True)
class MeasureTopic:
    """What a JSON or UltraLight device says: measures, one of them, the result of a command, a question."""

    api_key: str
    device_id: str
    attribute: str | None = None
    kind: str = "measures"
    """`measures`, `results` (of commands) or `configuration` (what it wants to know)."""
    protocol: str = ""
    """`json` or `ul`; empty where the topic leaves it to the payload."""


@dataclass(frozen=True, slots=True)
class EventTopic:
    """An event of a LoRaWAN device at ChirpStack."""

    application: str
    dev_eui: str
    event: str


Topic: TypeAlias = MeasureTopic | EventTopic


def parse_topic(topic: str) -> Topic | None:
    """Tell what a topic carries; `None` where it is none of ours."""
    levels = topic.removeprefix("/").split("/")
    if len(levels) == 6 and levels[0] == "application" and levels[2] == "device" and levels[4] == "event":
        return _event(topic, levels)
    protocol = ""
    # `json/<device>/attrs` without a prefix is a device whose key is `json`: three levels cannot hold a prefix.
    if levels[0] in ("json", "ul") and len(levels) >= 4 and levels[3] in _ENDS:
        protocol, *levels = levels
    if not 3 <= len(levels) <= 4 or not all(levels):
        return None
    return _measures(levels, protocol)


_ENDS = {"attrs": "measures", "cmdexe": "results", "configuration": "configuration"}


def _measures(levels: list[str], protocol: str) -> MeasureTopic | None:
    kind = _ENDS.get(levels[2])
    last = levels[3] if len(levels) == 4 else None
    if kind is None or (last != ("commands" if kind == "configuration" else None) and kind != "measures"):
        return None
    return MeasureTopic(levels[0], levels[1], last if kind == "measures" else None, kind, protocol)


def _event(topic: str, levels: list[str]) -> EventTopic | None:
    if topic.startswith("/") or not levels[1] or not levels[3]:
        return None
    return EventTopic(levels[1], levels[3].lower(), levels[5])
