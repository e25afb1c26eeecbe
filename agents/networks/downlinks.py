"""Downlinks in the form each network server takes them: a message to publish, or a request to send."""

import base64
import hashlib
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import urlencode
from uuid import UUID

import orjson

from agents.core.commands import Downlink
from agents.core.errors import AgentError
from agents.core.instant import format_instant
from agents.core.model import Instant
from agents.networks import actility, chirpstack, tts

_PORTS = range(1, 224)
_LEVEL = frozenset("/+#")


class Unreachable(AgentError):
    """A downlink cannot be sent that way."""

    reason = "downlink"


@dataclass(frozen=True, slots=True)
class Publication:
    """A message for the MQTT broker of the network server; QoS 1, not retained."""

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class HttpPost:
    """A request to the network server. The address holds a token that proves it: not for logs."""

    url: str
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TunnelAccount:
    """The application server's account at ThingPark's tunnel interface."""

    identifier: str
    """`AS_ID`."""
    key: str = field(repr=False)
    """The key the two share, 32 hexadecimal digits; proves the request without being sent."""


Transmission: TypeAlias = Publication | HttpPost


def transmission(downlink: Downlink, now: Instant, account: TunnelAccount | None = None) -> Transmission:
    """What to send where, by `route["network"]` (`chirpstack`, `chirpstack-v3`, `tts`, `actility`).

    Args:
        account: Makes a downlink for ThingPark one of the tunnel interface; without it it is one of IoT Flow.

    Raises:
        Unreachable: The route names no network that takes downlinks, or lacks what that network wants to know.
    """
    network = downlink.route.get("network")
    if downlink.f_port not in _PORTS:
        raise Unreachable(f"a downlink goes to a port from {_PORTS.start} to {_PORTS.stop - 1}, not {downlink.f_port}")
    if network == chirpstack.NETWORK:
        return _chirpstack(downlink)
    if network == chirpstack.NETWORK_V3:
        return _chirpstack_v3(downlink)
    if network == tts.NETWORK:
        return _tts(downlink)
    if network == actility.NETWORK:
        return _actility(downlink, now, account)
    raise Unreachable(f"no downlinks are known for the network {network}: has the device sent anything yet?")


def _chirpstack(downlink: Downlink) -> Publication:
    message: dict[str, Any] = {"devEui": downlink.device_id, "confirmed": downlink.confirmed, "fPort": downlink.f_port}
    if downlink.decoded is None:
        message["data"] = base64.b64encode(downlink.payload).decode()
    else:
        message["object"] = dict(downlink.decoded)
    if _is_uuid(downlink.command):
        message["id"] = downlink.command  # comes back as queueItemId of ack and txack
    if downlink.expires is not None:
        message["expiresAt"] = format_instant(downlink.expires)
    return Publication(_chirpstack_topic(downlink), orjson.dumps(message))


def _chirpstack_v3(downlink: Downlink) -> Publication:
    message: dict[str, Any] = {"confirmed": downlink.confirmed, "fPort": downlink.f_port}
    if downlink.decoded is None:
        message["data"] = base64.b64encode(downlink.payload).decode()
    else:
        message["jsonObject"] = orjson.dumps(dict(downlink.decoded)).decode()
    return Publication(_chirpstack_topic(downlink), orjson.dumps(message))


def _chirpstack_topic(downlink: Downlink) -> str:
    return f"application/{_level(downlink, 'application')}/device/{downlink.device_id}/command/down"


def _tts(downlink: Downlink) -> Publication:
    message: dict[str, Any] = {
        "f_port": downlink.f_port,
        "priority": "NORMAL",
        "confirmed": downlink.confirmed,
        "correlation_ids": [downlink.command],
    }
    if downlink.decoded is None:
        message["frm_payload"] = base64.b64encode(downlink.payload).decode()
    else:
        message["decoded_payload"] = dict(downlink.decoded)
    topic = f"v3/{_level(downlink, 'application')}/devices/{_level(downlink, 'device')}/down/push"
    return Publication(topic, orjson.dumps({"downlinks": [message]}))


def _actility(downlink: Downlink, now: Instant, account: TunnelAccount | None) -> HttpPost:
    url = downlink.route.get("url")
    if not isinstance(url, str) or not url.startswith(("https://", "http://")):
        raise Unreachable("ThingPark wants an address for downlinks (url), which no uplink has told")
    if downlink.decoded is not None:
        raise Unreachable("ThingPark takes bytes: the device's model needs a codec with encodeDownlink")
    if account is not None:
        return HttpPost(f"{url}?{_tunnel_query(downlink, now, account)}")
    report: dict[str, Any] = {
        "DevEUI": downlink.device_id.upper(),
        "FPort": downlink.f_port,
        "payload_hex": downlink.payload.hex(),
        "Confirmed": int(downlink.confirmed),
        "CorrelationID": downlink.command[:64],
    }
    if downlink.expires is not None:
        report["ValidityTime"] = format_instant(downlink.expires)
    return HttpPost(url, orjson.dumps({"DevEUI_downlink": report}), {"Content-Type": "application/json"})


def _tunnel_query(downlink: Downlink, now: Instant, account: TunnelAccount) -> str:
    fields = {
        "DevEUI": downlink.device_id.upper(),
        "FPort": downlink.f_port,
        "Payload": downlink.payload.hex(),
        "Confirmed": int(downlink.confirmed),
        "AS_ID": account.identifier,
        "Time": format_instant(now),
    }
    # The proof is over the query as it is before the encoding for the address.
    plain = "&".join(f"{name}={value}" for name, value in fields.items())
    token = hashlib.sha256(f"{plain}{account.key.lower()}".encode()).hexdigest()
    return urlencode({**fields, "Token": token})


def _level(downlink: Downlink, name: str) -> str:
    """A level of a topic out of the route; one with a separator or a wildcard would reach other devices."""
    value = downlink.route.get(name)
    if not isinstance(value, str) or not value or _LEVEL & set(value):
        raise Unreachable(f"the {name} of the device at its network server is not known: has it sent anything yet?")
    return value


def _is_uuid(value: str) -> bool:
    try:
        UUID(value)
    except ValueError:
        return False
    return True
