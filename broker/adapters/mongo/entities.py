"""EntityStore on MongoDB: puts the commit path, grouped reads, memory and queries together, tenant by tenant."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from broker.adapters.mongo.absences import Absences
from broker.adapters.mongo.bookmarks import Bookmarks
from broker.adapters.mongo.cache import EntityCache
from broker.adapters.mongo.client import Databases
from broker.adapters.mongo.commit import Committer
from broker.adapters.mongo.endings import Endings
from broker.adapters.mongo.errors import translated
from broker.adapters.mongo.find import find
from broker.adapters.mongo.history_recorder import Recorder
from broker.adapters.mongo.indexes import IndexAdvisor
from broker.adapters.mongo.outbox import MongoOutbox
from broker.adapters.mongo.presence import Presence
from broker.adapters.mongo.reads import GroupedReads, load
from broker.adapters.mongo.recall import Recall
from broker.adapters.mongo.uses import Uses
from broker.core.model.change import Change
from broker.core.model.entity import Entity
from broker.core.model.errors import NgsiLdError, ResourceNotFound
from broker.core.model.patch import expire
from broker.core.ql.ast import EntityQuery, PageRequest
from broker.core.temporal.policy import NOWHERE, Policy
from broker.operations.ports import Clock, EntityPage, EntityWrite, Notifier


@dataclass(slots=True)
class _Tenant:
    cache: EntityCache
    committer: Committer
    reads: GroupedReads
    advisor: IndexAdvisor
    recall: Recall
    bookmarks: Bookmarks
    absences: Absences
    uses: Uses
    endings: Endings


class MongoEntities:
    """Current entities of all tenants. `history` says whose changes are recorded; none without it."""

    def __init__(
        self,
        databases: Databases,
        *,
        outbox: MongoOutbox,
        notifier: Notifier,
        presence: Presence,
        clock: Clock,
        write_concern: dict[str, Any],
        history: Policy[bool] = NOWHERE,
    ) -> None:
        self._databases = databases
        self._outbox = outbox
        self._notifier = notifier
        self._presence = presence
        self._clock = clock
        self._write_concern = write_concern
        self._history = history
        self._numbers = itertools.count(1)
        self._tenants: dict[str, _Tenant] = {}
        self._departures = presence.departures

    async def write(self, tenant: str, write: EntityWrite) -> Change:
        """Commit one write; raises what its mutation raised."""
        outcome = (await self._of(tenant).committer.commit((write,)))[0]
        if isinstance(outcome, NgsiLdError):
            raise outcome
        return outcome

    async def write_many(self, tenant: str, writes: Sequence[EntityWrite]) -> list[Change | NgsiLdError]:
        """Commit many, each on its own."""
        return await self._of(tenant).committer.commit(writes)

    async def get(self, tenant: str, entity_id: str) -> Entity | None:
        """The entity unless it is absent or past its time."""
        of = self._of(tenant)
        stored = None if self._presence.shared else of.cache.get(entity_id)
        if stored is None:
            epoch = of.committer.epoch
            stored = await of.reads.read(entity_id)
            if stored is not None and epoch == of.committer.epoch and of.committer.is_idle:
                of.cache.put(stored)
        if stored is None or stored.entity.is_expired(self._clock.now()):
            return None
        return stored.entity

    async def get_many(self, tenant: str, entity_ids: Sequence[str]) -> dict[str, Entity]:
        """Those that exist, by id."""
        if not entity_ids:
            return {}
        absences = self._of(tenant).absences
        wanted, began = absences.uncertain(entity_ids), absences.begin()
        if not wanted:
            return {}
        with translated():
            stored = await load(self._databases(tenant), wanted)
        absences.learn((each for each in wanted if each not in stored), began)
        now = self._clock.now()
        return {each: found.entity for each, found in stored.items() if not found.entity.is_expired(now)}

    async def find(self, tenant: str, query: EntityQuery, page: PageRequest) -> EntityPage:
        """A page of the entities that satisfy the query."""
        of = self._of(tenant)
        of.advisor.note(query)
        if of.absences.is_empty(query):
            return EntityPage([], 0 if page.count else None, False)
        began = of.absences.begin()
        with translated():
            collection = self._databases(tenant)["entities"]
            await self._remove_expired(of)
            found = await find(collection, query, page, self._clock.now(), of.recall, of.bookmarks)
        if page.limit and not page.offset and not found.entities and not found.more:
            of.absences.learn_empty(query, began)
        return found

    async def _remove_expired(self, of: _Tenant) -> None:
        """Remove instances that have expired, before a query that would look at them."""
        if not of.endings.may_be_due(self._clock.now(), shared=self._presence.shared):
            return
        async with of.endings.lock:
            while of.endings.may_be_due(now := self._clock.now(), shared=self._presence.shared):
                due = await of.endings.due(now)
                writes = [EntityWrite(each, partial(expire, entity_id=each, now=now)) for each in due]
                for outcome in await of.committer.commit(writes):
                    if isinstance(outcome, NgsiLdError) and not isinstance(outcome, ResourceNotFound):
                        raise outcome

    async def expired(self, tenant: str, limit: int) -> list[str]:
        """Ids of at most `limit` entities that are past their time, or have instances that are."""
        past = {"$lte": self._clock.now()}
        query = {"$or": [{"expiresAt": past}, {"instancesExpireAt": past}]}
        with translated():
            found = await self._databases(tenant)["entities"].find(query, {"_id": 1}, limit=limit).to_list()
        return [each["_id"] for each in found]

    async def count_types(self, tenant: str) -> dict[str, dict[str, set[str]]]:
        """Type IRI to attribute IRI to the kinds in use."""
        of = self._of(tenant)
        with translated():
            await self._remove_expired(of)
            return await of.uses.in_use(self._clock.now())

    def forget(self, tenant: str) -> None:
        """Let go of what is remembered of a tenant that was removed."""
        self._tenants.pop(tenant, None)

    async def close(self) -> None:
        """End what runs in the background."""
        for of in self._tenants.values():
            await of.advisor.close()

    def _of(self, tenant: str) -> _Tenant:
        if self._presence.departures != self._departures:
            self._departures = self._presence.departures
            for each in self._tenants.values():
                each.committer.forget()
        of = self._tenants.get(tenant)
        if of is None:
            of = self._tenants[tenant] = self._open(tenant)
        return of

    def _open(self, tenant: str) -> _Tenant:
        database, cache = self._databases(tenant), EntityCache()
        endings = Endings(database["entities"])
        uses = Uses(database, lambda: not self._presence.shared and committer.is_idle)
        committer = Committer(
            tenant,
            database,
            cache=cache,
            outbox=self._outbox,
            history=Recorder(tenant, database, self._history),
            endings=endings,
            uses=uses,
            notifier=self._notifier,
            shared=lambda: self._presence.shared,
            versions=self._next_version,
            write_concern=self._write_concern,
        )
        recall = Recall(cache, lambda: committer.epoch if committer.is_idle else None)
        bookmarks = Bookmarks(lambda: None if self._presence.shared else (committer.arrivals, committer.epoch))
        absences = Absences(lambda: committer.arrivals if committer.is_idle and not self._presence.shared else None)
        reads, advisor = GroupedReads(database), IndexAdvisor(database["entities"])
        return _Tenant(cache, committer, reads, advisor, recall, bookmarks, absences, uses, endings)

    def _next_version(self) -> str:
        return f"{self._presence.token}{next(self._numbers):x}"
