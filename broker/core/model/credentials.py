"""Credentials in what clients give: headers for sources, receivers and notifiers (clauses 5.2.15, 5.2.22, 5.2.34), and
what stands before the host in the addresses of these (clause 7.2, RFC 3986 section 3.2.1).

Whoever may read registrations and subscriptions is not thereby one to act for those who wrote them. So the API shows
`HIDDEN` in place of a credential, and takes it back for "as it was", as long as it goes where it went.
"""

from collections.abc import Callable, Mapping
from functools import partial
from re import split
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

Place: TypeAlias = tuple[str, ...]

_GOING_TO: dict[Place, tuple[Place, ...]] = {
    ("endpoint",): (("contextSourceInfo",), ("receiverInfo",)),
    ("notification", "endpoint", "uri"): (
        ("notification", "endpoint", "receiverInfo"),
        ("notification", "endpoint", "notifierInfo"),
    ),
}
"""Where registrations, snapshots and subscriptions have an address, and arrays of keys and values for it."""
_PLACES = tuple(place for places in _GOING_TO.values() for place in places)

_USER = "password"
"""The key that what stands before the host counts as."""

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
    BadRequestData where nothing is stored under that key, and where what is stored would go elsewhere than before.
    """
    _refuse_elsewhere(given, stored)
    for place in _PLACES:
        given = _within(given, place, _pairs(partial(_restored, _values(stored, place))))
    for place in _GOING_TO:
        given = _within(given, place, _user(partial(_restored, _values(stored, place))))
    return given


def with_values(document: Mapping[str, Any], change: Change) -> Mapping[str, Any]:
    """The document with its values of keys changed; others, and what is no array of pairs, as they are."""
    for place in _PLACES:
        document = _within(document, place, _pairs(change))
    for place in _GOING_TO:
        document = _within(document, place, _user(change))
    return document


def _hidden(key: str, value: str) -> str:
    return HIDDEN if _is_secret(key, value) else value


def _is_secret(key: str, value: str) -> bool:
    is_open = value == _FROM_REQUEST or value.startswith(CREDENTIAL)
    return not is_open and names_credential(key)


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


def _refuse_elsewhere(given: Mapping[str, Any], stored: Mapping[str, Any]) -> None:
    """Who may change an address is not thereby one to read what goes there."""
    for address, places in _GOING_TO.items():
        if _is_elsewhere(given, stored, address) and any(_keeps(given, stored, place) for place in (address, *places)):
            raise BadRequestData(
                f"{'.'.join(address)} or tenant is another one now, and credentials that were stored for the former "
                f"one don't go there. Give them anew in the same request, or leave out what held them: "
                f"{', '.join(place[-1] for place in places)} without {HIDDEN}, [] for none."
            )


def _is_elsewhere(given: Mapping[str, Any], stored: Mapping[str, Any], address: Place) -> bool:
    was, now = _found(stored, address), _found(given, address)
    if isinstance(was, str) and isinstance(now, str) and _origin(was) != _origin(now):
        return True
    return address == ("endpoint",) and "tenant" in given and given["tenant"] != stored.get("tenant")


def _keeps(given: Mapping[str, Any], stored: Mapping[str, Any], place: Place) -> bool:
    """Whether what is given leaves a credential as it is stored there: it is not mentioned, or hidden."""
    if place[0] not in given:
        kept = _values(stored, place)
        return any(_is_secret(key, value) for key, values in kept.items() for value in values)
    kept = _values(given, place)
    return any(names_credential(key) and HIDDEN in values for key, values in kept.items())


def _origin(address: str) -> str:
    """Scheme, host and port: what may hear what is sent there."""
    scheme, _, rest = _divided(address)
    return scheme.lower() + split(r"[/?#]", rest, maxsplit=1)[0].lower()


def _found(document: Mapping[str, Any], place: Place) -> Any:
    found: Any = document
    for name in place:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _values(document: Mapping[str, Any], place: Place) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}

    def note(key: str, value: str) -> str:
        found.setdefault(key.lower(), []).append(value)
        return value

    _within(document, place, _user(note) if place in _GOING_TO else _pairs(note))
    return found


def _within(document: Mapping[str, Any], place: Place, rule: Callable[[Any], Any]) -> Mapping[str, Any]:
    name, *rest = place
    if name not in document:
        return document
    inner = document[name]
    if rest:
        return {**document, name: _within(inner, tuple(rest), rule)} if isinstance(inner, Mapping) else document
    return {**document, name: rule(inner)}


def _pairs(change: Change) -> Callable[[Any], Any]:
    return lambda found: [_pair(each, change) for each in found] if isinstance(found, list) else found


def _user(change: Change) -> Callable[[Any], Any]:
    def changed(address: Any) -> Any:
        before, user, after = _divided(address) if isinstance(address, str) else ("", "", "")
        return f"{before}{change(_USER, user)}@{after}" if user else address

    return changed


def _divided(address: str) -> tuple[str, str, str]:
    """Before what stands before the host, that itself, and what begins with the host."""
    scheme, slashes, rest = address.partition("//")
    authority = split(r"[/?#]", rest, maxsplit=1)[0]
    user, _, host = authority.rpartition("@")
    return scheme + slashes, user, host + rest[len(authority) :]


def _pair(pair: Any, change: Change) -> Any:
    if not isinstance(pair, Mapping):
        return pair
    key, value = pair.get("key"), pair.get("value")
    if not isinstance(key, str) or not isinstance(value, str):
        return pair
    return {**pair, "value": change(key, value)}
