"""Subscriptions in MongoDB: collection `subscriptions` of each tenant's database.

`{_id, document, context, contexts, createdAt, modifiedAt, via?, member?, offer?, tally: {...}?, claimedUntil: µs?}`.
What a client wrote is kept as JSON text, since its names may hold what MongoDB reads as paths or operators.

The document `subscriptions` (the collection's name) of collection `meta` holds `stamp`, which grows with each create,
replace and delete, and `recent`, the ids of the last ones in that order. It is written before the subscription and
again after it. Who sees the second stamp finds the new state; should the writer die in between, the first one has told
the others where to look once more (`broker.workers.board`).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson
from pymongo import UpdateOne
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from broker.adapters.mongo.client import DURABLE
from broker.adapters.mongo.errors import translated
from broker.adapters.mongo.sealing import Sealing, seal, unseal
from broker.core.model.errors import AlreadyExists, ResourceNotFound
from broker.core.model.instant import Instant
from broker.core.model.subscription import Tally
from broker.operations.notify import SubscriptionChanges

_RECENT = 1_000
"""Ids of changed subscriptions that are remembered; who missed more reads all again. At 60 bytes each: 60 kB."""
_TEXTS = ("document", "context", "contexts")
_BESIDE = ("via", "member", "offer")
_Document = dict[str, Any]


class MongoSubscriptions:
    """SubscriptionRecords on the databases that `database(tenant)` gives.

    What else is kept as a document, changed and counted like a subscription has a `collection` of its own, and a `noun`
    for messages. With `sealing`, credentials in it are stored encrypted.
    """

    def __init__(
        self,
        database: Callable[[str], AsyncDatabase[_Document]],
        collection: str = "subscriptions",
        noun: str = "subscription",
        sealing: Sealing | None = None,
    ) -> None:
        self._database = database
        self._name = collection
        self._noun = noun
        self._sealing = sealing
        self._key = {"_id": collection}
        self._indexed: set[str] = set()

    async def create(self, tenant: str, subscription: Mapping[str, Any]) -> None:
        """Store a new one; AlreadyExists if its id is taken."""
        with translated():
            try:
                await self._ensure_index(tenant)
                await self._note(tenant, subscription["id"])
                await self._collection(tenant).insert_one(
                    {"_id": subscription["id"], **self._to_document(subscription)}
                )
                await self._note(tenant, subscription["id"])
            except DuplicateKeyError:
                raise AlreadyExists(
                    f"There is a {self._noun} {subscription['id']} already; update it, or choose another id."
                ) from None

    async def replace(self, tenant: str, subscription: Mapping[str, Any], since: Instant | None = None) -> bool:
        """Store a new state, leaving what is counted; ResourceNotFound if it is gone.

        With `since` only if that is still its `modifiedAt`: whether it was.
        """
        subscription_id = subscription["id"]
        expected: _Document = {"_id": subscription_id}
        if since is not None:
            expected["modifiedAt"] = since
        with translated():
            await self._note(tenant, subscription_id)
            result = await self._collection(tenant).update_one(expected, {"$set": self._to_document(subscription)})
            if not result.matched_count:
                if await self.get(tenant, subscription_id) is None:
                    raise self._gone(subscription_id)
                return False
            await self._note(tenant, subscription_id)
        return True

    async def delete(self, tenant: str, subscription_id: str) -> None:
        """Remove; ResourceNotFound if it is not there."""
        with translated():
            await self._note(tenant, subscription_id)
            result = await self._collection(tenant).delete_one({"_id": subscription_id})
            if not result.deleted_count:
                raise self._gone(subscription_id)
            await self._note(tenant, subscription_id)

    async def get(self, tenant: str, subscription_id: str) -> _Document | None:
        """One, or None."""
        with translated():
            document = await self._collection(tenant).find_one({"_id": subscription_id})
        return None if document is None else self._to_subscription(document)

    async def page(
        self, tenant: str, limit: int, offset: int, *, member: str | None = None
    ) -> tuple[list[_Document], int]:
        """A page in order of creation, and how many there are. A limit of 0 gives none.

        With `member`, of those of that federation member.
        """
        collection = self._collection(tenant)
        wanted = {} if member is None else {"member": member}
        with translated():
            total = await collection.count_documents(wanted)
            if not limit:
                return [], total
            cursor = collection.find(wanted).sort([("createdAt", 1), ("_id", 1)]).skip(offset).limit(limit)
            return [self._to_subscription(document) async for document in cursor], total

    async def stamp(self, tenant: str) -> int:
        """A number that grows with every create, replace and delete, whichever process did it."""
        return int((await self._meta(tenant, {"stamp": 1})).get("stamp", 0))

    async def changes(self, tenant: str, since: int) -> SubscriptionChanges:
        """What happened after the stamp `since`."""
        stamp = await self.stamp(tenant)
        if stamp == since:
            return SubscriptionChanges(stamp, {})
        meta = await self._meta(tenant, {"stamp": 1, "recent": 1})
        stamp = int(meta.get("stamp", 0))
        recent: list[str] = meta.get("recent", [])
        missed = stamp - since
        if since < 0 or not 0 <= missed <= len(recent):
            return SubscriptionChanges(stamp, None)
        ids = list(dict.fromkeys(recent[len(recent) - missed :]))
        return SubscriptionChanges(stamp, await self._by_id(tenant, ids))

    async def count(self, tenant: str, tallies: Mapping[str, Tally]) -> None:
        """Add what is tallied to what is stored; unknown ids are passed over."""
        updates = [UpdateOne({"_id": each}, _counting(tally)) for each, tally in tallies.items()]
        with translated():
            # Not worth waiting for the journal: nobody is promised an exact count over a crash.
            await self._database(tenant)[self._name].bulk_write(updates, ordered=False)

    async def failing(self, tenant: str, limit: int) -> list[_Document]:
        """Those whose last notification failed, in order of creation."""
        with translated():
            cursor = self._collection(tenant).find({"tally.status": "failed"}).sort([("createdAt", 1), ("_id", 1)])
            return [self._to_subscription(document) async for document in cursor.limit(limit)]

    async def claim(self, tenant: str, subscription_id: str, now: Instant, until: Instant) -> bool:
        """Whether this process is the one to send a periodic notification now; nobody else is before `until`."""
        free = {"_id": subscription_id, "$or": [{"claimedUntil": None}, {"claimedUntil": {"$lte": now}}]}
        with translated():
            result = await self._collection(tenant).update_one(free, {"$set": {"claimedUntil": until}})
        return bool(result.modified_count)

    def _to_document(self, subscription: Mapping[str, Any]) -> _Document:
        given = {name: subscription.get(name) for name in _TEXTS}
        if self._sealing is not None:
            given["document"] = seal(subscription["document"], self._sealing, f"{self._name} {subscription['id']}")
        document: _Document = {name: orjson.dumps(value).decode() for name, value in given.items()}
        for name in _BESIDE:
            if subscription.get(name):
                document[name] = subscription[name]
        return {**document, "createdAt": subscription["createdAt"], "modifiedAt": subscription["modifiedAt"]}

    def _to_subscription(self, document: _Document) -> _Document:
        subscription: _Document = {name: orjson.loads(document[name]) for name in _TEXTS}
        if self._sealing is not None:
            about = f"{self._name} {document['_id']}"
            subscription["document"] = unseal(subscription["document"], self._sealing, about)
        subscription.update(id=document["_id"], createdAt=document["createdAt"], modifiedAt=document["modifiedAt"])
        for name in ("tally", *_BESIDE):
            if name in document:
                subscription[name] = document[name]
        return subscription

    def _gone(self, document_id: str) -> ResourceNotFound:
        return ResourceNotFound(f"There is no {self._noun} {document_id} in this tenant.")

    def _collection(self, tenant: str) -> AsyncCollection[_Document]:
        return self._database(tenant).get_collection(self._name, write_concern=DURABLE)

    async def _ensure_index(self, tenant: str) -> None:
        if tenant not in self._indexed:
            await self._collection(tenant).create_index([("createdAt", 1), ("_id", 1)])
            self._indexed.add(tenant)

    async def _note(self, tenant: str, subscription_id: str) -> None:
        change = {"$inc": {"stamp": 1}, "$push": {"recent": {"$each": [subscription_id], "$slice": -_RECENT}}}
        meta = self._database(tenant).get_collection("meta", write_concern=DURABLE)
        await meta.update_one(self._key, change, upsert=True)

    async def _meta(self, tenant: str, projection: Mapping[str, int]) -> _Document:
        with translated():
            return await self._database(tenant)["meta"].find_one(self._key, projection) or {}

    async def _by_id(self, tenant: str, ids: Sequence[str]) -> dict[str, _Document | None]:
        found: dict[str, _Document | None] = dict.fromkeys(ids)
        with translated():
            async for document in self._collection(tenant).find({"_id": {"$in": ids}}):
                found[document["_id"]] = self._to_subscription(document)
        return found


def _counting(tally: Tally) -> _Document:
    times = {
        "tally.lastNotification": tally.last_notification,
        "tally.lastSuccess": tally.last_success,
        "tally.lastFailure": tally.last_failure,
    }
    update: _Document = {
        "$inc": {
            "tally.timesSent": tally.times_sent,
            "tally.timesFailed": tally.times_failed,
            "tally.givenUp": tally.given_up,
        },
        "$max": {name: at for name, at in times.items() if at is not None},
    }
    if tally.status is not None:
        update["$set"] = {"tally.status": tally.status}
        if tally.reason is not None:
            update["$set"]["tally.reason"] = tally.reason
    return update
