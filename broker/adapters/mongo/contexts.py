"""Stored @contexts (clause 5.13) in one collection, shared by all tenants and processes."""

from collections.abc import Mapping
from typing import Any

from pymongo.asynchronous.collection import AsyncCollection

from broker.adapters.mongo.client import DURABLE
from broker.adapters.mongo.errors import translated
from broker.core.jsonld.reference import local_id
from broker.core.model.instant import Instant

MAX_CACHED = 1_000
"""Copies of foreign contexts that are kept: clients name them freely, and each may have a megabyte."""


class MongoContexts:
    """ContextStore on a collection. An entry fetched from a URL has the URL's digest as its `_id`."""

    def __init__(self, collection: AsyncCollection[dict[str, Any]]) -> None:
        self._collection = collection
        self._durable = collection.with_options(write_concern=DURABLE)

    async def put(self, entry: Mapping[str, Any]) -> None:
        """Store or replace an entry by its `_id`; of those fetched, the longest unused make room."""
        with translated():
            await self._durable.replace_one({"_id": entry["_id"]}, dict(entry), upsert=True)
            if "url" in entry:
                await self._make_room(entry["_id"])

    async def get(self, context_id: str) -> dict[str, Any] | None:
        """An entry by its local identifier or URL."""
        with translated():
            return await self._collection.find_one({"_id": {"$in": [context_id, local_id(context_id)]}})

    async def delete(self, context_id: str) -> bool:
        """Remove by local identifier; whether it was there."""
        with translated():
            return (await self._durable.delete_one({"_id": context_id})).deleted_count == 1

    async def all(self) -> list[dict[str, Any]]:
        """All entries in order of creation, without their documents."""
        with translated():
            return await self._collection.find({}, {"document": 0}).sort([("createdAt", 1), ("_id", 1)]).to_list()

    async def use(self, context_id: str, hits: int, at: Instant) -> None:
        """Add to an entry's `hits` and set its `lastUsage`; nothing where it is gone."""
        with translated():
            await self._collection.update_one({"_id": context_id}, {"$inc": {"hits": hits}, "$set": {"lastUsage": at}})

    async def _make_room(self, kept: str) -> None:
        surplus = await self._collection.count_documents({"url": {"$exists": True}}) - MAX_CACHED
        if surplus > 0:
            unused = self._collection.find({"url": {"$exists": True}, "_id": {"$ne": kept}}, {"_id": 1})
            oldest = await unused.sort([("lastUsage", 1), ("createdAt", 1)]).limit(surplus).to_list()
            await self._collection.delete_many({"_id": {"$in": [entry["_id"] for entry in oldest]}})
