"""ChirpStack: its JSON events become network events. Version 4, and version 3 where a message shows its form.

Both leave zero values out, as protobuf's JSON form does. Version 3 has `devEUI` (hexadecimal or base64) at the root,
`objectJSON` as text, and for some integrations an envelope `{"type", "payload"}`.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from agents.core.commands import CommandStatus
from agents.core.errors import MalformedMessage
from agents.core.instant import parse_instant
from agents.core.model import Instant, Uplink
from agents.core.topics import CHIRPSTACK_EVENTS, EventTopic
from agents.networks.event import (
    COUNTER_LIMIT,
    PORT_LIMIT,
    NetworkEvent,
    best,
    dev_eui,
    from_base64,
    mapping,
    mappings,
    number,
    place,
    text,
    whole,
)

NETWORK = "chirpstack"
NETWORK_V3 = "chirpstack-v3"
_EVENTS = CHIRPSTACK_EVENTS | {"error"}  # the last is of version 3


def event(topic: EventTopic, message: object) -> NetworkEvent:
    """Read an event.

    Args:
        topic: From the MQTT topic, or from `topic_of` where the message came over HTTP.

    Raises:
        MalformedMessage: An unknown event, one of another device than its topic's, or not what ChirpStack sends.
    """
    if topic.event not in _EVENTS:
        raise MalformedMessage(f"ChirpStack has no event {topic.event[:40]!r}")
    if not isinstance(message, Mapping):
        raise MalformedMessage("a ChirpStack event is a JSON object")
    message = _without_envelope(message)
    old = "deviceInfo" not in message
    found = _device(message)
    # Whoever may publish on one device's topic must not speak for another.
    if found is not None and found != topic.dev_eui:
        raise MalformedMessage("the devEUI in the event is not the device of the topic")
    if found is None and topic.event == "up":
        raise MalformedMessage("deviceInfo.devEui (version 3: devEUI) is missing")
    network = NETWORK_V3 if old else NETWORK
    time = _time(message)
    if topic.event == "up":
        read = _uplink(topic, message, network, time)
        return NetworkEvent(network, "up", topic.dev_eui, uplink=read, time=time)
    return NetworkEvent(network, topic.event, topic.dev_eui, time=time, **_state(topic.event, message))


def topic_of(message: object, kind: str) -> EventTopic:
    """The topic a message that came over HTTP would have had over MQTT.

    Raises:
        MalformedMessage: It does not name its device.
    """
    plain = _without_envelope(mapping(message))
    found = _device(plain)
    if found is None:
        raise MalformedMessage("deviceInfo.devEui (version 3: devEUI) is missing")
    application = mapping(plain.get("deviceInfo")).get("applicationId") or plain.get("applicationID")
    return EventTopic(str(application or ""), found, kind)


def _without_envelope(message: Mapping[str, Any]) -> Mapping[str, Any]:
    inner = message.get("payload")
    return inner if isinstance(inner, Mapping) and "type" in message and "deviceInfo" not in message else message


def _device(message: Mapping[str, Any]) -> str | None:
    info = message.get("deviceInfo")
    return dev_eui(info.get("devEui") if isinstance(info, Mapping) else message.get("devEUI"))


def _uplink(topic: EventTopic, message: Mapping[str, Any], network: str, time: Instant | None) -> Uplink:
    heard = best(mappings(message.get("rxInfo")), "rssi")
    return Uplink(
        network=network,
        device_id=topic.dev_eui,
        payload=from_base64(message.get("data"), "data"),
        decoded=_decoded(message) or None,
        f_port=whole(message, "fPort", PORT_LIMIT),
        f_cnt=whole(message, "fCnt", COUNTER_LIMIT),
        deduplication_id=text(message.get("deduplicationId"), 64),
        time=time,
        rssi=number(heard.get("rssi")),
        snr=number(heard.get("snr", heard.get("loRaSNR"))),
        gateway=text(heard.get("gatewayId")) or dev_eui(heard.get("gatewayID")),
        route={"network": network, "application": topic.application, "device": topic.dev_eui},
    )


def _decoded(message: Mapping[str, Any]) -> Mapping[str, Any] | None:
    decoded = message.get("object")
    if decoded is None and isinstance(message.get("objectJSON"), str):
        try:
            decoded = orjson.loads(message["objectJSON"] or "null")
        except orjson.JSONDecodeError:
            raise MalformedMessage("objectJSON is not JSON") from None
    if decoded is not None and not isinstance(decoded, Mapping):
        raise MalformedMessage("object is the decoded payload, a JSON object")
    # Version 3 passes on all that a codec of TS013 returns.
    if decoded and set(decoded) <= {"data", "warnings", "errors"} and isinstance(decoded.get("data"), Mapping):
        return mapping(decoded["data"])
    return decoded


def _time(message: Mapping[str, Any]) -> Instant | None:
    for value in (message.get("time"), message.get("publishedAt")):
        if (found := parse_instant(value)) is not None:
            return found
    times = (parse_instant(each.get("time")) for each in mappings(message.get("rxInfo")))
    return next((each for each in times if each is not None), None)


def _state(kind: str, message: Mapping[str, Any]) -> dict[str, Any]:
    if kind == "status":
        unknown = message.get("batteryLevelUnavailable") or message.get("externalPowerSource")
        level = None if unknown else number(message.get("batteryLevel", 0))
        return {"battery": level, "margin": number(message.get("margin", 0))}
    if kind in ("ack", "txack"):
        item = text(message.get("queueItemId"))
        state = CommandStatus.DELIVERED
        if kind == "ack":
            state = CommandStatus.OK if message.get("acknowledged") is True else CommandStatus.ERROR
        return {"delivery": state, "downlinks": (item,) if item else ()}
    if kind == "location":
        return {"location": place(message.get("location"))}
    if kind in ("log", "error"):
        return {"detail": str(message.get("description") or message.get("error") or "")[:500]}
    return {}
