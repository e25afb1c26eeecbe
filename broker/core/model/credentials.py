"""Credentials in what clients give: headers for sources, receivers and notifiers (clauses 5.2.15, 5.2.22, 5.2.34).

Whoever may read registrations and subscriptions is not thereby one to act for those who wrote them. So the API shows
`HIDDEN` in place of a credential, and takes it back for "as it was".
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeAlias

from broker.core.model.errors import BadRequestData

CREDENTIAL = "urn:eclor:credential:"
"""How a registration names a credential that the broker keeps: followed by the credential's id. No secret."""

HIDDEN = CREDENTIAL + "hidden"
"""What the API shows instead of a credential."""

_FROM_REQUEST = "urn:ngsi-ld:request"
"""Stands for what a request comes with (clause 4.3.6.5)."""

_NAMING = ("authorization", "cookie", "apikey", "token", "secret", "password", "passwd", "credential")
"""A key names a credential where one of these is in it, whatever its case, hyphens and underscores: also X-API-Key,
Proxy-Authorization, X-Auth-Token, access_token, client-secret."""

_PLACES = (
    ("contextSourceInfo",),
    ("receiverInfo",),
    ("notification", "endpoint", "receiverInfo"),
    ("notification", "endpoint", "notifierInfo"),
)
"""Where registrations, snapshots and subscriptions have arrays of keys and values."""

Change: TypeAlias = Callable[[str, str], str]
"""From a key and its value to the value in its place."""


def names_credential(key: str) -> bool:
    """Whether what stands under that key is nobody else's business."""
    plain = key.lower().replace("-", "").replace("_", "")
    return any(each in plain for each in _NAMING)


def hidden(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """The document for those who read it."""
    return with_values(document, _hidden)


def restored(given: Mapping[str, Any], stored: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a client gives, or a part of it, with what is stored wherever the client sends back what it was shown.

    Keys count without case; where one is there several times, the first stands for the first, and so on. Raises
    BadRequestData where nothing is stored under that key.
    """
    for place in _PLACES:
        given = _within(given, place, partial(_restored, _values(stored, place)))
    return given


def with_values(document: Mapping[str, Any], change: Change) -> Mapping[str, Any]:
    """The document with its values of keys changed; others, and what is no array of pairs, as they are."""
    for place in _PLACES:
        document = _within(document, place, change)
    return document


def _hidden(key: str, value: str) -> str:
    is_open = value == _FROM_REQUEST or value.startswith(CREDENTIAL)
    return value if is_open or not names_credential(key) else HIDDEN


def _restored(former: dict[str, list[str]], key: str, value: str) -> str:
    values = former.get(key.lower())
    was = values.pop(0) if values else None
    if value != HIDDEN or not names_credential(key):
        return value
    if was is None:
        raise BadRequestData(
            f"{HIDDEN} stands for a credential that is stored under the same key, and none is under {key[:80]!r}. "
            "Give the credential itself."
        )
    return was


def _values(document: Mapping[str, Any], place: tuple[str, ...]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}

    def note(key: str, value: str) -> str:
        found.setdefault(key.lower(), []).append(value)
        return value

    _within(document, place, note)
    return found


def _within(document: Mapping[str, Any], place: tuple[str, ...], change: Change) -> Mapping[str, Any]:
    name, *rest = place
    inner = document.get(name)
    if rest:
        return {**document, name: _within(inner, tuple(rest), change)} if isinstance(inner, Mapping) else document
    return {**document, name: [_pair(each, change) for each in inner]} if isinstance(inner, list) else document


def _pair(pair: Any, change: Change) -> Any:
    if not isinstance(pair, Mapping):
        return pair
    key, value = pair.get("key"), pair.get("value")
    if not isinstance(key, str) or not isinstance(value, str):
        return pair
    return {**pair, "value": change(key, value)}
