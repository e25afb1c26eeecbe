"""EntityMapStore on the collection `entityMaps` of a tenant's database.

`{_id, expiresAt: µs, goneAt: Date, entities: [{id, sources}], linked: [[registration, map]], query, owner}`:
identifiers have dots, so they are values, not names of fields. MongoDB removes a map within about a minute of `goneAt`.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from pymongo.asynchronous.collection import AsyncCollection

from broker.adapters.mongo.client import Databases
from broker.adapters.mongo.errors import translated
from broker.core.model.entity_map import EntityMap
from broker.core.model.instant import Instant

Collection: TypeAlias = AsyncCollection[dict[str, Any]]

MAX_MAPS = 500
"""Maps of one tenant at a time; beyond it the ones that end first make room. At 2 MB each they take 1 GB."""
MAX_OWNED = 50
"""The same for the maps of one federation member, which must not push out those of others."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class MongoEntityMaps:
    """Entity maps of all tenants."""

    def __init__(self, databases: Databases) -> None:
        self._databases = databases
        self._indexed: set[str] = set()

    async def create(self, tenant: str, entity_map: EntityMap) -> None:
        """Keep a new one."""
        with translated():
            collection = await self._prepared(tenant)
            await collection.insert_one(_to_document(entity_map))
            await _make_room(collection, entity_map.owner)

    async def get(self, tenant: str, map_id: str) -> EntityMap | None:
        """One, or None."""
        with translated():
            document = await self._of(tenant).find_one({"_id": map_id})
        return None if document is None else _to_map(document)

    async def set_expiry(self, tenant: str, map_id: str, expires_at: Instant) -> bool:
        """Give it another end; whether it is there."""
        return await self._change(tenant, map_id, {"$set": {"expiresAt": expires_at, "goneAt": _date(expires_at)}})

    async def drop(self, tenant: str, map_id: str, entity_ids: Sequence[str]) -> None:
        """Take entities out of it; nothing where it is gone."""
        await self._change(tenant, map_id, {"$pull": {"entities": {"id": {"$in": list(entity_ids)}}}})

    async def link(self, tenant: str, map_id: str, linked: Mapping[str, str]) -> None:
        """Give it other linked maps; nothing where it is gone."""
        await self._change(tenant, map_id, {"$set": {"linked": [list(pair) for pair in linked.items()]}})

    async def delete(self, tenant: str, map_id: str) -> bool:
        """Remove it; whether it was there."""
        with translated():
            return (await self._of(tenant).delete_one({"_id": map_id})).deleted_count == 1

    async def _change(self, tenant: str, map_id: str, change: dict[str, Any]) -> bool:
        with translated():
            return (await self._of(tenant).update_one({"_id": map_id}, change)).matched_count == 1

    def _of(self, tenant: str) -> Collection:
        return self._databases(tenant)["entityMaps"]

    async def _prepared(self, tenant: str) -> Collection:
        collection = self._of(tenant)
        if tenant not in self._indexed:
            await collection.create_index([("goneAt", 1)], name="goneAt", expireAfterSeconds=0)
            await collection.create_index([("owner", 1), ("goneAt", 1)])
            self._indexed.add(tenant)
        return collection


async def _make_room(collection: Collection, owner: str) -> None:
    # Those that were made before maps had owners have none.
    mine: dict[str, Any] = {"owner": owner} if owner else {"owner": {"$in": ["", None]}}
    surplus = await collection.count_documents(mine) - (MAX_OWNED if owner else MAX_MAPS)
    if surplus > 0:
        first = await collection.find(mine, {"_id": 1}, sort=[("goneAt", 1)], limit=surplus).to_list()
        await collection.delete_many({"_id": {"$in": [each["_id"] for each in first]}})


def _to_document(entity_map: EntityMap) -> dict[str, Any]:
    return {
        "_id": entity_map.id,
        "expiresAt": entity_map.expires_at,
        "goneAt": _date(entity_map.expires_at),
        "entities": [{"id": each, "sources": list(sources)} for each, sources in entity_map.sources.items()],
        "linked": [list(pair) for pair in entity_map.linked.items()],
        "query": entity_map.query,
        "owner": entity_map.owner,
    }


def _to_map(document: dict[str, Any]) -> EntityMap:
    sources = {each["id"]: tuple(each["sources"]) for each in document["entities"]}
    linked, query = dict(document["linked"]), document.get("query", "")
    return EntityMap(document["_id"], document["expiresAt"], sources, linked, query, document.get("owner", ""))


def _date(instant: Instant) -> datetime:
    return _EPOCH + timedelta(microseconds=instant)
