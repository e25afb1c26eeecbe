"""From a message to the uplinks in it: the topic tells the network, and the network's reader does the rest."""

from collections.abc import Sequence

import orjson

from agents.core.errors import MalformedMessage
from agents.core.model import Uplink
from agents.core.topics import EventTopic, parse_topic
from agents.networks import chirpstack, json_measures
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
    topic = parse_topic(message.topic)
    if topic is None:
        raise MalformedMessage("no topic of measures")
    if not isinstance(topic, EventTopic):
        return json_measures.uplinks(topic, message.payload)
    try:
        event = orjson.loads(message.payload)
    except orjson.JSONDecodeError:
        raise MalformedMessage("not JSON: set ChirpStack's MQTT integration to JSON, not Protobuf") from None
    uplink = chirpstack.uplink(topic, event)
    tally.count(f"chirpstack_{topic.event}")
    return () if uplink is None else (uplink,)
