"""What `eclor federation status` tells: this broker, its members, its invitations."""

import asyncio
from collections.abc import Mapping
from typing import Any

from broker.core.model.errors import NgsiLdError
from broker.core.model.instant import format_instant
from broker.operations.membership.inviting import open_invitations
from broker.operations.membership.ports import Issued, Member, Membership, Probe, Trouble
from broker.operations.membership.registering import token_to

_COUNTED = ("timesSent", "timesFailed", "lastSuccess", "lastFailure")
_SEALED_OTHERWISE = (
    "This broker's secret is another one than when it joined: leave, and join anew. Until then nothing is asked there."
)


async def status(membership: Membership) -> dict[str, Any]:
    """As JSON, with no secret in it. All members are asked at once whether they answer.

    `lastError` is what that question met, `lastTrouble` what requests of clients did.
    """
    members = await membership.store.all()
    federation = membership.ports.federation
    if federation is not None:
        for tenant in {each.tenant for each in members}:
            await federation.registry.counted(tenant)
    return {
        "alias": membership.alias,
        "url": membership.url,
        "fingerprint": membership.fingerprint,
        "members": await asyncio.gather(*(_told(membership, each) for each in members)),
        "invitations": [_invitation(each) for each in await open_invitations(membership)],
    }


def told_member(member: Member) -> dict[str, Any]:
    """What of a member may be shown."""
    party = member.party
    return {
        "name": party.name,
        "alias": party.alias,
        "url": party.url,
        "fingerprint": member.id,
        "state": "leaving" if member.is_leaving else "joined",
        "since": format_instant(member.joined_at),
        "tenant": member.tenant,
        "given": member.given,
        "taken": member.taken,
    }


async def _told(membership: Membership, member: Member) -> dict[str, Any]:
    told = told_member(member)
    if member.is_leaving:
        return told
    probe = await _probe(membership, member)
    counted = await _counted(membership, member)
    return {
        **told,
        "health": "ok" if probe.problem is None else "failing",
        "latencyMs": round(probe.milliseconds, 1),
        "lastError": probe.problem,
        "lastTrouble": _trouble(membership.experience.last_trouble(member.credential)),
        **counted,
    }


def _trouble(trouble: Trouble | None) -> dict[str, str] | None:
    if trouble is None:
        return None
    return {"at": format_instant(trouble.at), "operation": trouble.operation, "problem": trouble.problem}


async def _probe(membership: Membership, member: Member) -> Probe:
    token = token_to(membership, member)
    if token is None:
        return Probe(0.0, _SEALED_OTHERWISE)
    tenant = "" if member.taken is None else member.taken.get("tenant", "")
    return await membership.way.probe(member.party.url, token, tenant)


async def _counted(membership: Membership, member: Member) -> dict[str, Any]:
    """What became of requests to the member (Table 5.2.9-2)."""
    federation = membership.ports.federation
    if federation is None or member.registration is None:
        return {}
    try:
        stored = await federation.registrations.get(member.tenant, member.registration)
    except NgsiLdError:
        return {}
    if stored is None:
        return {"registration": "missing: join anew to have it back"}
    tally: Mapping[str, Any] = stored.get("tally") or {}
    found = {name: tally[name] for name in _COUNTED if tally.get(name) is not None}
    return {name: format_instant(each) if name.startswith("last") else each for name, each in found.items()}


def _invitation(issued: Issued) -> dict[str, Any]:
    content = issued.envelope["content"]
    return {"id": issued.id, "expiresAt": content["expiresAt"], "offer": content["offer"]}
