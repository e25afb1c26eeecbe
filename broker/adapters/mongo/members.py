"""MemberStore on `invitations` and `members` of the main database.

Nothing in them opens a door: of tokens that others come with there are digests, of those to go with, ciphertexts.
Offers and envelopes are kept as JSON text.
"""

from collections.abc import Mapping
from typing import Any

import orjson
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import DuplicateKeyError

from broker.adapters.mongo.client import DURABLE, Databases
from broker.adapters.mongo.errors import translated
from broker.core.federate.invitation import Party
from broker.operations.membership.ports import Issued, Member

Document = dict[str, Any]
_AS_TEXT = ("given", "taken")


class MongoMembers:
    """Invitations and members, shared by all processes of a broker."""

    def __init__(self, databases: Databases) -> None:
        main = databases.main
        self._invitations: AsyncCollection[Document] = main.get_collection("invitations", write_concern=DURABLE)
        self._members: AsyncCollection[Document] = main.get_collection("members", write_concern=DURABLE)

    async def put_invitation(self, issued: Issued) -> None:
        """Keep a new one."""
        document = {
            "_id": issued.id,
            "digest": issued.digest,
            "envelope": orjson.dumps(issued.envelope).decode(),
            "expiresAt": issued.expires_at,
            "allowsHttp": issued.allows_http,
            "usedBy": issued.used_by,
        }
        with translated():
            await self._invitations.insert_one(document)

    async def invitation(self, invitation_id: str) -> Issued | None:
        """One, or None."""
        with translated():
            found = await self._invitations.find_one({"_id": invitation_id})
        return None if found is None else _issued(found)

    async def invitations(self) -> list[Issued]:
        """All that are kept, those first that expire first."""
        with translated():
            return list(map(_issued, await self._invitations.find({}).sort("expiresAt", 1).to_list()))

    async def use_invitation(self, invitation_id: str, public_key: str) -> bool:
        """Mark it as used by the owner of the key; false where another one used it before."""
        free = {"_id": invitation_id, "usedBy": {"$in": [None, public_key]}}
        with translated():
            return (await self._invitations.update_one(free, {"$set": {"usedBy": public_key}})).matched_count == 1

    async def remove_invitation(self, invitation_id: str) -> bool:
        """Remove; whether it was there."""
        with translated():
            return (await self._invitations.delete_one({"_id": invitation_id})).deleted_count == 1

    async def put(self, member: Member) -> None:
        """Keep a new state of a member."""
        with translated():
            try:
                await self._members.replace_one({"_id": member.id}, _document(member), upsert=True)
            except DuplicateKeyError:
                # Two first states at once: the second to come is the later one.
                await self.put(member)

    async def get(self, member_id: str) -> Member | None:
        """One, or None."""
        return await self._one({"_id": member_id})

    async def by_digest(self, digest: str) -> Member | None:
        """Who comes with the token of that digest."""
        return await self._one({"digest": digest, "isLeaving": False})

    async def by_credential(self, credential: str) -> Member | None:
        """To whom that credential belongs."""
        return await self._one({"credential": credential})

    async def all(self) -> list[Member]:
        """All, in order of their joining. There are as many as a territory has partners: no index, no pages."""
        with translated():
            return list(map(_member, await self._members.find({}).sort([("joinedAt", 1), ("_id", 1)]).to_list()))

    async def remove(self, member_id: str) -> None:
        """Remove, if it is there."""
        with translated():
            await self._members.delete_one({"_id": member_id})

    async def _one(self, condition: Mapping[str, Any]) -> Member | None:
        with translated():
            found = await self._members.find_one(condition)
        return None if found is None else _member(found)


def _issued(document: Mapping[str, Any]) -> Issued:
    return Issued(
        id=document["_id"],
        digest=document["digest"],
        envelope=orjson.loads(document["envelope"]),
        expires_at=document["expiresAt"],
        allows_http=document["allowsHttp"],
        used_by=document["usedBy"],
    )


def _document(member: Member) -> Document:
    party = member.party
    document: Document = {
        "_id": member.id,
        **{"name": party.name, "alias": party.alias, "url": party.url, "publicKey": party.public_key},
        **{"joinedAt": member.joined_at, "tenant": member.tenant, "registration": member.registration},
        **{"digest": member.digest, "credential": member.credential, "sealed": member.sealed},
        "isLeaving": member.is_leaving,
    }
    for name in _AS_TEXT:
        offer = getattr(member, name)
        document[name] = None if offer is None else orjson.dumps(offer).decode()
    return document


def _member(document: Mapping[str, Any]) -> Member:
    offers = {name: None if document[name] is None else orjson.loads(document[name]) for name in _AS_TEXT}
    return Member(
        id=document["_id"],
        party=Party(document["name"], document["alias"], document["url"], document["publicKey"]),
        joined_at=document["joinedAt"],
        tenant=document["tenant"],
        given=offers["given"],
        taken=offers["taken"],
        digest=document["digest"],
        credential=document["credential"],
        sealed=document["sealed"],
        registration=document["registration"],
        is_leaving=document["isLeaving"],
    )
