"""The Things Stack v3: messages of its MQTT integration and of its webhooks, which are the same.

Topics are `v3/<application>[@<tenant>]/devices/<device>/<kind>`. Fields that are empty, zero or false are left out.
"""

from collections.abc import Mapping
from typing import Any

from agents.core.commands import CommandStatus
from agents.core.errors import MalformedMessage
from agents.core.instant import parse_instant
from agents.core.model import Instant, Uplink
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

NETWORK = "tts"

_KINDS = {
    "uplink_message": "up",
    "uplink_normalized": "up/normalized",
    "join_accept": "join",
    "downlink_queued": "down/queued",
    "downlink_sent": "down/sent",
    "downlink_ack": "down/ack",
    "downlink_nack": "down/nack",
    "downlink_failed": "down/failed",
    "downlink_queue_invalidated": "down/invalidated",
    "location_solved": "location/solved",
    "service_data": "service/data",
    "downlinks": "down/push",
}
"""Member of a message to the end of its topic."""
_DELIVERIES = {
    "down/sent": CommandStatus.DELIVERED,
    "down/ack": CommandStatus.OK,
    "down/nack": CommandStatus.ERROR,
    "down/failed": CommandStatus.ERROR,
    "down/invalidated": CommandStatus.ERROR,
}


def event(message: object, application: str | None = None, device: str | None = None) -> NetworkEvent:
    """Read a message.

    Args:
        application: Of the topic, with the tenant; `None` where the message came over HTTP.
        device: Of the topic.

    Raises:
        MalformedMessage: It names no device or another than its topic's, or is not what The Things Stack sends.
    """
    if not isinstance(message, Mapping):
        raise MalformedMessage("a message of The Things Stack is a JSON object")
    ids = mapping(message.get("end_device_ids"))
    name = text(ids.get("device_id"))
    if name is None:
        raise MalformedMessage("end_device_ids.device_id is missing")
    if device is not None and name != device:
        raise MalformedMessage("end_device_ids.device_id is not the device of the topic")
    member = next((each for each in _KINDS if each in message), None)
    if member is None:
        raise MalformedMessage(f"none of {', '.join(_KINDS)} is there")
    device_id = dev_eui(ids.get("dev_eui")) or name
    kind = _KINDS[member]
    time = _time(message)
    if kind == "up":
        app = application or str(mapping(ids.get("application_ids")).get("application_id", ""))
        route = {"network": NETWORK, "application": app, "device": name}
        read = _uplink(mapping(message[member]), device_id, route, time)
        return NetworkEvent(NETWORK, kind, device_id, uplink=read, time=read.time)
    return NetworkEvent(NETWORK, kind, device_id, time=time, **_state(kind, mapping(message[member])))


def _uplink(message: Mapping[str, Any], device_id: str, route: Mapping[str, str], time: Instant | None) -> Uplink:
    heard = best(mappings(message.get("rx_metadata")), "rssi")
    session, counter = message.get("session_key_id"), whole(message, "f_cnt", COUNTER_LIMIT)
    decoded = message.get("decoded_payload")
    if decoded is not None and not isinstance(decoded, Mapping):
        raise MalformedMessage("decoded_payload is a JSON object")
    received = parse_instant(message.get("received_at"))
    return Uplink(
        network=NETWORK,
        device_id=device_id,
        payload=from_base64(message.get("frm_payload"), "frm_payload"),
        decoded=decoded or None,
        f_port=whole(message, "f_port", PORT_LIMIT),
        f_cnt=counter,
        # A session never uses a counter twice.
        deduplication_id=f"{session}:{counter}" if text(session, 64) else None,
        time=time if received is None else received,
        rssi=number(heard.get("rssi")),
        snr=number(heard.get("snr")),
        gateway=text(mapping(heard.get("gateway_ids")).get("gateway_id")),
        route=route,
    )


def _state(kind: str, message: Mapping[str, Any]) -> dict[str, Any]:
    if kind == "location/solved":
        return {"location": place(message.get("location"))}
    inner = mapping(message.get("downlink")) or message
    named = inner.get("correlation_ids")
    references = tuple(each for each in named if text(each)) if isinstance(named, list) else ()
    detail = str(mapping(message.get("error")).get("message_format") or "")[:500]
    return {"delivery": _DELIVERIES.get(kind), "downlinks": references, "detail": detail}


def _time(message: Mapping[str, Any]) -> Instant | None:
    return parse_instant(message.get("received_at"))
