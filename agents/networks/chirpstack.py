"""ChirpStack v4: its JSON events (protobuf's JSON form, which leaves zero values out) become uplinks."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from agents.core.errors import MalformedMessage
from agents.core.instant import parse_instant
from agents.core.model import Uplink
from agents.core.topics import CHIRPSTACK_EVENTS, EventTopic

NETWORK = "chirpstack"
_PAYLOAD_LIMIT = 4 * 242  # base64 characters of the longest LoRaWAN frame fit in well; anything longer is no frame
_PORT_LIMIT = 255


def uplink(topic: EventTopic, message: object) -> Uplink | None:
    """Read an event; `None` for the kinds that carry no measures (join, status, ack, txack, log, location …).

    Raises:
        MalformedMessage: An unknown event, or an `up` that is not what ChirpStack sends.
    """
    if topic.event not in CHIRPSTACK_EVENTS:
        raise MalformedMessage(f"ChirpStack v4 has no event {topic.event[:40]!r}")
    if not isinstance(message, Mapping):
        raise MalformedMessage("a ChirpStack event is a JSON object")
    if topic.event != "up":
        return None
    _check_device(topic, message)
    best = _best_reception(message)
    decoded = message.get("object")
    if decoded is not None and not isinstance(decoded, Mapping):
        raise MalformedMessage("object is the decoded payload, a JSON object")
    return Uplink(
        network=NETWORK,
        device_id=topic.dev_eui,
        payload=_payload(message),
        decoded=decoded or None,
        f_port=_whole(message, "fPort", _PORT_LIMIT),
        f_cnt=_whole(message, "fCnt", 2**32 - 1),
        deduplication_id=_deduplication_id(message),
        time=parse_instant(message.get("time")),
        rssi=_number(best, "rssi"),
        snr=_number(best, "snr"),
        gateway=_gateway(best),
    )


def _check_device(topic: EventTopic, message: Mapping[str, Any]) -> None:
    info = message.get("deviceInfo")
    dev_eui = info.get("devEui") if isinstance(info, Mapping) else None
    if not isinstance(dev_eui, str):
        raise MalformedMessage("deviceInfo.devEui is missing")
    # Whoever may publish on one device's topic must not speak for another.
    if dev_eui.lower() != topic.dev_eui:
        raise MalformedMessage("deviceInfo.devEui is not the device of the topic")


def _payload(message: Mapping[str, Any]) -> bytes:
    data = message.get("data", "")
    if not isinstance(data, str) or len(data) > _PAYLOAD_LIMIT:
        raise MalformedMessage(f"data is base64 text of at most {_PAYLOAD_LIMIT} characters")
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise MalformedMessage("data is not base64") from None


def _whole(message: Mapping[str, Any], name: str, limit: int) -> int:
    value = message.get(name, 0)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= limit:
        raise MalformedMessage(f"{name} is a whole number from 0 to {limit}")
    return value


def _deduplication_id(message: Mapping[str, Any]) -> str | None:
    value = message.get("deduplicationId")
    return value if isinstance(value, str) and 0 < len(value) <= 64 else None


def _best_reception(message: Mapping[str, Any]) -> Mapping[str, Any]:
    receptions = message.get("rxInfo")
    heard = [each for each in receptions if isinstance(each, Mapping)] if isinstance(receptions, list) else []
    return max(heard, key=lambda each: _number(each, "rssi") or -999.0, default={})


def _number(reception: Mapping[str, Any], name: str) -> float | None:
    value = reception.get(name)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _gateway(reception: Mapping[str, Any]) -> str | None:
    value = reception.get("gatewayId")
    return value if isinstance(value, str) else None
