"""Which attributes, of which kinds, entities of which types have (clauses 5.7.5 to 5.7.10).

A use is a type with an attribute and its kind, or the type alone. The collection `uses` names for each one a witness:
an entity that had it. The commit path adds a use before the first entity with it is written, and remembers which uses
it has seen, so that writes cost next to nothing more; a question looks at the witnesses, and for another one where a
witness has changed since. So an answer is exact, and its cost depends on the uses, not on how many entities there are.

```
{_id: {type: iri, attribute: iri or "", kind: "Property" or ""}, witness: entity id, token: any}
```

`token` is a new one each time the commit path stores a use, so that nobody removes what was stored meanwhile. The
document `uses` of the collection `meta` tells that the entities written before there were uses are accounted for.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TypeAlias

from bson import ObjectId
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import OperationFailure

from broker.adapters.mongo.client import Database
from broker.adapters.mongo.documents import escape, unescape
from broker.core.model.entity import Entity
from broker.core.model.instant import Instant

Document: TypeAlias = dict[str, Any]

_SEEN_MAX = 100_000
"""Uses remembered, some 20 MB: beyond it they are stored anew. A territory has thousands."""
_AT_ONCE = 1_000
_TIME_MS = 20_000
"""Milliseconds after which MongoDB gives up looking for a witness."""
_DUPLICATE = 11000
_COMPLETE = {"_id": "uses"}


class Use(NamedTuple):
    """What some entity has; of a type alone, `attribute` and `kind` are empty."""

    type: str
    attribute: str = ""
    kind: str = ""


class Uses:
    """The uses of one tenant. `is_alone` tells whether no other process writes, and no write is under way here."""

    def __init__(self, database: Database, is_alone: Callable[[], bool]) -> None:
        self._database = database
        self._is_alone = is_alone
        self._seen: dict[str, set[tuple[str, str]]] = {}
        self._size = 0
        self._is_complete = False
        self._has_begun = False

    def unseen(self, entities: Iterable[Entity]) -> dict[Use, str]:
        """The uses of entities that are not known to be stored, each with its witness: nearly always none."""
        found: dict[Use, str] = {}
        for entity in entities:
            for name in entity.types:
                seen = self._seen.get(name)
                if seen is None:
                    found[Use(name)] = entity.id
                    seen = set()
                for attribute, instances in entity.attributes.items():
                    for instance in instances:
                        if (attribute, instance["type"]) not in seen:
                            found.setdefault(Use(name, attribute, instance["type"]), entity.id)
        return found

    async def keep(self, found: Mapping[Use, str]) -> None:
        """Store uses with their witnesses. Raises errors of the driver."""
        if not self._has_begun:
            await self._begin()
        uses = list(found)
        for first in range(0, len(uses), _AT_ONCE):
            chunk = uses[first : first + _AT_ONCE]
            updates = [_kept(use, found[use]) for use in chunk]
            answer = await self._database.command({"update": "uses", "updates": updates, "ordered": False})
            for error in answer.get("writeErrors", ()):
                # Another process stores the same one: either is as good.
                if error["code"] != _DUPLICATE:
                    raise OperationFailure(error["errmsg"], error["code"])
            self._remember(chunk)

    async def in_use(self, now: Instant) -> dict[str, dict[str, set[str]]]:
        """Type IRI to attribute IRI to the kinds that live entities have. Raises errors of the driver."""
        await self._complete(now)
        documents = await self._database["uses"].find({}).to_list()
        witnesses = await self._read({each["witness"] for each in documents}, now)
        found: set[Use] = set()
        doubtful: dict[str, dict[Use, Document]] = {}
        for document in documents:
            use = _use(document)
            if _has(witnesses.get(document["witness"]), use):
                found.add(use)
            else:
                doubtful.setdefault(use.type, {})[use] = document
        for of_type in doubtful.values():
            found |= await self._search(of_type, now)
        return _by_type(found)

    async def _search(self, doubtful: dict[Use, Document], now: Instant) -> set[Use]:
        """Those uses of one type that another entity has; each such entity becomes a witness."""
        found: set[Use] = set()
        while doubtful:
            use = next((each for each in doubtful if not each.attribute), next(iter(doubtful)))
            # Forgotten first: whoever writes such an entity from now on stores its use anew.
            is_forgotten = self._is_alone()
            if is_forgotten:
                self._forget(use)
            entity = await self._entities.find_one(_filter(use, now), _SHOWN, max_time_ms=_TIME_MS)
            if entity is None:
                gone = [use] if use.attribute else list(doubtful)
                if is_forgotten:
                    await self._remove([doubtful[each] for each in gone])
            else:
                gone = [each for each in doubtful if _has(entity, each)]
                found.update(gone)
                ids = [doubtful[each]["_id"] for each in gone]
                await self._database["uses"].update_many({"_id": {"$in": ids}}, {"$set": {"witness": entity["_id"]}})
            for each in gone:
                del doubtful[each]
        return found

    async def _remove(self, documents: list[Document]) -> None:
        for document in documents:
            await self._database["uses"].delete_one({"_id": document["_id"], "token": document["token"]})

    async def _begin(self) -> None:
        """Where there is no entity yet, none will have to be accounted for: each is written after its uses."""
        if await self._entities.find_one({}, {"_id": True}) is None:
            await self._mark_complete()
        self._has_begun = True

    async def _mark_complete(self) -> None:
        await self._database["meta"].update_one(_COMPLETE, {"$set": {"complete": True}}, upsert=True)
        self._is_complete = True

    async def _complete(self, now: Instant) -> None:
        """Account for entities that were written before there were uses: once in the life of a database."""
        if self._is_complete:
            return
        if await self._database["meta"].find_one(_COMPLETE) is None:
            await self.keep(await _all_uses(self._entities, now))
            await self._mark_complete()
        self._is_complete = True

    async def _read(self, ids: set[str], now: Instant) -> dict[str, Document]:
        wanted = list(ids)
        found: dict[str, Document] = {}
        for first in range(0, len(wanted), _AT_ONCE):
            query = {"_id": {"$in": wanted[first : first + _AT_ONCE]}, **_live(now)}
            async for document in self._entities.find(query, _SHOWN):
                found[document["_id"]] = document
        return found

    def _remember(self, uses: list[Use]) -> None:
        self._size += len(uses)
        if self._size > _SEEN_MAX:
            self._seen.clear()
            self._size = len(uses)
        for use in uses:
            self._seen.setdefault(use.type, set()).add((use.attribute, use.kind))

    def _forget(self, use: Use) -> None:
        if not use.attribute:
            self._seen.pop(use.type, None)
        elif use.type in self._seen:
            self._seen[use.type].discard((use.attribute, use.kind))

    @property
    def _entities(self) -> AsyncCollection[Document]:
        return self._database["entities"]


_SHOWN = {"types": True, "attributes": True}


def _kept(use: Use, witness: str) -> Document:
    update = {"$set": {"witness": witness, "token": ObjectId()}}
    return {"q": {"_id": use._asdict()}, "u": update, "upsert": True}


def _use(document: Document) -> Use:
    return Use(**document["_id"])


def _live(now: Instant) -> Document:
    return {"$or": [{"expiresAt": None}, {"expiresAt": {"$gt": now}}]}


def _filter(use: Use, now: Instant) -> Document:
    query = {"types": use.type, **_live(now)}
    if use.attribute:
        query[f"attributes.{escape(use.attribute)}.type"] = use.kind
    return query


def _has(entity: Document | None, use: Use) -> bool:
    if entity is None or use.type not in entity["types"]:
        return False
    if not use.attribute:
        return True
    return any(each["type"] == use.kind for each in entity["attributes"].get(escape(use.attribute), ()))


def _by_type(uses: Iterable[Use]) -> dict[str, dict[str, set[str]]]:
    found: dict[str, dict[str, set[str]]] = {}
    for use in uses:
        of_type = found.setdefault(use.type, {})
        if use.attribute:
            of_type.setdefault(use.attribute, set()).add(use.kind)
    return found


async def _all_uses(collection: AsyncCollection[Document], now: Instant) -> dict[Use, str]:
    """Every use with a witness; looks at every entity, inside the database."""
    pipeline: list[Document] = [
        {"$match": _live(now)},
        {"$project": {"types": 1, "attributes": {"$objectToArray": "$attributes"}}},
        {"$unwind": "$types"},
        {"$unwind": {"path": "$attributes", "preserveNullAndEmptyArrays": True}},
        {"$unwind": {"path": "$attributes.v", "preserveNullAndEmptyArrays": True}},
        {
            "$group": {
                "_id": {"type": "$types", "attribute": "$attributes.k", "kind": "$attributes.v.type"},
                "witness": {"$first": "$_id"},
            }
        },
    ]
    found: dict[Use, str] = {}
    async for group in await collection.aggregate(pipeline, allowDiskUse=True):
        of, witness = group["_id"], group["witness"]
        found[Use(of["type"])] = witness
        if "attribute" in of:
            found[Use(of["type"], unescape(of["attribute"]), of["kind"])] = witness
    return found
