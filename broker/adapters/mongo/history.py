"""TemporalStore on MongoDB: reading histories, adding to them, finding the entities that have one (ADR 11).

Whoever reads takes `history` before `chunks`: what compaction moves meanwhile is then seen at least once, and its
copies are told by their keys.
"""

from collections.abc import Sequence
from typing import Any

from bson import ObjectId
from pymongo.errors import DocumentTooLarge

from broker.adapters.mongo import history_changes as changes
from broker.adapters.mongo.client import Database, Databases
from broker.adapters.mongo.documents import escape
from broker.adapters.mongo.errors import translated
from broker.adapters.mongo.history_compaction import compact_due, has_history, retain
from broker.adapters.mongo.history_documents import chunk_of, of_import, samples_of, whole_range
from broker.adapters.mongo.history_lock import locked
from broker.adapters.mongo.history_ranges import DIRECTORY, chosen, range_filter
from broker.core.model.entity import Attributes, Entity, Instance
from broker.core.model.errors import BadRequestData, TooComplexQuery
from broker.core.model.instant import Instant
from broker.core.ql.ast import EntitySelector
from broker.core.ql.temporal import TemporalQuery
from broker.core.temporal.aggregate import Period
from broker.core.temporal.evolution import Demand, Evolution
from broker.core.temporal.policy import Policy
from broker.core.temporal.sample import Sample
from broker.core.temporal.series import Series

_FEW = 5_000
"""Samples that are read at once without looking for those that a page needs."""

LOADED_MAX = 2_000_000
"""Samples that one request may have looked at: about a second of processor time, and 200 MB while it lasts."""


class MongoHistory:
    """Histories of all tenants. `write_concern` is that of acknowledged writes."""

    def __init__(self, databases: Databases, write_concern: dict[str, Any]) -> None:
        self._databases = databases
        self._write_concern = write_concern

    async def about(self, tenant: str, entity_id: str) -> Evolution | None:
        """What is known of an entity that has a history, without its series."""
        database = self._databases(tenant)
        with translated():
            found = (await _known(database, {"_id": entity_id}, None, 1, 1)).get(entity_id)
            return found if found is not None and await _is_known(database, entity_id) else None

    async def recall(self, tenant: str, entity_id: str, demand: Demand) -> Evolution | None:
        """The same with its series, at least as far as the demand asks for them."""
        database = self._databases(tenant)
        with translated():
            known = (await _known(database, {"_id": entity_id}, None, 1, 1)).get(entity_id)
            if known is None:
                return None
            await self.load(tenant, [known], demand)
            return known if known.series or await _is_known(database, entity_id) else None

    async def candidates(
        self, tenant: str, selectors: Sequence[EntitySelector], after: str | None, limit: int, *, descending: bool
    ) -> list[Evolution]:
        """Entities that may have a history, by id, beginning behind the id `after`; patterns are not looked at."""
        direction = -1 if descending else 1
        with translated():
            found = await _known(self._databases(tenant), _selected(selectors), after, limit, direction)
        return [found[each] for each in sorted(found, reverse=descending)][:limit]

    async def load(self, tenant: str, evolutions: Sequence[Evolution], demand: Demand) -> None:
        """Fill in the series, at least as far as the demand asks for them."""
        database = self._databases(tenant)
        by_id = {each.id: each for each in evolutions}
        with translated():
            await _load_recent(database, by_id, demand)
            await _load_chunks(database, by_id, demand)

    async def add(self, tenant: str, entity: Entity, at: Instant) -> bool:
        """Add instances, replacing those of the same attribute, dataset and `observedAt`; whether all of it is new."""
        database = self._databases(tenant)
        with translated():
            async with locked(database, entity.id):
                known = await self.about(tenant, entity.id)
                outdated = await self._outdated(tenant, known, entity.attributes) if known is not None else {}
                await self._remember(database, entity, at)
                if entity.attributes:
                    await self._insert(database, entity, at)
                for iri, keys in outdated.items():
                    for key in keys:
                        await changes.delete_instance(database, entity.id, iri, key)
        return known is None

    async def replace_instance(
        self, tenant: str, entity_id: str, iri: str, key: tuple[Instant, int], instance: Instance
    ) -> bool:
        """Put an instance in the place of that key; its `createdAt` stays. Whether there was one."""
        database = self._databases(tenant)
        with translated():
            async with locked(database, entity_id):
                return await changes.replace_instance(database, entity_id, iri, key, instance)

    async def delete_instance(self, tenant: str, entity_id: str, iri: str, key: tuple[Instant, int]) -> bool:
        """Remove the instance of that key; whether there was one."""
        database = self._databases(tenant)
        with translated():
            async with locked(database, entity_id):
                return await changes.delete_instance(database, entity_id, iri, key)

    async def delete_attribute(
        self, tenant: str, entity_id: str, iri: str, dataset_id: str | None, *, every: bool
    ) -> bool:
        """Remove the instances of one dataset (None: the default one), or `every` one; whether there were any."""
        database = self._databases(tenant)
        with translated():
            async with locked(database, entity_id):
                return await changes.delete_attribute(database, entity_id, iri, dataset_id, every=every)

    async def delete_entity(self, tenant: str, entity_id: str) -> bool:
        """Remove the whole history; whether there was one."""
        database = self._databases(tenant)
        with translated():
            async with locked(database, entity_id):
                known = await _is_known(database, entity_id)
                await database["history"].delete_many(whole_range(entity_id))
                await database["chunks"].delete_many({"e": entity_id})
                await database["evolutions"].delete_one({"_id": entity_id})
        return known

    async def compact(self, tenant: str, now: Instant) -> int:
        """Pack what was recorded some time ago; how many records that were."""
        with translated():
            return await compact_due(self._databases(tenant), now)

    async def retain(self, tenant: str, policy: Policy[Period | None], now: Instant) -> int:
        """Remove what was recorded longer ago than the policy keeps it; how many chunks that concerned."""
        with translated():
            return await retain(self._databases(tenant), tenant, policy, now)

    async def _outdated(self, tenant: str, known: Evolution, attributes: Attributes) -> dict[str, list[Any]]:
        """Keys of the samples that instances of the same observation are about to replace."""
        fresh = {
            iri: {(each.get("datasetId"), each["observedAt"]) for each in instances if "observedAt" in each}
            for iri, instances in attributes.items()
        }
        instants = [observed for observations in fresh.values() for _, observed in observations]
        if not instants:
            return {}
        query = TemporalQuery(min(instants), max(instants) + 1)
        await self.load(tenant, [known], Demand(query, attributes=frozenset(fresh)))
        return {
            iri: [each.key for each in known.series[iri].all() if _observation(each) in observed]
            for iri, observed in fresh.items()
            if iri in known.series
        }

    async def _insert(self, database: Database, entity: Entity, at: Instant) -> None:
        for document in of_import(entity.id, entity.types, entity.attributes, at, str(ObjectId())):
            command = {"insert": "history", "documents": [document], "writeConcern": self._write_concern}
            try:
                await database.command(command)
            except DocumentTooLarge:
                raise BadRequestData("The instances are too large to be stored together; send fewer at once.") from None

    async def _remember(self, database: Database, entity: Entity, at: Instant) -> None:
        update = {
            "$addToSet": {"types": {"$each": entity.types}},
            "$setOnInsert": {"createdAt": at},
            "$set": {"modifiedAt": at},
        }
        command = {"update": "evolutions", "updates": [{"q": {"_id": entity.id}, "u": update, "upsert": True}]}
        await database.command(command)


async def ensure_history_indexes(database: Database) -> None:
    """Indexes of the collections of a tenant's histories; what was just recorded is found by its `_id` alone."""
    await database["chunks"].create_index([("e", 1), ("a", 1), ("first", 1), ("last", 1)])
    await database["chunks"].create_index([("from", 1)])


def _observation(sample: Sample) -> tuple[str | None, Instant | None]:
    return sample.instance.get("datasetId"), sample.instance.get("observedAt")


def _selected(selectors: Sequence[EntitySelector]) -> dict[str, Any]:
    alternatives = []
    for selector in selectors:
        terms: list[dict[str, Any]] = []
        if selector.ids:
            terms.append({"_id": {"$in": list(selector.ids)}})
        if selector.types is not None and not selector.types.selects_all:
            terms.append({"$or": [{"types": {"$all": list(types)}} for types in selector.types.alternatives]})
        if not terms:
            return {}
        alternatives.append({"$and": terms})
    return {"$or": alternatives} if alternatives else {}


async def _known(
    database: Database, query: dict[str, Any], after: str | None, limit: int, direction: int
) -> dict[str, Evolution]:
    """Entities that are current, or were, or are known by their history alone."""
    if after is not None:
        query = {"$and": [query, {"_id": {"$gt" if direction > 0 else "$lt": after}}]}
    wanted = {"types": 1, "createdAt": 1, "modifiedAt": 1, "deletedAt": 1}
    found: dict[str, Evolution] = {}
    for name in ("evolutions", "entities"):
        cursor = database[name].find(query, wanted, sort=[("_id", direction)], limit=limit)
        for document in await cursor.to_list():
            entity_id, types = document["_id"], document["types"]
            former = found.get(entity_id)
            if former is not None:
                types = [*types, *(each for each in former.types if each not in types)]
            times = (document.get(name) for name in ("createdAt", "modifiedAt", "deletedAt"))
            found[entity_id] = Evolution(entity_id, types, {}, *times)
    return found


async def _is_known(database: Database, entity_id: str) -> bool:
    """Whether an entity has a history, be it an empty one that was created or left."""
    if await database["evolutions"].find_one({"_id": entity_id}, {"_id": 1}) is not None:
        return True
    return await has_history(database, entity_id)


async def _load_recent(database: Database, by_id: dict[str, Evolution], demand: Demand) -> None:
    ranges = [whole_range(each) for each in by_id]
    wanted = None
    if demand.attributes is not None:
        wanted = {"escaped": 1, **{f"attributes.{escape(iri)}": 1 for iri in demand.attributes}}
    async for document in database["history"].find({"$or": ranges} if len(ranges) > 1 else ranges[0], wanted):
        if "attributes" in document:
            series = by_id[document["_id"]["e"]].series
            for iri, samples in samples_of(document).items():
                series.setdefault(iri, Series()).samples += samples


async def _load_chunks(database: Database, by_id: dict[str, Evolution], demand: Demand) -> None:
    chunks = database["chunks"]
    query = range_filter(list(by_id), demand)
    if demand.page is not None:
        directory = await chunks.find(query, DIRECTORY).to_list()
        if sum(each["n"] for each in directory) > _FEW:
            query = {"_id": {"$in": chosen(directory, demand)}}
        elif not directory:
            return
    loaded = 0
    async for document in chunks.find(query, {"e": 1, "a": 1, "n": 1, "data": 1}):
        loaded += document["n"]
        if loaded > LOADED_MAX:
            raise TooComplexQuery(
                f"More than {LOADED_MAX} samples would have to be looked at; narrow the time or attrs."
            )
        by_id[document["e"]].series.setdefault(document["a"], Series()).chunks.append(chunk_of(document))
