"""MQTT topics that carry measures: FIWARE's IoT Agent JSON and ChirpStack v4."""

from dataclasses import dataclass
from typing import TypeAlias

CHIRPSTACK_EVENTS = frozenset({"up", "status", "join", "ack", "txack", "log", "location", "integration"})

SUBSCRIPTIONS = (
    "/+/+/attrs",
    "/+/+/attrs/+",
    "+/+/attrs",
    "+/+/attrs/+",
    "/json/+/+/attrs",
    "/json/+/+/attrs/+",
    "json/+/+/attrs",
    "json/+/+/attrs/+",
    "application/+/device/+/event/+",
)
"""Topic filters that together match every topic `parse_topic` understands."""


@dataclass(frozen=True, slots=True)
class MeasureTopic:
    """Measures of a JSON device, or of one attribute of it."""

    api_key: str
    device_id: str
    attribute: str | None = None


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
    # `json/<device>/attrs` without a prefix is a device whose key is `json`: three levels cannot hold a prefix.
    if levels[0] == "json" and len(levels) >= 4 and levels[3] == "attrs":
        levels = levels[1:]
    if len(levels) not in (3, 4) or levels[2] != "attrs" or not all(levels):
        return None
    return MeasureTopic(levels[0], levels[1], levels[3] if len(levels) == 4 else None)


def _event(topic: str, levels: list[str]) -> EventTopic | None:
    if topic.startswith("/") or not levels[1] or not levels[3]:
        return None
    return EventTopic(levels[1], levels[3].lower(), levels[5])
