"""Uplinks of further network servers, told apart by their members: Digimondo, Helium, Kerlink Wanesy, Loriot,
MultiTech and Senra. They are read, not answered: downlinks go to the servers that have modules of their own.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from agents.core.errors import MalformedMessage
from agents.core.instant import parse_instant
from agents.core.model import Instant, Uplink
from agents.networks.event import (
    COUNTER_LIMIT,
    PORT_LIMIT,
    NetworkEvent,
    best,
    device_of,
    from_base64,
    from_hex,
    mapping,
    mappings,
    number,
    text,
    whole,
)

_Message: TypeAlias = Mapping[str, Any]
_YEAR_2100_S = 4_102_444_800


@dataclass(frozen=True, slots=True)
class _Dialect:
    """Where a server puts what."""

    network: str
    mark: tuple[str, ...]
    """Members that tell its messages; the last is that of the payload."""
    device: str
    port: str
    counter: str
    payload: Callable[[object, str], bytes]
    time: str
    gateways: str = ""
    """Member with the list of receptions; empty where they stand in the message itself."""
    snr: str = "snr"
    gateway: str = ""


_DIALECTS = (
    _Dialect(
        "digimondo",
        ("device_eui", "payload"),
        "device_eui",
        "port",
        "fcnt",
        from_hex,
        "received_at",
        "gwrx",
        "lsnr",
        "gweui",
    ),
    _Dialect(
        "helium",
        ("dev_eui", "hotspots", "payload"),
        "dev_eui",
        "port",
        "fcnt",
        from_base64,
        "reported_at",
        "hotspots",
        gateway="name",
    ),
    _Dialect(
        "kerlink",
        ("endDevice", "payload"),
        "endDevice",
        "fPort",
        "fCntUp",
        from_hex,
        "recvTime",
        "gwInfo",
        gateway="gwEui",
    ),
    _Dialect("loriot", ("EUI", "cmd", "data"), "EUI", "port", "fcnt", from_hex, "ts"),
    _Dialect(
        "multitech", ("deveui", "data"), "deveui", "port", "fcnt", from_base64, "time", snr="lsnr", gateway="gweui"
    ),
    _Dialect("senra", ("devEui", "pdu"), "devEui", "port", "seqno", from_hex, "txtime", gateway="gwEui"),
)


def event(message: object) -> NetworkEvent | None:
    """Read an uplink of one of these servers; `None` where it is of none.

    Raises:
        MalformedMessage: It is of one of them, but a member is wrong.
    """
    given = mapping(message)
    given = mapping(given.get("up_packet")) or given
    for dialect in _DIALECTS:
        if all(name in given for name in dialect.mark):
            return _event(dialect, given)
    return None


def _event(dialect: _Dialect, message: _Message) -> NetworkEvent:
    if message.get("cmd", "rx") not in ("rx", "gw"):
        raise MalformedMessage(f"{dialect.network}: only cmd rx carries an uplink")
    if message.get("payload_encrypted") is True or message.get("encrypted") is True:
        raise MalformedMessage("the payload is encrypted: give the network server the application key")
    named = message[dialect.device]
    device_id = device_of(named.get("devEui") if isinstance(named, Mapping) else named, dialect.device)
    heard = best(mappings(message.get(dialect.gateways)), "rssi") if dialect.gateways else message
    member = dialect.mark[-1]
    uplink = Uplink(
        network=dialect.network,
        device_id=device_id,
        payload=dialect.payload(message.get(member), member),
        f_port=whole(message, dialect.port, PORT_LIMIT),
        f_cnt=whole(message, dialect.counter, COUNTER_LIMIT),
        time=_time(message.get(dialect.time)),
        rssi=number(heard.get("rssi")),
        snr=number(heard.get(dialect.snr)),
        gateway=text(heard.get(dialect.gateway)) if dialect.gateway else None,
        route={"network": dialect.network, "device": device_id},
    )
    return NetworkEvent(dialect.network, "up", device_id, uplink=uplink, time=uplink.time)


def _time(value: object) -> Instant | None:
    """ISO 8601, or seconds or milliseconds since 1970."""
    count = number(value) if not isinstance(value, str) else None
    if count is None:
        return parse_instant(value)
    return round(count * (1_000_000 if count < _YEAR_2100_S else 1000))
