"""Compaction: recent samples move into chunks (ADR 11). It may be killed anywhere and simply runs again.

Chunks are written before what they hold is removed from `history`. Until then a sample may stand in both places, and
its key tells readers, and the next compaction, that it is the same.
"""

import asyncio
from collections import defaultdict
from typing import Any

from broker.adapters.mongo.client import Database
from broker.adapters.mongo.history_changes import store_chunk
from broker.adapters.mongo.history_documents import LARGEST_CHUNK, chunk_document, chunk_of, samples_of, whole_range
from broker.adapters.mongo.history_lock import locked
from broker.core.model.errors import Unavailable
from broker.core.model.instant import Instant
from broker.core.temporal.aggregate import Period
from broker.core.temporal.policy import Policy, oldest_kept
from broker.core.temporal.sample import Sample
from broker.core.temporal.series import natural_time

_AT_ONCE = 1_000
"""Documents of one entity compacted in one go: some milliseconds for each attribute."""
_MANY = 200
"""Recent documents of an entity that are worth rewriting the chunk that grows."""
_OLD = 6 * 3600 * 1_000_000
"""µs after which fewer are as well: some chunks of each entity four times a day."""
_PACKING = "*"
"""What is locked while one process packs the histories of a tenant; no entity has that id."""
_PATIENCE = 1.0
"""Seconds that compaction waits for an entity's lock; it comes back later anyway."""


async def due(database: Database, now: Instant, count: int = _MANY, age: int = _OLD) -> list[str]:
    """Entities with at least `count` recent documents, or one that was recorded more than `age` µs ago."""
    stages: list[dict[str, Any]] = [
        {"$group": {"_id": "$_id.e", "n": {"$sum": 1}, "oldest": {"$min": "$_id.t"}}},
        {"$match": {"$or": [{"n": {"$gte": count}}, {"oldest": {"$lt": now - age}}]}},
        {"$project": {"_id": 1}},
    ]
    cursor = await database["history"].aggregate(stages, allowDiskUse=True, hint={"_id": 1})
    return [each["_id"] async for each in cursor]


async def compact_due(database: Database, now: Instant) -> int:
    """Pack what is due, unless another process does; how many documents that were."""
    moved = 0
    try:
        async with locked(database, _PACKING, 0):
            for entity_id in await due(database, now):
                moved += await compact(database, entity_id)
    except Unavailable:
        # Another process packs, or somebody changes what is to be packed: there is a next time.
        return moved
    return moved


async def compact(database: Database, entity_id: str) -> int:
    """Move what is recent of an entity into chunks; how many documents that were."""
    moved = 0
    async with locked(database, entity_id, _PATIENCE):
        while True:
            documents = await database["history"].find(whole_range(entity_id), limit=_AT_ONCE).to_list()
            if documents:
                await _pack(database, entity_id, documents)
                await database["history"].delete_many({"_id": {"$in": [each["_id"] for each in documents]}})
            moved += len(documents)
            # What comes in meanwhile has to wait until it is worth while.
            if len(documents) < _AT_ONCE:
                return moved


async def retain(database: Database, tenant: str, policy: Policy[Period | None], now: Instant) -> int:
    """Delete samples recorded longer ago than the policy keeps them; how many chunks and documents that concerned."""
    periods = [rule.answer for rule in policy.rules if rule.answer is not None]
    if not periods:
        return 0
    latest = max(oldest_kept(period, now) for period in periods)
    concerned = 0
    wanted = {"e": 1, "types": 1, "from": 1, "to": 1}
    async for chunk in database["chunks"].find({"from": {"$lt": latest}}, wanted):
        period = policy.of(tenant, chunk["types"])
        if period is None or chunk["from"] >= (oldest := oldest_kept(period, now)):
            continue
        concerned += 1
        async with locked(database, chunk["e"]):
            await _trim(database, chunk["_id"], oldest)
    if latest > now - 2 * _OLD:
        concerned += await _retain_recent(database, tenant, policy, now, latest)
    if concerned:
        await _forget_traces(database, latest)
    return concerned


async def _retain_recent(
    database: Database, tenant: str, policy: Policy[Period | None], now: Instant, latest: Instant
) -> int:
    """Delete what is kept so shortly that it may not be packed yet; how many documents that were.

    It costs a look at all that is recent, so it is for short periods alone.
    """
    outdated: list[Any] = []
    async for document in database["history"].find({"_id.t": {"$lt": latest}}, {"types": 1}):
        period = policy.of(tenant, document["types"])
        if period is not None and document["_id"]["t"] < oldest_kept(period, now):
            outdated.append(document["_id"])
    for start in range(0, len(outdated), _AT_ONCE):
        await database["history"].delete_many({"_id": {"$in": outdated[start : start + _AT_ONCE]}})
    return len(outdated)


async def _forget_traces(database: Database, latest: Instant) -> None:
    """Entities that were known by a history of which nothing is left."""
    async for known in database["evolutions"].find({"modifiedAt": {"$lt": latest}}, {"_id": 1}):
        entity_id = known["_id"]
        async with locked(database, entity_id):
            if not await has_history(database, entity_id):
                await database["evolutions"].delete_one(known)


async def has_history(database: Database, entity_id: str) -> bool:
    """Whether anything is recorded of an entity."""
    for name, query in (("history", whole_range(entity_id)), ("chunks", {"e": entity_id})):
        if await database[name].find_one(query, {"_id": 1}) is not None:
            return True
    return False


async def _trim(database: Database, chunk_id: Any, oldest: Instant) -> None:
    document = await database["chunks"].find_one({"_id": chunk_id})
    if document is not None:
        kept = [each for each in chunk_of(document).samples() if each.at >= oldest]
        await store_chunk(database, document, kept)


async def _pack(database: Database, entity_id: str, documents: list[dict[str, Any]]) -> None:
    types = documents[-1]["types"]
    series: defaultdict[tuple[str, str | None], list[Sample]] = defaultdict(list)
    for document in documents:
        for iri, samples in samples_of(document).items():
            for sample in samples:
                series[iri, sample.instance.get("datasetId")].append(sample)
    for (iri, dataset), samples in series.items():
        await asyncio.sleep(0)
        await _pack_series(database, entity_id, iri, dataset, types, samples)


async def _pack_series(
    database: Database, entity_id: str, iri: str, dataset: str | None, types: list[str], samples: list[Sample]
) -> None:
    """Into the chunk that has room and new ones. Samples of a chunk never move to another: it only grows."""
    fresh = {sample.key: sample for sample in samples}
    instants = [sample.at for sample in samples]
    query: dict[str, Any] = {"e": entity_id, "a": iri, "d": dataset if dataset is not None else {"$exists": False}}
    query["$or"] = [
        {"n": {"$lt": LARGEST_CHUNK}},
        {"from": {"$lte": max(instants)}, "to": {"$gte": min(instants)}},
    ]
    growing: tuple[dict[str, Any], list[Sample]] | None = None
    async for document in database["chunks"].find(query):
        held = chunk_of(document).samples()
        if not fresh.keys().isdisjoint(each.key for each in held):
            # Left behind by a compaction that did not end: what is recent is what counts.
            held = [fresh.pop(each.key, each) for each in held]
            await store_chunk(database, document, held)
        if len(held) < LARGEST_CHUNK and (growing is None or len(held) > len(growing[1])):
            growing = document, held
    ordered = sorted(fresh.values(), key=natural_time)
    if growing is not None and ordered:
        document, held = growing
        room = LARGEST_CHUNK - len(held)
        # In a thread, as it may take some 20 ms, in which requests are to be answered.
        grown = await asyncio.to_thread(chunk_document, entity_id, iri, types, held + ordered[:room])
        await database["chunks"].replace_one({"_id": document["_id"]}, grown)
        ordered = ordered[room:]
    pieces = [ordered[start : start + LARGEST_CHUNK] for start in range(0, len(ordered), LARGEST_CHUNK)]
    for piece in pieces:
        document = await asyncio.to_thread(chunk_document, entity_id, iri, types, piece)
        await database["chunks"].insert_one(document)
