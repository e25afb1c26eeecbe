"""Leaving: this side ends at once, the other one is told, again and again while it does not answer."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from broker.core.federate.invitation import DEPARTURE, require_type, text_of
from broker.core.model.errors import AccessDenied, Conflict, ResourceNotFound, SourceFailed
from broker.core.model.instant import Instant
from broker.operations.membership.envelopes import digest_of, opened, signed
from broker.operations.membership.ports import Member, Membership
from broker.operations.membership.registering import token_to, unregister
from broker.operations.membership.subscribing import end_subscriptions

TELL_FOR: Instant = 30 * 86_400 * 1_000_000
"""How long a member that does not answer is told that it was left, in microseconds: a month."""


async def find(membership: Membership, name: str) -> Member:
    """The member of that fingerprint, or of its beginning, alias, name or URL.

    Raises ResourceNotFound, and Conflict where several are meant.
    """
    members = [each for each in await membership.store.all() if not each.is_leaving]
    exact = [each for each in members if name in (each.id, each.party.alias, each.party.name, each.party.url)]
    found = exact or [each for each in members if len(name) >= 4 and each.id.startswith(name)]
    if not found:
        known = ", ".join(each.party.alias for each in members) or "none"
        raise ResourceNotFound(f"There is no member {name[:100]!r}; there are: {known}.")
    if len(found) > 1:
        raise Conflict(f"Several members are called {name[:100]!r}; give the fingerprint of the one that is meant.")
    return found[0]


async def leave(membership: Membership, member: Member) -> str | None:
    """End the membership here, and tell the member; why it could not be told, or None.

    Whatever happens there, nothing is asked of it any more, and its token opens nothing here.
    """
    ended = digest_of(token_to(membership, member) or "")
    left = replace(member, digest=ended, sealed="", is_leaving=True, joined_at=membership.ports.clock.now())
    await membership.store.put(left)
    await _end(membership, member)
    return await tell(membership, left)


async def tell(membership: Membership, member: Member) -> str | None:
    """Tell a member that it was left, and forget it; why it could not be told, or None."""
    content = {
        "type": DEPARTURE,
        "from": membership.keys.public_key,
        "to": member.party.public_key,
        "ends": member.digest,
    }
    try:
        await membership.way.depart(member.party.url, signed(membership.keys, content))
    except SourceFailed as error:
        if membership.ports.clock.now() - member.joined_at > TELL_FOR:
            await _forget(membership, member)
        return error.detail
    await _forget(membership, member)
    return None


async def tell_all(membership: Membership) -> None:
    """Tell those once more that did not answer when they were left."""
    for each in await membership.store.all():
        if each.is_leaving:
            await tell(membership, each)


async def part(membership: Membership, envelope: Mapping[str, Any]) -> None:
    """A member left: end its membership here. One that is not known counts as gone.

    Raises AccessDenied where somebody else says so. The document names the token whose use it ends, so that it can't
    end, when it is sent once more, what was agreed after it.
    """
    content = envelope.get("content")
    key = text_of(content, "from") if isinstance(content, dict) else ""
    content = opened(membership.keys, envelope, key)
    require_type(content, DEPARTURE)
    if content.get("to") != membership.keys.public_key:
        raise AccessDenied("This departure is from another broker.")
    member = await membership.store.get(membership.keys.fingerprint(key))
    if member is None:
        return
    if not member.is_leaving and text_of(content, "ends") != member.digest:
        raise AccessDenied("This departure is from an earlier membership.")
    # Nothing new begins from here on, whatever comes in between.
    await membership.store.put(replace(member, sealed="", is_leaving=True))
    await _forget(membership, member)


async def _forget(membership: Membership, member: Member) -> None:
    """Also what an end that was broken off has left."""
    await _end(membership, member)
    await membership.store.remove(member.id)


async def _end(membership: Membership, member: Member) -> None:
    """Nothing is asked of the member any more, and nothing told to it."""
    await unregister(membership, member)
    if member.given is not None:
        await end_subscriptions(membership.ports, member.given.get("tenant", ""), member)
