"""Committed changes that somebody subscribed to, kept until delivered (ADR 9).

One document holds the changes of one group of writes: `{_id, owner, adoption?, entries: [{subscriptions, change}]}`.
The owner is the broker process that delivers them; what a dead process left is adopted by a living one, in a numbered
attempt (`adoption`).
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import DuplicateKeyError, PyMongoError

from broker.adapters.mongo.client import DURABLE, Databases
from broker.adapters.mongo.documents import to_document, to_entity
from broker.adapters.mongo.errors import translate
from broker.adapters.mongo.presence import Presence
from broker.adapters.mongo.tenants import MongoTenants
from broker.core.model.change import Change, Trigger
from broker.core.model.entity import Entity
from broker.core.model.errors import NgsiLdError
from broker.core.model.instant import Instant
from broker.operations.deliveries import WaitingChange
from broker.operations.ports import OutboxEntry

_ADOPTED_AT_ONCE = 1_000
"""Groups taken over in one go from a process that is gone; the rest follows with the next look."""
_LONGEST_LOOK = 5_000
"""Milliseconds for which the database may count what waits."""
_FLUSH_AFTER = 1.0
"""Seconds that settled entries wait for company before they are written back."""


class MongoOutbox:
    """Outbox on collection `outbox` of each tenant's database."""

    def __init__(self, databases: Databases, presence: Presence, tenants: MongoTenants) -> None:
        self._databases = databases
        self._presence = presence
        self._tenants = tenants
        self._owner = presence.token
        self._counter = 0
        self._open: dict[str, _Group] = {}
        self._adoptions = 0
        self._unread: defaultdict[str, list[int]] = defaultdict(list)
        self._done: defaultdict[str, list[str]] = defaultdict(list)
        self._flush: asyncio.Task[None] | None = None

    async def add(
        self, tenant: str, matched: Sequence[tuple[Change, tuple[str, ...]]], write_concern: dict[str, Any]
    ) -> list[OutboxEntry]:
        """Store a group's changes; raises PyMongoError, after which nothing of it will stay."""
        # In order of time over all owners: who adopts from several delivers in that order.
        self._counter = max(self._counter + 1, time.time_ns() // 1_000)
        group_id = f"{self._counter:016x}-{self._owner}"
        entries = [
            OutboxEntry(f"{group_id}/{index}", tenant, change, subscriptions)
            for index, (change, subscriptions) in enumerate(matched)
        ]
        document = {
            "_id": group_id,
            "owner": self._owner,
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
        self._open[group_id] = _Group(tenant, entries)
        return entries

    async def keep(self, tenant: str, matched: Sequence[tuple[Change, tuple[str, ...]]]) -> list[OutboxEntry]:
        """Store changes that are no writes of this broker, durably. Raises what the database's errors stand for."""
        try:
            return await self.add(tenant, matched, DURABLE.document)
        except PyMongoError as error:
            raise translate(error) from error

    def settle(self, key: str, subscription_id: str) -> None:
        """One delivery done; a group whose deliveries all are done is removed with the next flush."""
        group_id = key.rpartition("/")[0]
        group = self._open.get(group_id)
        if group is not None and group.settle(key, subscription_id):
            del self._open[group_id]
            self._finish(group.tenant, group_id)

    async def pending(self, tenant: str, subscription_id: str, limit: int) -> list[OutboxEntry]:
        """The oldest open entries of this process for one subscription."""
        found: list[OutboxEntry] = []
        query = {"owner": self._owner, "entries.subscriptions": subscription_id}
        try:
            async for document in self._databases(tenant)["outbox"].find(query).sort("_id", 1):
                found += self._still_open(tenant, document, subscription_id)
                if len(found) >= limit:
                    break
        except PyMongoError as error:
            raise translate(error) from error
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
        try:
            cursor = await outbox.aggregate([*stages, {"$group": facts}], maxTimeMS=_LONGEST_LOOK)
            async for document in cursor:
                oldest = await self._oldest_waiting(outbox, stages, limit) if limit else []
                return document["count"], document["oldest"], oldest
        except PyMongoError as error:
            raise translate(error) from error
        return 0, None, []

    async def _oldest_waiting(
        self, outbox: AsyncCollection[dict[str, Any]], stages: list[dict[str, Any]], limit: int
    ) -> list[WaitingChange]:
        in_order = [{"$sort": {"_id": 1}}, *stages, {"$limit": limit}]
        cursor = await outbox.aggregate([*in_order, {"$replaceWith": "$entries.change"}], maxTimeMS=_LONGEST_LOOK)
        return [WaitingChange(each["entity"]["_id"], each["trigger"], each["at"]) async for each in cursor]

    async def adopt_abandoned(self) -> list[OutboxEntry]:
        """Take over what processes that are gone left in any tenant, in order of commit.

        When the database goes away in between, what was found until then is given back; the rest comes next time.
        """
        adopted: list[OutboxEntry] = []
        try:
            for tenant in await self._tenants.all():
                adopted += await self._adopt(tenant, sorted(self._presence.living))
        except (PyMongoError, NgsiLdError) as error:
            if adopted:
                return adopted
            raise translate(error) if isinstance(error, PyMongoError) else error from error
        return adopted

    async def close(self) -> None:
        """Write back what is settled."""
        if self._flush is not None:
            self._flush.cancel()
        await self._remove_done()

    async def _adopt(self, tenant: str, living: list[str]) -> list[OutboxEntry]:
        """Make them ours, then read them; an attempt that was cut short in between is read with the next one."""
        collection = self._databases(tenant)["outbox"]
        await self._claim(tenant, collection, living)
        if not self._unread[tenant]:
            return []
        mine = {"owner": self._owner, "adoption": {"$in": self._unread[tenant]}}
        documents = await collection.find(mine).sort("_id", 1).to_list()
        self._unread[tenant].clear()
        adopted: list[OutboxEntry] = []
        for document in documents:
            entries = _entries(tenant, document)
            self._open[document["_id"]] = _Group(tenant, entries)
            adopted += entries
        return adopted

    async def _claim(self, tenant: str, collection: AsyncCollection[dict[str, Any]], living: list[str]) -> None:
        abandoned: dict[str, Any] = {"owner": {"$nin": living}}
        found = await collection.find(abandoned, {"_id": 1}).sort("_id", 1).limit(_ADOPTED_AT_ONCE).to_list()
        if found:
            self._adoptions += 1
            self._unread[tenant].append(self._adoptions)
            ids = {"_id": {"$in": [each["_id"] for each in found]}}
            # Conditional on each document: of two processes that look at the same time, one gets it.
            mine = {"$set": {"owner": self._owner, "adoption": self._adoptions}}
            await collection.update_many({**ids, **abandoned}, mine)

    def _still_open(self, tenant: str, document: dict[str, Any], subscription_id: str) -> list[OutboxEntry]:
        group = self._open.get(document["_id"])
        if group is None:
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
    """The deliveries of one group that are still to be made."""

    __slots__ = ("_waiting", "tenant")

    def __init__(self, tenant: str, entries: Sequence[OutboxEntry]) -> None:
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
