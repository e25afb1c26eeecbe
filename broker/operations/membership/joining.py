"""Joining: an invitation is looked at, answered by the one who was invited, and accepted by the one who invited.

Both keep the other as a member before they register what it offers, so that whatever fails can be done again, or
undone by leaving.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from broker.core.federate.invitation import (
    MEMBERSHIP,
    Invitation,
    Party,
    read_invitation,
    read_party,
    require_type,
    text_of,
    write_party,
)
from broker.core.federate.offer import read_offer, write_offer
from broker.core.model.errors import AccessDenied, BadRequestData, Conflict
from broker.core.model.instant import format_instant
from broker.operations.membership.envelopes import digest_of, new_token, opened, require_safe, signed
from broker.operations.membership.inviting import issued_to
from broker.operations.membership.ports import Member, Membership
from broker.operations.membership.registering import register
from broker.operations.membership.subscribing import renew_subscriptions


@dataclass(frozen=True, slots=True)
class Reply:
    """How an invitation is answered: what this broker offers in return, read with `context`, and in which tenant what
    it takes is registered."""

    offer: Mapping[str, Any] | None = None
    context: Any = None
    tenant: str = ""
    name: str | None = None
    allows_http: bool = False


async def look_at(membership: Membership, envelope: Mapping[str, Any]) -> Invitation:
    """What an invitation says, once its signature is checked.

    Raises AccessDenied where it is forged or expired, Conflict where it can't be meant for this broker.
    """
    content = opened(membership.keys, envelope)
    invitation = read_invitation(content, await membership.ports.loader.load(None))
    if invitation.expires_at <= membership.ports.clock.now():
        raise AccessDenied(f"The invitation expired at {format_instant(invitation.expires_at)}. Ask for a new one.")
    await _require_other(membership, invitation.party)
    return invitation


async def join(membership: Membership, envelope: Mapping[str, Any], token: str, reply: Reply) -> Member:
    """Answer an invitation, and register what it offers. Doing it again renews both sides.

    Raises AccessDenied, Conflict, BadRequestData; SourceFailed where the one who invited does not answer, or refuses.
    """
    invitation = await look_at(membership, envelope)
    party = invitation.party
    require_safe(party.url, allows_http=reply.allows_http)
    offered = await _offered(membership, reply)
    if offered is not None:
        require_safe(membership.url, allows_http=reply.allows_http)
    theirs = new_token()
    content = {
        "type": MEMBERSHIP,
        **write_party(membership.me(reply.name)),
        "invitation": invitation.id,
        "to": party.public_key,
        "token": theirs,
        "offer": offered,
    }
    answer = await membership.way.join(party.url, token, signed(membership.keys, content))
    ours = _token_from(membership, answer, invitation)
    former = await membership.store.get(membership.keys.fingerprint(party.public_key))
    member = _member(membership, party, former, given=offered, theirs=theirs, ours=ours)
    return await _keep(membership, replace(member, tenant=reply.tenant, taken=write_offer(invitation.offer)), former)


async def accept(membership: Membership, envelope: Mapping[str, Any], token: str) -> dict[str, Any]:
    """Accept the answer to an invitation of this broker; the envelope to send back.

    The first one to use an invitation may use it again, as after an answer that was lost; nobody else may. Raises
    AccessDenied, Conflict, BadRequestData.
    """
    content = opened(membership.keys, envelope)
    require_type(content, MEMBERSHIP)
    party, ours = read_party(content), text_of(content, "token")
    if content.get("to") != membership.keys.public_key:
        raise AccessDenied("This answers the invitation of another broker.")
    issued = await issued_to(membership, text_of(content, "invitation"), token)
    await _require_other(membership, party)
    offer = content.get("offer")
    if offer is not None:
        require_safe(party.url, allows_http=issued.allows_http)
        offer = write_offer(read_offer(_mapping(offer), await membership.ports.loader.load(None)))
    if not await membership.store.use_invitation(issued.id, party.public_key):
        raise AccessDenied("The invitation was used by another broker. Ask for a new one.")
    theirs, given = new_token(), issued.envelope["content"]["offer"]
    former = await membership.store.get(membership.keys.fingerprint(party.public_key))
    member = _member(membership, party, former, given=given, theirs=theirs, ours=ours)
    if offer is not None:
        member = replace(member, taken=offer, tenant=given.get("tenant", ""))
    await _keep(membership, member, former)
    answer = {"type": MEMBERSHIP, **write_party(membership.me()), "to": party.public_key, "token": theirs}
    return signed(membership.keys, answer | {"invitation": issued.id})


async def _offered(membership: Membership, reply: Reply) -> dict[str, Any] | None:
    if reply.offer is None:
        return None
    read = read_offer(reply.offer, await membership.ports.loader.load(reply.context))
    return write_offer(replace(read, operations=read.operations | {"retrieveContextSourceIdentity"}))


def _token_from(membership: Membership, answer: Mapping[str, Any], invitation: Invitation) -> str:
    """The token to come with, out of an answer that only the one who invited can have given."""
    content = opened(membership.keys, answer, invitation.party.public_key)
    require_type(content, MEMBERSHIP)
    if content.get("to") != membership.keys.public_key or content.get("invitation") != invitation.id:
        raise AccessDenied("The answer was meant for another broker or another invitation.")
    return text_of(content, "token")


def _member(
    membership: Membership,
    party: Party,
    former: Member | None,
    *,
    given: Mapping[str, Any] | None,
    theirs: str,
    ours: str,
) -> Member:
    """The other one, with new tokens. What is not agreed anew stays as it was agreed before."""
    credential = secrets.token_urlsafe(16)
    known = former or Member(membership.keys.fingerprint(party.public_key), party, membership.ports.clock.now())
    return replace(
        known,
        party=party,
        joined_at=membership.ports.clock.now(),
        given=known.given if given is None else given,
        digest=digest_of(theirs),
        credential=credential,
        sealed=membership.keys.seal(ours, credential),
        is_leaving=False,
    )


async def _keep(membership: Membership, member: Member, former: Member | None) -> Member:
    await membership.store.put(member)
    if former is not None and former.registration is not None and former.tenant != member.tenant:
        raise Conflict("What this broker offers is registered in another tenant here: leave first, then join anew.")
    if former is not None and former.given is not None and former.given != member.given:
        await renew_subscriptions(membership.ports, member, former.given)
    member = replace(member, registration=await register(membership, member))
    await membership.store.put(member)
    return member


async def _require_other(membership: Membership, party: Party) -> None:
    """Refuse this broker itself, and an alias that would make requests seem to run in circles (clause 4.3.6.4)."""
    if party.public_key == membership.keys.public_key:
        raise Conflict("This is an invitation of this very broker; it is for another one.")
    own = membership.keys.fingerprint(party.public_key)
    others = [each for each in await membership.store.all() if each.id != own and not each.is_leaving]
    for alias in (membership.alias, *(each.party.alias for each in others)):
        if alias == party.alias:
            raise Conflict(f"Two brokers are called {alias!r}. Start one of them with a name of its own: --alias NAME.")


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise BadRequestData("'offer' has to be an object, or null.")
    return value
