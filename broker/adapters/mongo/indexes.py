"""Indexes of a tenant's entities: a few for everyone, and those that the questions asked call for.

An index on every attribute would make a write several times as expensive (measured: 15 times the CPU of an insert), an
attribute without one makes MongoDB look at every entity of the type. So the paths that queries ask about are counted,
and the ones asked for often get an index; those that nobody needs any more lose it. What an operator declares stays.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from typing import Any, TypeAlias

from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import PyMongoError

from broker.adapters.mongo.documents import escape
from broker.core.model.entity import VALUE_MEMBER
from broker.core.ql.ast import EntityQuery
from broker.core.ql.geo import LOCATION
from broker.core.ql.nodes import And, Compare, Exists, Or, Path, QNode
from broker.operations.indexes import IndexTarget

Collection: TypeAlias = AsyncCollection[dict[str, Any]]

ASKED_OFTEN = 20
"""Queries within `WINDOW` that make a path worth an index."""
WINDOW = 600.0
"""Seconds over which questions are counted."""
ENTITIES_MIN = 1_000
"""Below this, looking at every entity costs about a millisecond."""
INDEXES_MAX = 16
"""Paths of a tenant with advised indexes, one or two each. MongoDB allows 64 a collection; each costs every write."""
UNUSED = 86_400.0
"""Seconds after which an index that served no query is dropped."""
REVIEW = 3_600.0
"""Seconds between two looks at what is used."""
_PATHS_KEPT = 1_024
"""Paths counted at a time: what clients ask is theirs to choose."""
_PREFIX = "asked "
_SEVERAL = ".1"
"""Ends the names of indexes of those entities that have several instances of an attribute (see `interval_filter`):
empty for most attributes, and kept as long as any other index of that attribute."""
NAME_MAX = 1_000
"""Bytes of an index's name. MongoDB sets no bound since 4.2, but names are listed and logged."""
_SAMPLE = 50
DECLARED = "declared indexes"
"""The document of the tenant's collection `meta` that names them."""


async def ensure_entity_indexes(collection: Collection) -> None:
    """Create the indexes every tenant has, if need be: by type and id, by location, by expiry."""
    await collection.create_index([("types", 1), ("_id", 1)], name="types")
    await collection.create_index([(f"attributes.{escape(LOCATION)}.geometry", "2dsphere")], name="location")
    await collection.create_index([("expiresAt", 1)], name="expiresAt", sparse=True)
    await collection.create_index([("instancesExpireAt", 1)], name="instancesExpireAt", sparse=True)


def index_name(target: IndexTarget) -> str:
    """The name of the index: readable, and the same in every process."""
    what = ["geometry"] if target.geometry else [target.member] if target.member else ["value", *target.trail]
    return _PREFIX + ".".join([escape(target.attribute), *map(str, what)])


def is_asked(name: str) -> bool:
    """Whether that is the name of an index that serves questions about an attribute."""
    return name.startswith(_PREFIX) and not name.endswith(_SEVERAL)


async def create_index(collection: Collection, target: IndexTarget, kind: str) -> None:
    """Build the index; `kind` says which member of the attribute's instances holds the value."""
    name, field = index_name(target), f"attributes.{escape(target.attribute)}"
    if target.geometry:
        await collection.create_index([(f"{field}.geometry", "2dsphere")], name=name)
        return
    if target.member is not None:
        await collection.create_index([(f"{field}.{target.member}", 1)], name=name, sparse=True)
        return
    several = f"{_PREFIX}{escape(target.attribute)}{_SEVERAL}"
    value = ".".join((field, VALUE_MEMBER[kind], *target.trail))
    # Before the other, whose presence says that both are there.
    await collection.create_index([(f"{field}.1.type", 1)], name=several, sparse=True)
    await collection.create_index([(f"{field}.type", 1), (value, 1)], name=name, sparse=True)


async def drop_index(collection: Collection, name: str) -> None:
    """Drop an index, and the one of several instances with the last index of its attribute."""
    await collection.drop_index(name)
    left = {each for each in await collection.index_information() if each.startswith(_PREFIX)}
    for several in (each for each in left if each.endswith(_SEVERAL)):
        if sum(each.startswith(several.removesuffix("1")) for each in left) == 1:
            await collection.drop_index(several)


async def kind_of(collection: Collection, attribute: str) -> str | None:
    """The kind of attribute that it mostly is, by a sample; None where no entity has it."""
    name = escape(attribute)
    path = f"attributes.{name}.type"
    cursor = collection.find({path: {"$exists": True}}, {path: 1}, limit=_SAMPLE)
    kinds = [each["type"] for found in await cursor.to_list() for each in found["attributes"][name]]
    return max(kinds, key=kinds.count) if kinds else None


async def declared_names(collection: Collection) -> set[str]:
    """The names of the indexes that an operator asked for."""
    found = await collection.database["meta"].find_one({"_id": DECLARED})
    return set(found["names"]) if found else set()


class IndexAdvisor:
    """Counts what queries on one collection ask about, and sees to indexes in the background."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._counts: dict[IndexTarget, int] = {}
        self._settled: set[IndexTarget] = set()
        self._since = self._reviewed = time.monotonic()
        self._used: dict[str, tuple[int, float]] = {}
        self._task: asyncio.Task[None] | None = None
        self._wanted: list[IndexTarget] = []

    def note(self, query: EntityQuery) -> None:
        """Count what a query asks about. Cheap; what follows happens in the background."""
        if query.q is None and query.geo is None:
            return
        now = time.monotonic()
        if now - self._since > WINDOW or len(self._counts) > _PATHS_KEPT:
            self._counts.clear()
            self._settled.clear()
            self._since = now
        for asked in set(_asked(query)):
            if asked in self._settled:
                continue
            count = self._counts[asked] = self._counts.get(asked, 0) + 1
            if count >= ASKED_OFTEN:
                self._settled.add(asked)
                self._wanted.append(asked)
        if (self._wanted or now - self._reviewed > REVIEW) and self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._work())

    async def close(self) -> None:
        """Stop what runs in the background (an index that MongoDB is building gets finished)."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def settled(self) -> None:
        """Wait until what has been noted so far has its indexes."""
        while self._task is not None:
            await asyncio.wait({self._task})

    async def _work(self) -> None:
        try:
            while self._wanted:
                await self._create(self._wanted.pop())
            if time.monotonic() - self._reviewed > REVIEW:
                await self.review(time.monotonic())
        except PyMongoError:
            # An index only makes queries faster: what could not be done now is asked for again in the next window.
            self._wanted.clear()
        finally:
            self._task = None

    async def review(self, now: float) -> None:
        """Drop advised indexes that served no query, whichever process asked, for `UNUSED` seconds before `now`.

        Those that an operator declared stay.
        """
        self._reviewed = now
        cursor = await self._collection.aggregate([{"$indexStats": {}}])
        served = {each["name"]: int(each["accesses"]["ops"]) for each in await cursor.to_list()}
        declared = await declared_names(self._collection)
        for name, uses in served.items():
            if not is_asked(name) or name in declared:
                continue
            known, since = self._used.get(name, (-1, now))
            if known != uses:
                self._used[name] = (uses, now)
            elif now - since > UNUSED:
                self._used.pop(name)
                await drop_index(self._collection, name)

    async def _create(self, asked: IndexTarget) -> None:
        existing = await self._collection.index_information()
        advised = set(filter(is_asked, existing)) - await declared_names(self._collection)
        name = index_name(asked)
        if name in existing or len(advised) >= INDEXES_MAX or len(name.encode()) > NAME_MAX:
            return
        if await self._collection.estimated_document_count() < ENTITIES_MIN:
            return
        kind = await kind_of(self._collection, asked.attribute)
        if kind is not None:
            await create_index(self._collection, asked, kind)


def _asked(query: EntityQuery) -> Iterator[IndexTarget]:
    if query.q is not None:
        for path in _paths(query.q):
            if len(path.attributes) == 1 and path.trail != ("*",):
                yield IndexTarget(path.attributes[0], path.trail, path.member)
    if query.geo is not None and query.geo.geoproperty != LOCATION and query.geo.relation != "disjoint":
        yield IndexTarget(query.geo.geoproperty, geometry=True)


def _paths(node: QNode) -> Iterator[Path]:
    """Paths whose values an index would narrow by: not those under a negation or of `!=`, `~=` and links."""
    if isinstance(node, And | Or):
        for term in node.terms:
            yield from _paths(term)
    elif isinstance(node, Exists) or (isinstance(node, Compare) and node.operator != "!="):
        yield node.path
