"""Committed changes that somebody subscribed to, kept until delivered (ADR 9).

One document holds the changes of one group of writes: `{_id, owner, entries: [{subscriptions, change}]}`. The owner is
the broker process that delivers them (`Owned`).
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from typing import Any

from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import DuplicateKeyError, PyMongoError

from broker.adapters.mongo.client import DURABLE, Databases
from broker.adapters.mongo.documents import to_document, to_entity
from broker.adapters.mongo.errors import translated
from broker.adapters.mongo.owned import Owned
from broker.adapters.mongo.presence import Presence
from broker.adapters.mongo.tenants import MongoTenants
from broker.core.model.change import Change, Trigger
from broker.core.model.entity import Entity
from broker.core.model.instant import Instant
from broker.operations.deliveries import WaitingChange
from broker.operations.ports import OutboxEntry

_LONGEST_LOOK = 5_000
"""Milliseconds for which the database may count what waits."""
_FLUSH_AFTER = 1.0
"""Seconds that settled entries wait for company before they are written back."""


class MongoOutbox:
    """Outbox on collection `outbox` of each tenant's database."""

    def __init__(self, databases: Databases, presence: Presence, tenants: MongoTenants) -> None:
        self._databases = databases
        self._tenants = tenants
        self._owned = Owned(presence)
        self._open: dict[str, _Group] = {}
        self._opened = 0
        self._done: defaultdict[str, list[str]] = defaultdict(list)
        self._flush: asyncio.Task[None] | None = None

    async def add(
        self, tenant: str, matched: Sequence[tuple[Change, tuple[str, ...]]], write_concern: dict[str, Any]
    ) -> list[OutboxEntry]:
        """Store a group's changes; raises PyMongoError, after which nothing of it will stay."""
        group_id = self._owned.new_id()
        entries = [
            OutboxEntry(f"{group_id}/{index}", tenant, change, subscriptions)
            for index, (change, subscriptions) in enumerate(matched)
        ]
        document = {
            "_id": group_id,
            "owner": self._owned.owner,
            "entries": [{"subscriptions": list(e.subscriptions), "change": _stored(e.change)} for e in entries],
        }
        command = {"insert": "outbox", "documents": [document], "writeConcern": write_concern}
        try:
            answer = await self._databases(tenant).command(command)
            if answer.get("writeErrors"):
                raise DuplicateKeyError(str(answer["writeErrors"]))
        except PyMongoError:
            self._finish(tenant, group_id)
            raise
        self._opens(group_id, tenant, entries)
        return entries

    async def keep(self, tenant: str, matched: Sequence[tuple[Change, tuple[str, ...]]]) -> list[OutboxEntry]:
        """Store changes that are no writes of this broker, durably. Raises what the database's errors stand for."""
        with translated():
            return await self.add(tenant, matched, DURABLE.document)

    def settle(self, key: str, subscription_id: str) -> None:
        """One delivery done; a group whose deliveries all are done is removed with the next flush."""
        group_id = key.rpartition("/")[0]
        group = self._open.get(group_id)
        if group is not None and group.settle(key, subscription_id):
            del self._open[group_id]
            self._finish(group.tenant, group_id)

    async def pending(self, tenant: str, subscription_id: str, limit: int) -> list[OutboxEntry]:
        """The oldest open entries of this process for one subscription, of those that it had when it was asked."""
        found: list[OutboxEntry] = []
        # What is opened meanwhile is offered to who asks, and the first part of it may have been passed by already.
        newest = self._opened
        query = {"owner": self._owned.owner, "entries.subscriptions": subscription_id}
        with translated():
            async for document in self._databases(tenant)["outbox"].find(query).sort("_id", 1):
                found += self._still_open(tenant, document, subscription_id, newest)
                if len(found) >= limit:
                    break
        return found[:limit]

    async def waiting(
        self, tenant: str, subscription_id: str, limit: int
    ) -> tuple[int, Instant | None, list[WaitingChange]]:
        """How many changes wait in all broker processes, since when the oldest does, and the oldest ones.

        A group of changes is removed as a whole, so some that are delivered may be among them.
        """
        wanted = {"entries.subscriptions": subscription_id}
        stages: list[dict[str, Any]] = [{"$match": wanted}, {"$unwind": "$entries"}, {"$match": wanted}]
        facts = {"_id": None, "count": {"$sum": 1}, "oldest": {"$min": "$entries.change.at"}}
        outbox = self._databases(tenant)["outbox"]
        with translated():
            cursor = await outbox.aggregate([*stages, {"$group": facts}], maxTimeMS=_LONGEST_LOOK)
            async for document in cursor:
                oldest = await self._oldest_waiting(outbox, stages, limit) if limit else []
                return document["count"], document["oldest"], oldest
        return 0, None, []

    async def _oldest_waiting(
        self, outbox: AsyncCollection[dict[str, Any]], stages: list[dict[str, Any]], limit: int
    ) -> list[WaitingChange]:
        in_order = [{"$sort": {"_id": 1}}, *stages, {"$limit": limit}]
        cursor = await outbox.aggregate([*in_order, {"$replaceWith": "$entries.change"}], maxTimeMS=_LONGEST_LOOK)
        return [WaitingChange(each["entity"]["_id"], each["trigger"], each["at"]) async for each in cursor]

    async def adopt_abandoned(self) -> AsyncIterator[list[OutboxEntry]]:
        """Take over all that processes that are gone left, in order of commit in each tenant, part by part.

        Raises what the database's errors stand for; what is missing then comes with the next call.
        """
        for tenant in await self._tenants.all():
            with translated():
                async for documents in self._owned.adopted(self._databases(tenant)["outbox"]):
                    yield [entry for each in documents for entry in self._reopened(tenant, each)]

    async def close(self) -> None:
        """Write back what is settled."""
        if self._flush is not None:
            self._flush.cancel()
        await self._remove_done()

    def _reopened(self, tenant: str, document: dict[str, Any]) -> list[OutboxEntry]:
        entries = _entries(tenant, document)
        self._opens(document["_id"], tenant, entries)
        return entries

    def _opens(self, group_id: str, tenant: str, entries: Sequence[OutboxEntry]) -> None:
        self._opened += 1
        self._open[group_id] = _Group(self._opened, tenant, entries)

    def _still_open(
        self, tenant: str, document: dict[str, Any], subscription_id: str, newest: int
    ) -> list[OutboxEntry]:
        group = self._open.get(document["_id"])
        if group is None or group.number > newest:
            return []
        entries = _entries(tenant, document)
        return [entry for entry in entries if group.waits(entry.key, subscription_id)]

    def _finish(self, tenant: str, group_id: str) -> None:
        self._done[tenant].append(group_id)
        if self._flush is None or self._flush.done():
            self._flush = asyncio.create_task(self._remove_soon())

    async def _remove_soon(self) -> None:
        while self._done:
            await asyncio.sleep(_FLUSH_AFTER)
            await self._remove_done()

    async def _remove_done(self) -> None:
        done, self._done = self._done, defaultdict(list)
        for tenant, group_ids in done.items():
            try:
                await self._databases(tenant)["outbox"].delete_many({"_id": {"$in": group_ids}})
            except PyMongoError:
                self._done[tenant] += group_ids


class _Group:
    """The deliveries of one group that are still to be made. `number` counts the groups as this process got them."""

    __slots__ = ("_waiting", "number", "tenant")

    def __init__(self, number: int, tenant: str, entries: Sequence[OutboxEntry]) -> None:
        self.number = number
        self.tenant = tenant
        self._waiting = {(entry.key, each) for entry in entries for each in entry.subscriptions}

    def settle(self, key: str, subscription_id: str) -> bool:
        self._waiting.discard((key, subscription_id))
        return not self._waiting

    def waits(self, key: str, subscription_id: str) -> bool:
        return (key, subscription_id) in self._waiting


def _stored(change: Change) -> dict[str, Any]:
    entity = to_document(change.entity, "")
    if change.entity.deleted_at is not None:
        entity["deletedAt"] = change.entity.deleted_at
    source = {"source": change.source} if change.source else {}
    return {
        **source,
        "trigger": change.trigger.value,
        "at": change.at,
        "entity": entity,
        "attributes": [[name, trigger.value] for name, trigger in change.attributes.items()],
        "previous": to_document(Entity("", [], change.previous), ""),
    }


def _entries(tenant: str, document: dict[str, Any]) -> list[OutboxEntry]:
    return [
        OutboxEntry(f"{document['_id']}/{index}", tenant, _loaded(entry["change"]), tuple(entry["subscriptions"]))
        for index, entry in enumerate(document["entries"])
    ]


def _loaded(stored: dict[str, Any]) -> Change:
    return Change(
        Trigger(stored["trigger"]),
        to_entity(stored["entity"]),
        stored["at"],
        {name: Trigger(trigger) for name, trigger in stored["attributes"]},
        to_entity(stored["previous"]).attributes,
        source=stored.get("source", ""),
    )
