"""Which entity types and attributes are in use (clauses 5.7.5 to 5.7.10)."""

from typing import Any

from pymongo.asynchronous.collection import AsyncCollection

from broker.adapters.mongo.documents import unescape
from broker.core.model.instant import Instant


async def count_types(collection: AsyncCollection[dict[str, Any]], now: Instant) -> dict[str, dict[str, set[str]]]:
    """Type IRI to attribute IRI to the attribute kinds found; looks at every entity, inside the database."""
    pipeline: list[dict[str, Any]] = [
        {"$match": {"$or": [{"expiresAt": None}, {"expiresAt": {"$gt": now}}]}},
        {"$project": {"types": 1, "attributes": {"$objectToArray": "$attributes"}}},
        {"$unwind": "$types"},
        {"$unwind": {"path": "$attributes", "preserveNullAndEmptyArrays": True}},
        {"$group": {"_id": {"type": "$types", "name": "$attributes.k"}, "kinds": {"$addToSet": "$attributes.v.type"}}},
    ]
    found: dict[str, dict[str, set[str]]] = {}
    async for group in await collection.aggregate(pipeline, allowDiskUse=True):
        attributes = found.setdefault(group["_id"]["type"], {})
        if (name := group["_id"].get("name")) is not None:
            attributes[unescape(name)] = {kind for kinds in group["kinds"] for kind in kinds}
    return found
