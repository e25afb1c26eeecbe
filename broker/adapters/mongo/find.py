"""Pages of the entities that satisfy a query.

Three ways, the cheapest that serves: the filter decides, and MongoDB pages and counts; the evaluator has to finish,
and documents stream through it in groups; an order is asked for, and the keys of all matches are ordered here.
Without an order asked for, entities come by id, so a page is the same however it was found.
"""

from collections.abc import AsyncIterator
from typing import Any, TypeAlias

from pymongo.asynchronous.collection import AsyncCollection

from broker.adapters.mongo import filters
from broker.adapters.mongo.bookmarks import Bookmarks
from broker.adapters.mongo.cache import EntityCache
from broker.adapters.mongo.documents import escape, to_entity
from broker.adapters.mongo.links import Links
from broker.adapters.mongo.recall import Recall
from broker.core.model.entity import Entity
from broker.core.model.errors import TooComplexQuery
from broker.core.model.instant import Instant
from broker.core.ql.ast import EntityQuery, PageRequest
from broker.core.ql.evaluate import compile_query
from broker.core.ql.order import ordered
from broker.operations.ports import EntityPage

Collection: TypeAlias = AsyncCollection[dict[str, Any]]

LOOKED_AT_MAX = 100_000
"""Documents that one request may have the evaluator look at: some two seconds of processor time."""

ORDERED_MAX = 20_000
"""Matches that one request may have ordered: some 40 MB while it runs."""

_GROUP = 200
"""Documents between two turns of the event loop: a few milliseconds."""

_TIME_MS = 20_000
"""Milliseconds after which MongoDB gives up a query."""


async def find(
    collection: Collection,
    query: EntityQuery,
    page: PageRequest,
    now: Instant,
    recall: Recall | None = None,
    bookmarks: Bookmarks | None = None,
) -> EntityPage:
    """The page of entities that satisfy the query at `now`, as far as `recall` has them without decoding documents.

    `bookmarks` lets it begin where an earlier page ended. Raises TooComplexQuery where too much would have to be looked
    at or ordered, and errors of the driver.
    """
    compiled = filters.compile(query, now)
    if page.order:
        return await _ordered(collection, compiled, page, now)
    if compiled.residual is not None:
        return await _finished(collection, compiled, page, now)
    recall = recall or Recall(EntityCache(0), lambda: None)
    if bookmarks is None or not page.limit:
        return await _decided(collection, compiled, page, now, recall)
    began = bookmarks.epoch(query)
    before = bookmarks.before(query, page.offset) if page.offset else None
    found = await _decided(collection, compiled, page, now, recall, before)
    if found.more and found.entities:
        bookmarks.put(query, page.offset + page.limit, found.entities[-1].id, began)
    return found


async def count(collection: Collection, query: EntityQuery, now: Instant) -> int:
    """How many entities satisfy the query at `now`; raises as `find` does."""
    compiled = filters.compile(query, now)
    if compiled.residual is None:
        return await _count(collection, compiled, now)
    return sum([1 async for _ in _matches(collection, compiled, now)])


async def _count(collection: Collection, compiled: filters.Compiled, now: Instant) -> int:
    """All less the expired, which few are and an index knows: so a count by type reads the index alone."""
    expired = {"$and": [compiled.timeless, {"expiresAt": {"$lte": now}}]}
    gone = await collection.count_documents(expired, maxTimeMS=_TIME_MS)
    return max(0, await collection.count_documents(compiled.timeless, maxTimeMS=_TIME_MS) - gone)


async def _decided(
    collection: Collection,
    compiled: filters.Compiled,
    page: PageRequest,
    now: Instant,
    recall: Recall,
    before: str | None = None,
) -> EntityPage:
    """With `before`, the id in front of the page's offset, nothing has to be skipped."""
    documents: list[dict[str, Any]] = []
    projection, began = recall.begin()
    if page.limit:
        wanted = page.limit + 1
        # batch_size one above: the answer then closes the cursor itself.
        cursor = collection.find(
            compiled.filter if before is None else {"$and": [compiled.filter, {"_id": {"$gt": before}}]},
            projection,
            sort=[("_id", 1)],
            skip=page.offset if before is None else 0,
            limit=wanted,
            batch_size=wanted + 1,
            max_time_ms=_TIME_MS,
        )
        documents = await cursor.to_list()
    more = len(documents) > page.limit
    total: int | None = None
    if page.count and not more and page.limit and (documents or not page.offset):
        total = page.offset + len(documents)
    elif page.count:
        total = await _count(collection, compiled, now)
    entities = await recall.entities(collection, compiled.filter, documents[: page.limit], began)
    return EntityPage(entities, total, more)


async def _finished(collection: Collection, compiled: filters.Compiled, page: PageRequest, now: Instant) -> EntityPage:
    end = page.offset + page.limit
    found: list[Entity] = []
    matches = 0
    async for entity in _matches(collection, compiled, now):
        if page.offset <= matches < end:
            found.append(entity)
        matches += 1
        if matches > end and not page.count:
            break
    return EntityPage(found, matches if page.count else None, matches > end)


async def _ordered(collection: Collection, compiled: filters.Compiled, page: PageRequest, now: Instant) -> EntityPage:
    whole = compiled.residual is not None
    names = {ordering.path.attributes[0] for ordering in page.order if ordering.path.attributes}
    only = dict.fromkeys(("types", "scopes", "createdAt", "modifiedAt", "expiresAt", "escaped"), 1)
    only |= {f"attributes.{escape(name)}": 1 for name in names or {"@none"}}
    matches: list[Entity] = []
    async for entity in _matches(collection, compiled, now, None if whole else only):
        matches.append(entity)
        if len(matches) > ORDERED_MAX:
            raise TooComplexQuery(f"orderBy: more than {ORDERED_MAX} entities match; narrow the query.")
    end = page.offset + page.limit
    found = ordered(matches, page.order)[page.offset : end]
    if not whole and found:
        by_id = {entity.id: entity async for entity in _fetched(collection, [entity.id for entity in found])}
        found = [by_id[entity.id] for entity in found if entity.id in by_id]
    return EntityPage(found, len(matches) if page.count else None, len(matches) > end)


async def _fetched(collection: Collection, ids: list[str]) -> AsyncIterator[Entity]:
    for document in await collection.find({"_id": {"$in": ids}}, max_time_ms=_TIME_MS).to_list():
        yield to_entity(document)


async def _matches(
    collection: Collection, compiled: filters.Compiled, now: Instant, only: dict[str, int] | None = None
) -> AsyncIterator[Entity]:
    """All entities that satisfy a compiled query, by id."""
    residual = compiled.residual
    links = Links(collection, residual.q if residual is not None else None, now)
    satisfies = compile_query(residual, links.get) if residual is not None else None
    looked_at = 0
    cursor = collection.find(compiled.filter, only, sort=[("_id", 1)], batch_size=_GROUP, max_time_ms=_TIME_MS)
    async with cursor:
        while documents := await cursor.to_list(_GROUP):
            looked_at += len(documents)
            if looked_at > LOOKED_AT_MAX:
                raise TooComplexQuery(
                    f"More than {LOOKED_AT_MAX} entities would have to be looked at; narrow the query by type or area."
                )
            entities = [to_entity(document) for document in documents]
            await links.follow(entities)
            for entity in entities:
                if satisfies is None or satisfies(entity):
                    yield entity
