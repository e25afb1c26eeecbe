"""Credentials in registrations, subscriptions and snapshots, encrypted where they are stored (ADR 14).

What goes to sources (`contextSourceInfo`), receivers (`receiverInfo`) and notifiers (`notifierInfo`) may be a token or
a password, under whatever name. All of these values are sealed, but for those that only tell the broker how to write
requests.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from broker.core.model.credentials import with_values

_SEALED = "urn:eclor:sealed:"
_PLAIN = frozenset(("jsonldcontext", "ngsildconformance", "accept", "contenttype", "mqtt-version", "mqtt-qos"))


class Sealing(Protocol):
    """Encrypts and decrypts with a key that is not in the database."""

    def seal(self, text: str, about: str) -> str:
        """Encrypt; `about` has to be the same when it is opened."""

    def open(self, sealed: str, about: str) -> str | None:
        """The text, or None where it was sealed with another key or about something else."""


def seal(document: Mapping[str, Any], sealing: Sealing, about: str) -> Mapping[str, Any]:
    """The document as it is stored."""
    return with_values(document, lambda key, value: value if _is_plain(key) else seal_value(value, sealing, about))


def unseal(document: Mapping[str, Any], sealing: Sealing, about: str) -> Mapping[str, Any]:
    """The document as it was given. What was sealed with another secret stays sealed; what never was, as it is."""
    return with_values(document, lambda key, value: value if _is_plain(key) else unseal_value(value, sealing, about))


def seal_value(value: str, sealing: Sealing | None, about: str) -> str:
    """One value as it is stored; as it is without a key."""
    return value if sealing is None else _SEALED + sealing.seal(value, about)


def unseal_value(value: str, sealing: Sealing | None, about: str) -> str:
    """One value as it was given, if it was sealed with this key."""
    if sealing is None or not value.startswith(_SEALED):
        return value
    text = sealing.open(value.removeprefix(_SEALED), about)
    return value if text is None else text


def _is_plain(key: str) -> bool:
    return key.lower() in _PLAIN
