"""Which tenants exist (clause 4.14), and the birth of one."""

import asyncio
from collections import defaultdict

from broker.adapters.mongo.client import DURABLE, Databases
from broker.adapters.mongo.errors import translated
from broker.adapters.mongo.history import ensure_history_indexes
from broker.adapters.mongo.indexes import ensure_entity_indexes


class MongoTenants:
    """TenantStore on collection `tenants` of the main database."""

    def __init__(self, databases: Databases) -> None:
        self._databases = databases
        self._known: set[str] = set()
        self._births: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def exists(self, tenant: str) -> bool:
        """Whether the tenant was created, here or by another process."""
        if tenant in self._known or not tenant:
            return True
        with translated():
            found = await self._databases.main["tenants"].find_one({"_id": tenant})
        if found is not None:
            self._known.add(tenant)
        return found is not None

    async def ensure(self, tenant: str) -> None:
        """Create the tenant if need be: its indexes first, so that whoever sees it can rely on them."""
        if tenant in self._known:
            return
        async with self._births[tenant]:
            if tenant not in self._known:
                await self._create(tenant)
                self._known.add(tenant)

    async def all(self) -> list[str]:
        """Every tenant, the default one first."""
        with translated():
            documents = await self._databases.main["tenants"].find({}, {"_id": 1}).to_list()
        return ["", *(document["_id"] for document in documents if document["_id"])]

    async def remove(self, tenant: str) -> None:
        """Remove the tenant first, then its database: nobody finds one half of it."""
        if not tenant:
            raise ValueError("the default tenant always exists")
        with translated():
            await self._databases.main.get_collection("tenants", write_concern=DURABLE).delete_one({"_id": tenant})
            self._known.discard(tenant)
            await self._databases.client.drop_database(self._databases.name_of(tenant))

    async def _create(self, tenant: str) -> None:
        database = self._databases(tenant)
        with translated():
            await ensure_entity_indexes(database["entities"])
            await ensure_history_indexes(database)
            await database["outbox"].create_index([("owner", 1), ("_id", 1)])
            if tenant:
                born = {"$setOnInsert": {"name": tenant}}
                tenants = self._databases.main.get_collection("tenants", write_concern=DURABLE)
                await tenants.update_one({"_id": tenant}, born, upsert=True)
