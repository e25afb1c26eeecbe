"""Credentials in registrations and subscriptions, encrypted where they are stored (ADR 14).

What goes as headers to sources (`contextSourceInfo`) and receivers (`receiverInfo`) may be a token or a password, under
whatever name. All of these values are sealed, but for those that only tell the broker how to write requests.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

_SEALED = "urn:eclor:sealed:"
_PLAIN = frozenset(("jsonldcontext", "ngsildconformance", "accept", "contenttype"))
_INFO = "contextSourceInfo"
_PATH = ("notification", "endpoint", "receiverInfo")


class Sealing(Protocol):
    """Encrypts and decrypts with a key that is not in the database."""

    def seal(self, text: str, about: str) -> str:
        """Encrypt; `about` has to be the same when it is opened."""

    def open(self, sealed: str, about: str) -> str | None:
        """The text, or None where it was sealed with another key or about something else."""


def seal(document: Mapping[str, Any], sealing: Sealing, about: str) -> Mapping[str, Any]:
    """The document as it is stored."""
    return _changed(document, lambda value: seal_value(value, sealing, about))


def unseal(document: Mapping[str, Any], sealing: Sealing, about: str) -> Mapping[str, Any]:
    """The document as it was given. What was sealed with another secret stays sealed; what never was, as it is."""
    return _changed(document, lambda value: unseal_value(value, sealing, about))


def seal_value(value: str, sealing: Sealing | None, about: str) -> str:
    """One value as it is stored; as it is without a key."""
    return value if sealing is None else _SEALED + sealing.seal(value, about)


def unseal_value(value: str, sealing: Sealing | None, about: str) -> str:
    """One value as it was given, if it was sealed with this key."""
    if sealing is None or not value.startswith(_SEALED):
        return value
    text = sealing.open(value.removeprefix(_SEALED), about)
    return value if text is None else text


def _changed(document: Mapping[str, Any], change: Callable[[str], str]) -> Mapping[str, Any]:
    if _INFO in document:
        document = {**document, _INFO: _each(document[_INFO], change)}
    return _within(document, _PATH, change)


def _within(document: Mapping[str, Any], path: tuple[str, ...], change: Callable[[str], str]) -> Mapping[str, Any]:
    """The document with what stands at the end of the path changed, if it is there."""
    name, *rest = path
    inner = document.get(name)
    if inner is None:
        return document
    if not rest:
        return {**document, name: _each(inner, change)}
    return {**document, name: _within(inner, tuple(rest), change)} if isinstance(inner, Mapping) else document


def _each(pairs: Any, change: Callable[[str], str]) -> Any:
    if not isinstance(pairs, list):
        return pairs
    return [_pair(each, change) if isinstance(each, Mapping) else each for each in pairs]


def _pair(pair: Mapping[str, Any], change: Callable[[str], str]) -> Mapping[str, Any]:
    key, value = pair.get("key"), pair.get("value")
    if not isinstance(value, str) or (isinstance(key, str) and key.lower() in _PLAIN):
        return pair
    return {**pair, "value": change(value)}
