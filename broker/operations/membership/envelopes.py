"""Envelopes: what this broker signs, and what others signed (ADR 14)."""

import hashlib
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from broker.core.federate.invitation import canonical
from broker.core.model.errors import AccessDenied, BadRequestData
from broker.operations.membership.ports import TOKEN_PREFIX, Keys

LOOPBACK = frozenset(("localhost", "127.0.0.1", "::1"))
"""Hosts to which nothing leaves this machine."""


def signed(keys: Keys, content: Mapping[str, Any]) -> dict[str, Any]:
    """The content in an envelope with this broker's signature."""
    return {"content": dict(content), "signature": keys.sign(canonical(content))}


def opened(keys: Keys, envelope: Mapping[str, Any], public_key: str | None = None) -> dict[str, Any]:
    """The content of an envelope, signed by `public_key`, or by the one that the content itself presents.

    Raises BadRequestData where it is no envelope, AccessDenied where the signature is not of that content and key.
    """
    content, signature = envelope.get("content"), envelope.get("signature")
    if not isinstance(content, dict) or not isinstance(signature, str):
        raise BadRequestData("This is no signed document of ECLOR: it has no 'content' and 'signature'.")
    key = content.get("publicKey") if public_key is None else public_key
    if not isinstance(key, str) or not keys.verify(key, signature, canonical(content)):
        raise AccessDenied("The signature does not fit: the document was changed, or another one signed it.")
    return content


def new_token() -> str:
    """A token nobody can guess: 256 bits."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def digest_of(token: str) -> str:
    """What is kept of a token that others come with. It is random: there is nothing that a salt would slow down."""
    return hashlib.sha256(token.encode()).hexdigest()


def require_safe(url: str, *, allows_http: bool) -> None:
    """Refuse to send tokens in the clear, unless they stay on this machine or it was said that they may.

    Raises BadRequestData.
    """
    parts = urlsplit(url)
    if parts.scheme == "https" or parts.hostname in LOOPBACK or allows_http:
        return
    raise BadRequestData(
        f"{url} has no TLS, and tokens would travel in the clear. Give the broker an https:// --public-url, or, in a "
        "network that nobody else listens in, add --allow-http to invite and to join."
    )
