"""What a member offers, as a registration of this broker (clause 5.9), and what its credential stands for."""

from typing import Any

from broker.core.federate.offer import read_offer, registered_as
from broker.core.model.credentials import CREDENTIAL
from broker.core.model.errors import NgsiLdError, ResourceNotFound
from broker.operations import registrations
from broker.operations.membership.ports import Member, Membership


async def register(membership: Membership, member: Member) -> str | None:
    """Let the registration say what the member offers now, or go where it offers nothing; its id.

    Raises BadRequestData, Conflict: what is offered excludes data of this broker or of another registration.
    """
    if member.taken is None:
        await unregister(membership, member)
        return None
    ports = membership.ports
    context = await ports.loader.load(None)
    document = _document(member, registered_as(read_offer(member.taken, context)))
    try:
        await registrations.update_registration(ports, member.tenant, document["id"], document, context)
    except ResourceNotFound:
        present = {name: value for name, value in document.items() if value is not None}
        await registrations.create_registration(ports, member.tenant, present, context)
    return str(document["id"])


async def unregister(membership: Membership, member: Member) -> None:
    """Remove the member's registration, if it is there."""
    if member.registration is None:
        return
    try:
        await registrations.delete_registration(membership.ports, member.tenant, member.registration)
    except ResourceNotFound:
        return


async def credential_for(membership: Membership, name: str, endpoint: str) -> str | None:
    """The header's value that a credential stands for, where the endpoint is that of its member."""
    try:
        member = await membership.store.by_credential(name.removeprefix(CREDENTIAL))
    except NgsiLdError:
        return None
    if member is None or member.is_leaving or member.party.url != endpoint:
        return None
    token = token_to(membership, member)
    return None if token is None else f"Bearer {token}"


def token_to(membership: Membership, member: Member) -> str | None:
    """The token with which this broker goes to the member; None where it was sealed with another secret."""
    return membership.keys.open(member.sealed, member.credential)


def _document(member: Member, offered: dict[str, Any]) -> dict[str, Any]:
    tenant = offered["tenant"]
    return {
        "id": f"urn:ngsi-ld:ContextSourceRegistration:federation:{member.id}",
        "type": "ContextSourceRegistration",
        "registrationName": f"Federation with {member.party.name}",
        "contextSourceAlias": f"{member.party.alias}.{tenant}" if tenant else member.party.alias,
        "endpoint": member.party.url,
        "contextSourceInfo": [{"key": "Authorization", "value": CREDENTIAL + member.credential}],
        **offered,
    }
