"""The endpoint of a subscription (clauses 5.2.15, 5.2.22, 7.2)."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from broker.core.model.errors import BadRequestData
from broker.core.model.subscription import Endpoint
from broker.core.subscribe import members

ACCEPTED = ("application/json", "application/ld+json", "application/geo+json")
SCHEMES = ("http", "https", "mqtt", "mqtts")

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
_FIELD_VALUE = re.compile(r"[\t\x20-\x7e\x80-\U0010ffff]*")
_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer"})
"""Header fields that belong to the connection (RFC 9110, RFC 9112); a receiver's information can't replace them."""
_NOTIFIER_VALUES = {"MQTT-QoS": ("0", "1", "2"), "MQTT-Version": ("mqtt3.1.1", "mqtt5.0")}
"""Table 7.2-1."""


def parse_endpoint(document: Mapping[str, Any]) -> Endpoint:
    """The endpoint of an API document. Raises BadRequestData."""
    uri = members.text(document, "uri")
    if uri is None:
        raise BadRequestData("'notification.endpoint' needs a 'uri': where notifications are to be sent.")
    _check_uri(uri)
    is_mqtt = uri.startswith("mqtt")
    timeout = members.positive(document, "timeout")
    cooldown = members.positive(document, "cooldown")
    return Endpoint(
        uri=uri,
        accept=members.one_of(document, "accept", ACCEPTED, ACCEPTED[0]),
        receiver_info=_pairs(document, "receiverInfo", is_header=not is_mqtt),
        notifier_info=_notifier_info(document),
        timeout=None if timeout is None else timeout / 1_000,
        cooldown=0.0 if cooldown is None else cooldown / 1_000,
    )


def _check_uri(uri: str) -> None:
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, None
    if parts is None or parts.scheme not in SCHEMES or not host or any(character <= " " for character in uri):
        raise BadRequestData(
            f"'notification.endpoint.uri' is {uri[:200]!r}; it has to be a URL that begins with "
            "http://, https://, mqtt:// or mqtts:// and names a host."
        )
    if parts.scheme.startswith("mqtt") and (parts.path in ("", "/") or "+" in parts.path or "#" in uri):
        raise BadRequestData("An MQTT endpoint names its topic, without wildcards: mqtt://host:1883/topic/subtopic")


def _pairs(document: Mapping[str, Any], name: str, *, is_header: bool) -> tuple[tuple[str, str], ...]:
    pairs = []
    for each in members.objects(document, name, empty=True) or ():
        key, value = each.get("key"), each.get("value")
        if not isinstance(key, str) or not key or not isinstance(value, str):
            raise BadRequestData(f"Each element of '{name}' has a 'key' and a 'value', both of them strings.")
        if is_header:
            _check_header(name, key, value)
        pairs.append((key, value))
    return tuple(pairs)


def _check_header(name: str, key: str, value: str) -> None:
    if not _TOKEN.fullmatch(key) or not _FIELD_VALUE.fullmatch(value):
        raise BadRequestData(f"'{name}': {key[:80]!r} and its value have to make an HTTP header (RFC 7230).")
    if key.lower() in _OURS:
        raise BadRequestData(f"'{name}': the header {key!r} belongs to the connection and can't be set.")


def _notifier_info(document: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    pairs = _pairs(document, "notifierInfo", is_header=False)
    for key, value in pairs:
        allowed = _NOTIFIER_VALUES.get(key)
        if allowed is not None and value not in allowed:
            raise BadRequestData(f"'notifierInfo': {key} is {value!r}; it has to be one of {', '.join(allowed)}.")
    return pairs
