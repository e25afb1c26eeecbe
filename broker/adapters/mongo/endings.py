"""When instances of attributes expire (clause 4.22), so that a query can see to it that they are gone.

Entities that have expired are left out by a filter. An instance is part of its entity's document: it has to be removed
before filters, counts and pages are right again. A worker removes every second or so; a query that comes first does.
"""

import asyncio
from typing import Any, TypeAlias

from pymongo.asynchronous.collection import AsyncCollection

from broker.core.model.expiry import NEVER
from broker.core.model.instant import Instant

Collection: TypeAlias = AsyncCollection[dict[str, Any]]

_FIELD = "instancesExpireAt"
_AT_ONCE = 1_000
"""Entities looked after in one go: as many as the commit path takes in one group."""
_ASK_AGAIN = 1_000_000
"""Microseconds after which to ask the database although nothing is known to be due, where others write, too."""


class Endings:
    """What this process knows of one tenant's instances that will expire. `lock`: one query at a time removes."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._next: Instant = 0
        self._asked: Instant = 0
        self.lock = asyncio.Lock()

    def note(self, at: Instant) -> None:
        """An instance that will expire then was just written."""
        self._next = min(self._next, at)

    def may_be_due(self, now: Instant, *, shared: bool) -> bool:
        """Whether something may have expired by `now`. `shared`: other processes write, too."""
        return self._next <= now or (shared and now - self._asked > _ASK_AGAIN)

    async def due(self, now: Instant) -> list[str]:
        """Ids of entities of which instances have expired. Raises PyMongoError."""
        # What is written meanwhile notes itself.
        self._next, self._asked = NEVER, now
        try:
            query = {_FIELD: {"$lte": now}}
            found = await self._collection.find(query, {"_id": 1}, limit=_AT_ONCE).to_list()
            later = {_FIELD: {"$gt": now}}
            first = await self._collection.find_one(later, {_FIELD: 1, "_id": 0}, sort=[(_FIELD, 1)])
        except BaseException:
            self._next = 0
            raise
        if first is not None:
            self.note(first[_FIELD])
        if len(found) == _AT_ONCE:
            self.note(now)
        return [each["_id"] for each in found]
