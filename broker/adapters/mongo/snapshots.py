"""SnapshotStore on the collection `snapshots` of a tenant's database.

`{_id, createdAt, snapshot: {…}}`, with `sealing` credentials encrypted. Queries are kept as JSON text, because
names in them may begin with `$`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import orjson
from pymongo import ReturnDocument
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import DuplicateKeyError

from broker.adapters.mongo.client import DURABLE, Databases
from broker.adapters.mongo.errors import translated
from broker.adapters.mongo.sealing import Sealing, seal, unseal
from broker.core.model.errors import AlreadyExists

Collection: TypeAlias = AsyncCollection[dict[str, Any]]

_AS_TEXT = frozenset(("snapshotQueries", "snapshotTemporalQueries"))


class MongoSnapshots:
    """Snapshots of all tenants; what is in them lies in databases of their own."""

    def __init__(self, databases: Databases, sealing: Sealing | None = None) -> None:
        self._databases = databases
        self._sealing = sealing

    async def create(self, tenant: str, snapshot: Mapping[str, Any]) -> None:
        """Keep a new one; AlreadyExists if its id is taken."""
        document = {
            "_id": snapshot["id"],
            "createdAt": snapshot["createdAt"],
            "snapshot": self._stored(snapshot["id"], snapshot),
        }
        with translated():
            try:
                await self._of(tenant).insert_one(document)
            except DuplicateKeyError:
                raise AlreadyExists(
                    f"Snapshot {snapshot['id']} exists already. Delete it, or choose another id."
                ) from None

    async def get(self, tenant: str, snapshot_id: str) -> dict[str, Any] | None:
        """One, or None."""
        with translated():
            return self._loaded(await self._of(tenant).find_one({"_id": snapshot_id}))

    async def change(
        self, tenant: str, snapshot_id: str, changed: Mapping[str, Any], removed: Sequence[str] = ()
    ) -> dict[str, Any] | None:
        """Set and remove members; the new state, or None where it is gone."""
        stored = self._stored(snapshot_id, changed)
        update: dict[str, Any] = {"$set": {f"snapshot.{name}": value for name, value in stored.items()}}
        if removed:
            update["$unset"] = {f"snapshot.{name}": True for name in removed}
        with translated():
            after = ReturnDocument.AFTER
            return self._loaded(
                await self._of(tenant).find_one_and_update({"_id": snapshot_id}, update, return_document=after)
            )

    async def delete(self, tenant: str, snapshot_id: str) -> bool:
        """Remove; whether it was there."""
        with translated():
            return (await self._of(tenant).delete_one({"_id": snapshot_id})).deleted_count == 1

    async def all(self, tenant: str) -> list[dict[str, Any]]:
        """All of a tenant, in order of creation."""
        with translated():
            found = await self._of(tenant).find({}).sort([("createdAt", 1), ("_id", 1)]).to_list()
        return [snapshot for each in found if (snapshot := self._loaded(each)) is not None]

    def _of(self, tenant: str) -> Collection:
        return self._databases(tenant).get_collection("snapshots", write_concern=DURABLE)

    def _stored(self, snapshot_id: str, members: Mapping[str, Any]) -> dict[str, Any]:
        if self._sealing is not None:
            members = seal(members, self._sealing, _about(snapshot_id))
        return {name: orjson.dumps(value).decode() if name in _AS_TEXT else value for name, value in members.items()}

    def _loaded(self, document: Mapping[str, Any] | None) -> dict[str, Any] | None:
        if document is None:
            return None
        members = document["snapshot"]
        if self._sealing is not None:
            members = unseal(members, self._sealing, _about(document["_id"]))
        return {name: orjson.loads(value) if name in _AS_TEXT else value for name, value in members.items()}


def _about(snapshot_id: str) -> str:
    return f"snapshots {snapshot_id}"
