"""Changes to samples that are there already, recent ones and those in chunks. Callers hold the entity's lock."""

from collections.abc import Callable
from typing import Any

from broker.adapters.mongo.client import Database
from broker.adapters.mongo.documents import escape
from broker.adapters.mongo.history_documents import (
    attributes_of,
    chunk_document,
    chunk_of,
    one_instant,
    rewritten,
    whole_range,
)
from broker.core.model.entity import Instance
from broker.core.model.instant import Instant
from broker.core.temporal.sample import Sample


async def replace_instance(
    database: Database, entity_id: str, iri: str, key: tuple[Instant, int], instance: Instance
) -> bool:
    """Put an instance in the place of that key; its `createdAt` stays. Whether there was one."""
    at, tie = key

    def replaced(old: Instance) -> Instance:
        return {**instance, "createdAt": old.get("createdAt", at)}

    found = False
    async for document in database["history"].find(one_instant(entity_id, at)):
        attributes = attributes_of(document)
        for index, each in enumerate(attributes.get(iri, ())):
            if each.get("tie", 0) == tie:
                attributes[iri][index] = {**replaced(each), **({"tie": tie} if tie else {})}
                await database["history"].replace_one({"_id": document["_id"]}, rewritten(document, attributes))
                found = True

    def change(samples: list[Sample]) -> list[Sample]:
        return [Sample(*key, replaced(each.instance)) if each.key == key else each for each in samples]

    return await _change_chunk(database, entity_id, iri, key, change) or found


async def delete_instance(database: Database, entity_id: str, iri: str, key: tuple[Instant, int]) -> bool:
    """Remove the instance of that key; whether there was one."""
    at, tie = key
    path = f"attributes.{escape(iri)}"
    which = {"tie": tie} if tie else {"tie": {"$exists": False}}
    query = {**one_instant(entity_id, at), path: {"$elemMatch": which}}
    result = await database["history"].update_many(query, {"$pull": {path: which}})
    if result.modified_count:
        await _tidy(database, one_instant(entity_id, at), path)

    def change(samples: list[Sample]) -> list[Sample]:
        return [each for each in samples if each.key != key]

    return await _change_chunk(database, entity_id, iri, key, change) or bool(result.modified_count)


async def delete_attribute(
    database: Database, entity_id: str, iri: str, dataset_id: str | None, *, every: bool
) -> bool:
    """Remove the instances of one dataset (None: the default one), or `every` one; whether there were any."""
    path = f"attributes.{escape(iri)}"
    which = {"datasetId": dataset_id if dataset_id is not None else {"$exists": False}}
    query = {**whole_range(entity_id), path: {"$exists": True} if every else {"$elemMatch": which}}
    result = await database["history"].update_many(query, {"$unset": {path: ""}} if every else {"$pull": {path: which}})
    if result.modified_count:
        await _tidy(database, whole_range(entity_id), path)
    of_dataset = {} if every else {"d": dataset_id if dataset_id is not None else {"$exists": False}}
    removed = await database["chunks"].delete_many({"e": entity_id, "a": iri, **of_dataset})
    return bool(result.modified_count or removed.deleted_count)


async def _tidy(database: Database, within: dict[str, Any], path: str) -> None:
    """Leave neither attributes without instances behind nor documents without attributes."""
    await database["history"].update_many({**within, path: []}, {"$unset": {path: ""}})
    await database["history"].delete_many({**within, "attributes": {}})


async def _change_chunk(
    database: Database,
    entity_id: str,
    iri: str,
    key: tuple[Instant, int],
    change: Callable[[list[Sample]], list[Sample]],
) -> bool:
    found = False
    query = {"e": entity_id, "a": iri, "from": {"$lte": key[0]}, "to": {"$gte": key[0]}}
    async for document in database["chunks"].find(query):
        samples = chunk_of(document).samples()
        if any(each.key == key for each in samples):
            found = True
            await store_chunk(database, document, change(samples))
    return found


async def store_chunk(database: Database, document: dict[str, Any], samples: list[Sample]) -> None:
    """Put a chunk with other samples in the place of one; none remove it. One dataset in, several out: several."""
    groups: dict[str | None, list[Sample]] = {}
    for sample in samples:
        groups.setdefault(sample.instance.get("datasetId"), []).append(sample)
    if not groups:
        await database["chunks"].delete_one({"_id": document["_id"]})
        return
    first, *others = [chunk_document(document["e"], document["a"], document["types"], each) for each in groups.values()]
    for other in others:
        await database["chunks"].insert_one(other)
    await database["chunks"].replace_one({"_id": document["_id"]}, first)
