"""A number in MongoDB that grows with each change of what agents keep there together."""

from typing import Any

from pymongo.asynchronous.database import AsyncDatabase


class Revision:
    """One of the numbers in the collection `revisions`. What the driver raises goes through."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]], name: str) -> None:
        self._kept = database["revisions"]
        self._name = name

    async def grow(self) -> None:
        """Something has been changed: after the change, so that who sees the number sees that."""
        await self._kept.update_one({"_id": self._name}, {"$inc": {"number": 1}}, upsert=True)

    async def read(self) -> int:
        """The number."""
        found = await self._kept.find_one({"_id": self._name})
        return int(found["number"]) if found else 0
