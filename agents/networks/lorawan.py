"""Every LoRaWAN network server behind one door: a message's topic tells which of them reads it.

Over MQTT topics are the network servers' own. What arrives over HTTP gets a topic `lorawan/<network>/<kind>`, which
nothing subscribes to.
"""

import orjson

from agents.core.errors import MalformedMessage
from agents.core.topics import EventTopic
from agents.networks import actility, chirpstack, other, tts
from agents.networks.event import NetworkEvent

HTTP_NETWORKS = ("chirpstack", "tts", "actility", "any")


def http_topic(network: str, kind: str) -> str:
    """The topic under which a message that came over HTTP goes through the pipeline."""
    return f"lorawan/{network}/{kind}"


def is_lorawan(topic: str) -> bool:
    """Whether a topic is one of a LoRaWAN network server."""
    levels = topic.split("/")
    if levels[0] == "application":
        return len(levels) == 6 and levels[2] == "device" and levels[4] == "event"
    return (levels[0] == "v3" and len(levels) >= 5 and levels[2] == "devices") or (
        levels[0] == "lorawan" and len(levels) == 3 and levels[1] in HTTP_NETWORKS
    )


def is_downlink(topic: str) -> bool:
    """Whether a topic is one on which a network server takes downlinks."""
    return topic.startswith(("application/", "v3/")) and topic.endswith(("/command/down", "/down/push"))


def event(topic: str, payload: bytes) -> NetworkEvent:
    """Read a message of a network server.

    Args:
        topic: One that `is_lorawan` knows.

    Raises:
        MalformedMessage: It is no JSON, or not what its network server sends.
    """
    try:
        message = orjson.loads(payload)
    except orjson.JSONDecodeError:
        raise MalformedMessage("not JSON: set the network server's integration to JSON, not Protobuf") from None
    levels = topic.split("/")
    if levels[0] == "application":
        return chirpstack.event(EventTopic(levels[1], levels[3].lower(), levels[5]), message)
    if levels[0] == "v3":
        return tts.event(message, levels[1], levels[3])
    return _over_http(levels[1], levels[2], message)


def _over_http(network: str, kind: str, message: object) -> NetworkEvent:
    if network == "chirpstack":
        return chirpstack.event(chirpstack.topic_of(message, kind), message)
    if network == "tts":
        return tts.event(message)
    if network == "actility":
        # The kind is the LrnDevEui of the request, where it had one.
        return actility.event(message, kind if kind != "up" else None)
    return _detected(message)


def _detected(message: object) -> NetworkEvent:
    """A message whose sender was told one address for everything."""
    if isinstance(message, dict):
        if "end_device_ids" in message:
            return tts.event(message)
        if "DevEUI" in message or any(name.startswith("DevEUI_") for name in message):
            return actility.event(message)
        if (found := other.event(message)) is not None:
            return found
        if "deviceInfo" in message or "devEUI" in message or isinstance(message.get("payload"), dict):
            return chirpstack.event(chirpstack.topic_of(message, _chirpstack_kind(message)), message)
    raise MalformedMessage("no uplink of a network server known here: name the server in the address instead of any")


def _chirpstack_kind(message: dict[str, object]) -> str:
    """ChirpStack tells the kind in the address only; an envelope of version 3 or its members tell it otherwise."""
    named = message.get("type")
    if isinstance(named, str):
        return named
    marks = {
        "queueItemId": "ack" if "acknowledged" in message else "txack",
        "integrationName": "integration",
        "location": "location",
        "level": "log",
        "margin": "status",
        "batteryLevel": "status",
    }
    uplink = "rxInfo" in message or "data" in message or "fPort" in message
    return "up" if uplink else next((kind for mark, kind in marks.items() if mark in message), "join")
