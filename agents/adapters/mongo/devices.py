"""Device registrations in MongoDB, one document each, keyed by the device's identifier."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from pymongo import AsyncMongoClient, ReplaceOne, WriteConcern
from pymongo.errors import PyMongoError

from agents.adapters.mongo.revision import Revision
from agents.core.describe import describe
from agents.core.errors import StoreUnavailable
from agents.core.model import Device

DATABASE = "eclor_agents"
COLLECTION = "devices"


class MongoDevices:
    """The collection `eclor_agents.devices`; each document is a registration, stored as text-keyed JSON."""

    def __init__(self, url: str, *, database: str = DATABASE) -> None:
        # Two connections: one for work, one that watches the server.
        self._client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
            url, maxPoolSize=2, serverSelectionTimeoutMS=5_000, appname="eclor-agents"
        )
        # Acknowledged only once a crash of the server can't take it away; a lone server counts as a majority.
        durable = WriteConcern("majority", j=True)
        self._collection = self._client[database].get_collection(COLLECTION, write_concern=durable)
        self._revision = Revision(self._client[database], COLLECTION)

    async def all(self) -> AsyncIterator[dict[str, Any]]:
        """Every stored registration."""
        try:
            async for document in self._collection.find():
                yield {**document["registration"], "id": document["_id"]}
        except PyMongoError as problem:
            raise _unavailable(problem) from problem

    async def save(self, devices: Sequence[Device]) -> None:
        """Store registrations; the same id again replaces. Waits until they are in the journal."""
        if not devices:
            return
        writes = [
            ReplaceOne({"_id": each.id}, {"_id": each.id, "registration": describe(each)}, upsert=True)
            for each in devices
        ]
        try:
            await self._collection.bulk_write(writes, ordered=False)
            await self._revision.grow()
        except PyMongoError as problem:
            raise _unavailable(problem) from problem

    async def remove(self, device_id: str) -> None:
        """Forget one."""
        try:
            await self._collection.delete_one({"_id": device_id})
            await self._revision.grow()
        except PyMongoError as problem:
            raise _unavailable(problem) from problem

    async def revision(self) -> int:
        """A number that grows with each change."""
        try:
            return await self._revision.read()
        except PyMongoError as problem:
            raise _unavailable(problem) from problem

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def _unavailable(problem: PyMongoError) -> StoreUnavailable:
    # The message of the driver may hold the URL and with it a password: only the kind of the error goes on.
    return StoreUnavailable(f"MongoDB does not answer ({type(problem).__name__})")
