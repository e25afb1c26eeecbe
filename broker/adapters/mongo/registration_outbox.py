"""Notifications about registrations that their receivers have not got yet (clause 5.11.7).

Collection `registrationOutbox` of the default tenant's database, for all tenants: `{_id, owner, tenant, subscription,
message: {...}}`. The owner is the broker process that sends it (`Owned`).
"""

from collections.abc import AsyncIterator
from typing import Any

from broker.adapters.mongo.client import DURABLE, Databases
from broker.adapters.mongo.errors import translated
from broker.adapters.mongo.owned import Owned
from broker.adapters.mongo.presence import Presence
from broker.adapters.mongo.sealing import Sealing, seal_value, unseal_value
from broker.core.subscribe.message import Message
from broker.operations.notify import WaitingMessage

_ABOUT = "registrationOutbox"


class MongoRegistrationOutbox:
    """MessageOutbox."""

    def __init__(self, databases: Databases, presence: Presence, sealing: Sealing | None = None) -> None:
        self._sealing = sealing
        self._collection = databases.main.get_collection("registrationOutbox", write_concern=DURABLE)
        self._owned = Owned(presence)
        self._is_indexed = False

    async def add(self, tenant: str, subscription_id: str, message: Message) -> str:
        """Keep a message; its key."""
        key = self._owned.new_id()
        document = {
            "_id": key,
            "owner": self._owned.owner,
            "tenant": tenant,
            "subscription": subscription_id,
            "message": _stored(message, self._sealing),
        }
        with translated():
            await self._ensure_index()
            await self._collection.insert_one(document)
        return key

    async def remove(self, key: str) -> None:
        """The receiver has it, or it is given up."""
        await self._delete({"_id": key})

    async def remove_all(self, tenant: str, subscription_id: str) -> None:
        """Nobody wants what waits for a subscription any more."""
        await self._delete({"tenant": tenant, "subscription": subscription_id})

    async def adopt(self) -> AsyncIterator[list[WaitingMessage]]:
        """Take over all that processes that are gone left, in order, part by part."""
        with translated():
            async for documents in self._owned.adopted(self._collection):
                yield [_loaded(each, self._sealing) for each in documents]

    async def _delete(self, query: dict[str, Any]) -> None:
        with translated():
            await self._collection.delete_many(query)

    async def _ensure_index(self) -> None:
        if not self._is_indexed:
            await self._collection.create_index([("tenant", 1), ("subscription", 1)])
            await self._collection.create_index("owner")
            self._is_indexed = True


def _stored(message: Message, sealing: Sealing | None) -> dict[str, Any]:
    return {
        "contentType": message.content_type,
        "body": message.body,
        "link": message.link,
        "info": [[key, seal_value(value, sealing, _ABOUT)] for key, value in message.info],
        "tenant": message.tenant,
    }


def _loaded(document: dict[str, Any], sealing: Sealing | None) -> WaitingMessage:
    stored = document["message"]
    message = Message(
        stored["contentType"],
        bytes(stored["body"]),
        stored["link"],
        tuple((key, unseal_value(value, sealing, _ABOUT)) for key, value in stored["info"]),
        stored["tenant"],
    )
    return WaitingMessage(document["_id"], document["tenant"], document["subscription"], message)
