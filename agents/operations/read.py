"""From a message to the uplinks in it: the topic tells the network, and the network's reader does the rest."""

from collections.abc import Sequence

from agents.core.errors import MalformedMessage
from agents.core.model import Uplink
from agents.core.topics import EventTopic, parse_topic
from agents.networks import json_measures, lorawan
from agents.networks.event import NetworkEvent
from agents.operations.ports import Message
from agents.operations.tally import Tally

PAYLOAD_LIMIT = 262_144
"""Bytes of a message; ChirpStack events take some 2 KB, a thousand saved-up measures some 100 KB."""


def uplinks(message: Message, tally: Tally) -> Sequence[Uplink]:
    """Read a message; none where it carries no measures, several where a device saved them up.

    Raises:
        MalformedMessage: It is not what its topic promises.
    """
    if len(message.payload) > PAYLOAD_LIMIT:
        raise MalformedMessage(f"a message has at most {PAYLOAD_LIMIT} bytes")
    if lorawan.is_lorawan(message.topic):
        event = lorawan.event(message.topic, message.payload)
        tally.count(f"{event.network.replace('-', '_')}_{event.kind.replace('/', '_')}")
        return _of_event(event)
    topic = parse_topic(message.topic)
    if topic is None or isinstance(topic, EventTopic):
        raise MalformedMessage("no topic of measures")
    return json_measures.uplinks(topic, message.payload)


def _of_event(event: NetworkEvent) -> Sequence[Uplink]:
    """An uplink, or what the network tells of the device (kind `network`); none where that is nothing."""
    if event.uplink is not None:
        return (event.uplink,)
    told = {
        "delivery": event.delivery,
        "downlinks": event.downlinks,
        "detail": event.detail,
        "battery": None if event.battery is None else round(event.battery),
        "margin": event.margin,
        "location": event.location,
    }
    told = {name: value for name, value in told.items() if value not in (None, "", (), {})}
    if not told.keys() - {"detail"}:
        return ()
    return (Uplink(event.network, event.device_id, decoded=told, time=event.time, kind="network"),)
