"""Inviting: an invitation is made, fetched by whoever was given its token, and withdrawn."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hmac import compare_digest
from typing import Any

from broker.core.federate.invitation import Invitation, write_invitation
from broker.core.federate.offer import read_offer
from broker.core.model.errors import AccessDenied, BadRequestData, ResourceNotFound
from broker.core.model.instant import Instant
from broker.operations.membership.envelopes import digest_of, new_token, require_safe, signed
from broker.operations.membership.ports import Issued, Membership

LONGEST_SECONDS = 90 * 86_400
"""An invitation lasts a quarter of a year at most: as long as a city council may take."""
_SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class Letter:
    """An invitation as it is handed over: the signed envelope, and the token that whoever has it may use once."""

    envelope: Mapping[str, Any]
    token: str
    url: str

    def document(self) -> dict[str, Any]:
        """As it stands in a file."""
        return {**self.envelope, "token": self.token}


async def invite(
    membership: Membership,
    offer: Mapping[str, Any],
    *,
    context: Any = None,
    name: str | None = None,
    seconds: int = 7 * 86_400,
    allows_http: bool = False,
) -> Letter:
    """Make an invitation to what `offer` says, whose names are read with `context`.

    Raises BadRequestData where the offer is none, or the broker has no address that tokens may be sent to.
    """
    if not 0 < seconds <= LONGEST_SECONDS:
        raise BadRequestData(f"An invitation lasts 1 second to {LONGEST_SECONDS // 86_400} days.")
    require_safe(membership.url, allows_http=allows_http)
    now = membership.ports.clock.now() // _SECOND * _SECOND
    read = read_offer(offer, await membership.ports.loader.load(context))
    # Whoever joined may always ask who is there: it is how each sees that the other one answers.
    read = replace(read, operations=read.operations | {"retrieveContextSourceIdentity"})
    invitation = Invitation(secrets.token_urlsafe(16), membership.me(name), read, now + seconds * _SECOND, now)
    token, envelope = new_token(), signed(membership.keys, write_invitation(invitation))
    await membership.store.put_invitation(
        Issued(invitation.id, digest_of(token), envelope, invitation.expires_at, allows_http)
    )
    return Letter(envelope, token, f"{membership.url}/federation/invitations/{invitation.id}#{token}")


async def show_invitation(membership: Membership, invitation_id: str, token: str) -> Mapping[str, Any]:
    """The envelope, to whoever has its token. Raises AccessDenied."""
    issued = await issued_to(membership, invitation_id, token)
    return issued.envelope


async def issued_to(membership: Membership, invitation_id: str, token: str) -> Issued:
    """The invitation that the token belongs to, if it is still good. Raises AccessDenied, alike for all that are not.

    One that expired is told apart, to whoever has its token.
    """
    issued = await membership.store.invitation(invitation_id)
    if issued is None or not compare_digest(issued.digest, digest_of(token)):
        raise AccessDenied("There is no such invitation, or the token is not its own. Ask for a new invitation.")
    if issued.expires_at <= membership.ports.clock.now():
        raise AccessDenied("The invitation has expired. Ask for a new one.")
    return issued


async def withdraw(membership: Membership, invitation_id: str) -> None:
    """Make an invitation useless. Whoever joined by it stays. Raises ResourceNotFound."""
    if not await membership.store.remove_invitation(invitation_id):
        raise ResourceNotFound(f"There is no invitation {invitation_id[:100]}; `eclor federation status` lists them.")


async def open_invitations(membership: Membership) -> list[Issued]:
    """Those that can still be used; what has expired is removed on the way."""
    now: Instant = membership.ports.clock.now()
    found = []
    for each in await membership.store.invitations():
        if each.expires_at <= now:
            await membership.store.remove_invitation(each.id)
        elif each.used_by is None:
            found.append(each)
    return found
