"""Indexes that an operator declares: built as those that follow the questions asked, and kept until withdrawn."""

from typing import Any

from broker.adapters.mongo.client import Databases
from broker.adapters.mongo.documents import unescape
from broker.adapters.mongo.errors import translated
from broker.adapters.mongo.indexes import (
    DECLARED,
    NAME_MAX,
    Collection,
    create_index,
    declared_names,
    drop_index,
    index_name,
    is_asked,
    kind_of,
)
from broker.core.model.entity import VALUE_MEMBER
from broker.core.model.errors import BadRequestData
from broker.operations.indexes import IndexState, IndexTarget

MOST = 12
"""Declared indexes of a tenant, one or two of MongoDB's each: with those that are advised, below its 64."""


class MongoIndexes:
    """`Indexes` of all tenants."""

    def __init__(self, databases: Databases) -> None:
        self._databases = databases

    async def kind(self, tenant: str, attribute: str) -> str | None:
        """The kind that most of a sample are."""
        with translated():
            return await kind_of(self._entities(tenant), attribute)

    async def declare(self, tenant: str, target: IndexTarget, kind: str) -> bool:
        """Build it and note it; BadRequestData where there are too many."""
        name, entities = index_name(target), self._entities(tenant)
        if len(name.encode()) > NAME_MAX:
            raise BadRequestData(f"The name of the attribute is too long for an index: at most {NAME_MAX} bytes.")
        with translated():
            declared = await declared_names(entities)
            if name not in declared and len(declared) >= MOST:
                raise BadRequestData(
                    f"{MOST} indexes are declared already, each costs every write. Withdraw one first."
                )
            await entities.database["meta"].update_one({"_id": DECLARED}, {"$addToSet": {"names": name}}, upsert=True)
            if name not in await entities.index_information():
                await create_index(entities, target, kind)
        return name not in declared

    async def withdraw(self, tenant: str, target: IndexTarget) -> bool:
        """Drop it, if it was declared."""
        name, entities = index_name(target), self._entities(tenant)
        with translated():
            if name not in await declared_names(entities):
                return False
            await entities.database["meta"].update_one({"_id": DECLARED}, {"$pull": {"names": name}})
            if name in await entities.index_information():
                await drop_index(entities, name)
        return True

    async def all(self, tenant: str) -> list[IndexState]:
        """Those of attributes, by name."""
        entities = self._entities(tenant)
        with translated():
            declared = await declared_names(entities)
            information = await entities.index_information()
            used = {each["name"]: each for each in await (await entities.aggregate([{"$indexStats": {}}])).to_list()}
            stats = await entities.aggregate([{"$collStats": {"storageStats": {}}}])
            sizes: dict[str, int] = (await stats.to_list())[0]["storageStats"]["indexSizes"]
        return [
            IndexState(
                _target(information[name]["key"]),
                name in declared,
                int(used[name]["accesses"]["ops"]) if name in used else 0,
                sizes.get(name, 0),
            )
            for name in sorted(filter(is_asked, information))
        ]

    def _entities(self, tenant: str) -> Collection:
        return self._databases(tenant)["entities"]


def _target(key: list[tuple[str, Any]]) -> IndexTarget:
    """What an index is about, from its last field: `attributes.<name>.<member>` and what follows."""
    _, attribute, member, *trail = key[-1][0].split(".")
    iri = unescape(attribute)
    if key[-1][1] == "2dsphere":
        return IndexTarget(iri, geometry=True)
    if len(key) > 1 and member in VALUE_MEMBER.values():
        return IndexTarget(iri, tuple(trail))
    return IndexTarget(iri, member=member)
