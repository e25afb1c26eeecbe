"""Signed documents between brokers that join each other: an invitation, the answer to it, a departure (ADR 14).

Each is an *envelope*: `content`, an object people can read, and `signature`, Ed25519 (RFC 8032) over its canonical
bytes. `content` has the public key that the signature is to be checked with.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson

from broker.core.federate.offer import Offer, read_offer, write_offer
from broker.core.jsonld.context import ActiveContext
from broker.core.model.errors import BadRequestData
from broker.core.model.instant import Instant, format_instant, parse_instant

INVITATION, MEMBERSHIP, DEPARTURE = "EclorInvitation", "EclorMembership", "EclorDeparture"
_LONGEST_TEXT = 2_048


@dataclass(frozen=True, slots=True)
class Party:
    """A broker as it presents itself: a name for people, its alias (clause 4.3.6.4), URL and public key."""

    name: str
    alias: str
    url: str
    public_key: str


@dataclass(frozen=True, slots=True)
class Invitation:
    """Who invites, to what, until when. `id` can be used once."""

    id: str
    party: Party
    offer: Offer
    expires_at: Instant
    issued_at: Instant


def canonical(content: Mapping[str, Any]) -> bytes:
    """The bytes that are signed: JSON in UTF-8 without blanks, members sorted by name."""
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS)


def write_invitation(invitation: Invitation) -> dict[str, Any]:
    """The content of its envelope."""
    return {
        "type": INVITATION,
        "id": invitation.id,
        **write_party(invitation.party),
        "offer": write_offer(invitation.offer),
        "issuedAt": format_instant(invitation.issued_at),
        "expiresAt": format_instant(invitation.expires_at),
    }


def read_invitation(content: Mapping[str, Any], context: ActiveContext) -> Invitation:
    """From the content of an envelope. Raises BadRequestData where something is missing."""
    require_type(content, INVITATION)
    offer = content.get("offer")
    if not isinstance(offer, dict):
        raise BadRequestData("The invitation has no 'offer'.")
    return Invitation(
        id=text_of(content, "id"),
        party=read_party(content),
        offer=read_offer(offer, context),
        expires_at=instant_of(content, "expiresAt"),
        issued_at=instant_of(content, "issuedAt"),
    )


def write_party(party: Party) -> dict[str, str]:
    """The members that present a broker."""
    return {"name": party.name, "alias": party.alias, "url": party.url, "publicKey": party.public_key}


def read_party(content: Mapping[str, Any]) -> Party:
    """Who a content presents. Raises BadRequestData."""
    url = text_of(content, "url").rstrip("/")
    if not _is_address(url):
        raise BadRequestData("'url' has to be the address of a broker, such as https://broker.example.org.")
    return Party(text_of(content, "name"), text_of(content, "alias"), url, text_of(content, "publicKey"))


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(host) and not any(each in url for each in "@?# \\")


def require_type(content: Mapping[str, Any], name: str) -> None:
    """Refuse a document of another kind: a signature under one must not pass for one under the other."""
    if content.get("type") != name:
        raise BadRequestData(f"This is no {name}: its 'type' is {str(content.get('type'))[:80]!r}.")


def text_of(content: Mapping[str, Any], name: str) -> str:
    """A member that is a text in one line. Raises BadRequestData."""
    value = content.get(name)
    if not isinstance(value, str) or not value or len(value) > _LONGEST_TEXT or not value.isprintable():
        raise BadRequestData(f"'{name}' has to be a text of 1 to {_LONGEST_TEXT} characters in one line.")
    return value


def instant_of(content: Mapping[str, Any], name: str) -> Instant:
    """A member that is a moment. Raises BadRequestData."""
    moment = parse_instant(text_of(content, name))
    if moment is None:
        raise BadRequestData(f"'{name}' has to be a date and time such as 2030-01-01T00:00:00Z.")
    return moment
