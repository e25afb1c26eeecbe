"""Documents that one broker process looks after until they are done with, and that others inherit when it dies.

Each has an `owner`, the token of that process, and an id that sorts in order of time over all owners.
"""

import time
from collections.abc import AsyncIterator
from typing import Any, TypeAlias

from pymongo.asynchronous.collection import AsyncCollection

from broker.adapters.mongo.presence import Presence

_Collection: TypeAlias = AsyncCollection[dict[str, Any]]

_ADOPTED_AT_ONCE = 200
"""Documents taken over before others have their turn: some 20 ms."""


class Owned:
    """What this process owns, in any collection."""

    def __init__(self, presence: Presence) -> None:
        self._presence = presence
        self._counter = 0
        self._under_way: dict[str, list[str]] = {}

    @property
    def owner(self) -> str:
        """The token of this process."""
        return self._presence.token

    def new_id(self) -> str:
        """An id that sorts after all that this process gave, or inherited."""
        self._counter = max(self._counter + 1, time.time_ns() // 1_000)
        return f"{self._counter:016x}-{self.owner}"

    async def adopted(self, collection: _Collection) -> AsyncIterator[list[dict[str, Any]]]:
        """Take over all that processes that are gone own now, part by part in order of ids.

        Raises what the driver raises; what was cut short by that comes first with the next call.
        """
        if collection.full_name in self._under_way:
            yield await self._taken_over(collection)
        abandoned = self._abandoned()
        # One look for all: to look for each part anew would take the square of the time.
        cursor = collection.find(abandoned, {"_id": 1}).sort("_id", 1)
        while found := await cursor.to_list(_ADOPTED_AT_ONCE):
            self._under_way[collection.full_name] = [each["_id"] for each in found]
            yield await self._taken_over(collection)

    async def _taken_over(self, collection: _Collection) -> list[dict[str, Any]]:
        """Make what is under way ours, then read it. Done again from the start where it was cut short."""
        some: dict[str, Any] = {"_id": {"$in": self._under_way[collection.full_name]}}
        # Conditional on each document: of two processes that look at the same time, one gets it.
        await collection.update_many({**some, **self._abandoned()}, {"$set": {"owner": self.owner}})
        documents = await collection.find({**some, "owner": self.owner}).sort("_id", 1).to_list()
        del self._under_way[collection.full_name]
        if documents:
            # The clock may have been set back since.
            self._counter = max(self._counter, int(documents[-1]["_id"].partition("-")[0], 16))
        return documents

    def _abandoned(self) -> dict[str, Any]:
        return {"owner": {"$nin": sorted(self._presence.living)}}
