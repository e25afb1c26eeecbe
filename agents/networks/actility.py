"""Actility ThingPark: reports of its HTTP tunnel and of IoT Flow.

The older form writes every number as text, the newer as numbers; the oldest leaves the envelope `DevEUI_uplink` out.
"""

from collections.abc import Mapping
from typing import Any

from agents.core.commands import CommandStatus
from agents.core.errors import MalformedMessage
from agents.core.instant import parse_instant
from agents.core.model import Uplink
from agents.networks.event import (
    COUNTER_LIMIT,
    PORT_LIMIT,
    NetworkEvent,
    best,
    device_of,
    from_hex,
    mapping,
    mappings,
    number,
    text,
    whole,
)

NETWORK = "actility"
_KINDS = {
    "DevEUI_uplink": "up",
    "DevEUI_downlink": "downlink",
    "DevEUI_downlink_Sent": "sent",
    "DevEUI_downlink_Rejected": "rejected",
    "DevEUI_location": "location",
    "DevEUI_notification": "notification",
}


def event(message: object, device: str | None = None) -> NetworkEvent:
    """Read a report.

    Args:
        device: `LrnDevEui` of the request, where it has one.

    Raises:
        MalformedMessage: It names no device or another than the request, or is not what ThingPark sends.
    """
    if not isinstance(message, Mapping):
        raise MalformedMessage("a report of ThingPark is a JSON object")
    envelope = next((name for name in _KINDS if isinstance(message.get(name), Mapping)), None)
    report = mapping(message[envelope]) if envelope else message
    if "DevEUI" not in report:
        raise MalformedMessage("DevEUI is missing: let the connection send metadata, not the decoded payload alone")
    device_id = device_of(_text_before_markup(report["DevEUI"]), "DevEUI")
    if device is not None and device_id != device.lower():
        raise MalformedMessage("DevEUI is not the device that the request names")
    time = parse_instant(report.get("Time"))
    kind = _KINDS[envelope] if envelope else "up"
    if kind == "up" and "rawJoinRequest" in report:
        return NetworkEvent(NETWORK, "join", device_id, time=time)
    if kind == "up":
        read = _uplink(report, device_id)
        failure = mapping(report.get("payloadDecodedError")).get("message")
        return NetworkEvent(NETWORK, kind, device_id, uplink=read, time=time, detail=str(failure or "")[:500])
    return NetworkEvent(NETWORK, kind, device_id, time=time, **_state(kind, report))


def _uplink(report: Mapping[str, Any], device_id: str) -> Uplink:
    heard = best(mappings(mapping(report.get("Lrrs")).get("Lrr")), "LrrRSSI") or report
    decoded = report.get("payload")
    route = {"network": NETWORK, "device": device_id}
    if url := text(report.get("downlinkUrl"), 2048):
        route["url"] = url
    return Uplink(
        network=NETWORK,
        device_id=device_id,
        payload=from_hex(report.get("payload_hex"), "payload_hex"),
        decoded=decoded if isinstance(decoded, Mapping) and decoded else None,
        f_port=whole(report, "FPort", PORT_LIMIT),
        f_cnt=whole(report, "FCntUp", COUNTER_LIMIT),
        time=parse_instant(report.get("Time")),
        rssi=number(heard.get("LrrRSSI")),
        snr=number(heard.get("LrrSNR")),
        gateway=text(heard.get("Lrrid")),
        route=route,
    )


def _state(kind: str, report: Mapping[str, Any]) -> dict[str, Any]:
    if kind in ("sent", "rejected"):
        sent = kind == "sent" and number(report.get("DeliveryStatus")) == 1
        named = text(report.get("CorrelationID"))
        causes = [str(report[name]) for name in ("DeliveryFailedCause1", "DeliveryFailedCause2") if name in report]
        return {
            "delivery": CommandStatus.DELIVERED if sent else CommandStatus.ERROR,
            "downlinks": (named,) if named else (),
            "detail": "" if sent else f"not transmitted, causes {' '.join(causes)}"[:500],
        }
    if kind == "location":
        names = {"latitude": "DevLAT", "longitude": "DevLON", "altitude": "DevAlt"}
        found = {name: number(report.get(member)) for name, member in names.items()}
        return {"location": {name: each for name, each in found.items() if each is not None}}
    return {"detail": str(report.get("Type") or "")[:500]}


def _text_before_markup(value: object) -> object:
    """Some reports in JSON are made of XML and keep the end of an element."""
    return value.partition("<")[0] if isinstance(value, str) else value
