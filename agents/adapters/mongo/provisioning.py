"""Groups, devices and commands of FIWARE's provisioning in MongoDB."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any

import orjson
from pymongo import AsyncMongoClient, DeleteOne, ReplaceOne, WriteConcern
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import PyMongoError

from agents.adapters.mongo.devices import DATABASE
from agents.adapters.mongo.revision import Revision
from agents.core.errors import StoreUnavailable

_Collection = AsyncCollection[dict[str, Any]]


class MongoProvisioning:
    """The collections `iot_groups`, `iot_devices` and `commands` of `eclor_agents`.

    Each document is one provisioning, kept as JSON text: names of attributes may hold what MongoDB keeps for itself.
    """

    def __init__(self, url: str, *, database: str = DATABASE) -> None:
        # Two connections: one for work, one that watches the server.
        self._client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
            url, maxPoolSize=2, serverSelectionTimeoutMS=5_000, appname="eclor-agents"
        )
        kept, durable = self._client[database], WriteConcern("majority", j=True)
        self._groups = kept.get_collection("iot_groups", write_concern=durable)
        self._devices = kept.get_collection("iot_devices", write_concern=durable)
        self._revision = Revision(kept, "iot")
        self._commands = kept.get_collection("commands", write_concern=durable)

    async def groups(self) -> AsyncIterator[dict[str, Any]]:
        """Every stored group."""
        async for document in _all(self._groups):
            yield document

    async def devices(self) -> AsyncIterator[dict[str, Any]]:
        """Every stored device."""
        async for document in _all(self._devices):
            yield document

    async def commands(self) -> AsyncIterator[dict[str, Any]]:
        """Every stored command."""
        async for document in _all(self._commands):
            yield document

    async def revision(self) -> int:
        """A number that grows with each change of groups and devices."""
        try:
            return await self._revision.read()
        except PyMongoError as problem:
            raise _unavailable(problem) from problem

    async def save_groups(self, documents: Sequence[Mapping[str, Any]]) -> None:
        """Store groups; the same resource and apikey again replaces."""
        await self._change(self._groups, [(_group_id(each["resource"], each["apikey"]), each) for each in documents])

    async def save_devices(self, documents: Sequence[Mapping[str, Any]]) -> None:
        """Store devices; the same service, path, identifier and apikey again replaces."""
        await self._change(self._devices, [(_device_id(each), each) for each in documents])

    async def save_commands(self, documents: Sequence[Mapping[str, Any]], ended: Sequence[str]) -> None:
        """Store commands by their `id`, and forget those that ended."""
        await _save(self._commands, [(each["id"], each) for each in documents], ended)

    async def remove_group(self, resource: str, apikey: str) -> None:
        """Forget a group."""
        await self._change(self._groups, [], [_group_id(resource, apikey)])

    async def remove_devices(self, documents: Sequence[Mapping[str, Any]]) -> None:
        """Forget devices."""
        await self._change(self._devices, [], [_device_id(each) for each in documents])

    async def _change(
        self, collection: _Collection, documents: Sequence[tuple[str, Mapping[str, Any]]], removed: Sequence[str] = ()
    ) -> None:
        await _save(collection, documents, removed)
        try:
            await self._revision.grow()
        except PyMongoError as problem:
            raise _unavailable(problem) from problem

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def _group_id(resource: str, apikey: str) -> str:
    return orjson.dumps([resource, apikey]).decode()


def _device_id(document: Mapping[str, Any]) -> str:
    parts = (document["service"], document["service_path"], document["device_id"], document.get("apikey") or "")
    return orjson.dumps(parts).decode()


async def _all(collection: _Collection) -> AsyncIterator[dict[str, Any]]:
    try:
        async for document in collection.find().sort("_id"):
            yield orjson.loads(document["json"])
    except PyMongoError as problem:
        raise _unavailable(problem) from problem


async def _save(
    collection: _Collection, documents: Iterable[tuple[str, Mapping[str, Any]]], removed: Sequence[str] = ()
) -> None:
    writes: list[ReplaceOne[dict[str, Any]] | DeleteOne] = [
        ReplaceOne({"_id": name}, {"_id": name, "json": orjson.dumps(each).decode()}, upsert=True)
        for name, each in documents
    ]
    writes += [DeleteOne({"_id": name}) for name in removed]
    if not writes:
        return
    try:
        await collection.bulk_write(writes, ordered=False)
    except PyMongoError as problem:
        raise _unavailable(problem) from problem


def _unavailable(problem: PyMongoError) -> StoreUnavailable:
    # The message of the driver may hold the URL and with it a password: only the kind of the error goes on.
    return StoreUnavailable(f"MongoDB does not answer ({type(problem).__name__})")
