"""Notifications about registrations that their receivers have not got yet (clause 5.11.7).

Collection `registrationOutbox` of the default tenant's database, for all tenants: `{_id, owner, tenant, subscription,
message: {...}}`. The owner is the broker process that sends it; what a dead process left is adopted by a living one.
"""

import time
from typing import Any

from pymongo.errors import PyMongoError

from broker.adapters.mongo.client import DURABLE, Databases
from broker.adapters.mongo.errors import translate
from broker.adapters.mongo.presence import Presence
from broker.adapters.mongo.sealing import Sealing, seal_value, unseal_value
from broker.core.subscribe.message import Message
from broker.operations.notify import WaitingMessage

_ADOPTED_AT_ONCE = 1_000
"""Taken over in one go from processes that are gone; the rest follows with the next look."""

_ABOUT = "registrationOutbox"


class MongoRegistrationOutbox:
    """MessageOutbox."""

    def __init__(self, databases: Databases, presence: Presence, sealing: Sealing | None = None) -> None:
        self._sealing = sealing
        self._collection = databases.main.get_collection("registrationOutbox", write_concern=DURABLE)
        self._presence = presence
        self._counter = 0
        self._is_indexed = False

    async def add(self, tenant: str, subscription_id: str, message: Message) -> str:
        """Keep a message; its key."""
        # In order of time over all owners: who adopts from several sends in that order.
        self._counter = max(self._counter + 1, time.time_ns() // 1_000)
        key = f"{self._counter:016x}-{self._presence.token}"
        document = {
            "_id": key,
            "owner": self._presence.token,
            "tenant": tenant,
            "subscription": subscription_id,
            "message": _stored(message, self._sealing),
        }
        try:
            await self._ensure_index()
            await self._collection.insert_one(document)
        except PyMongoError as error:
            raise translate(error) from error
        return key

    async def remove(self, key: str) -> None:
        """The receiver has it, or it is given up."""
        await self._delete({"_id": key})

    async def remove_all(self, tenant: str, subscription_id: str) -> None:
        """Nobody wants what waits for a subscription any more."""
        await self._delete({"tenant": tenant, "subscription": subscription_id})

    async def adopt(self) -> list[WaitingMessage]:
        """Take over what processes that are gone left, in order."""
        abandoned: dict[str, Any] = {"owner": {"$nin": sorted(self._presence.living)}}
        try:
            found = await self._collection.find(abandoned).sort("_id", 1).limit(_ADOPTED_AT_ONCE).to_list()
            adopted = []
            for document in found:
                # Conditional: of two processes that look at the same time, one gets it.
                mine = {"$set": {"owner": self._presence.token}}
                result = await self._collection.update_one({"_id": document["_id"], **abandoned}, mine)
                if result.modified_count:
                    adopted.append(_loaded(document, self._sealing))
        except PyMongoError as error:
            raise translate(error) from error
        return adopted

    async def _delete(self, query: dict[str, Any]) -> None:
        try:
            await self._collection.delete_many(query)
        except PyMongoError as error:
            raise translate(error) from error

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
