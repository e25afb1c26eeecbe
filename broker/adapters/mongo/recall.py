"""Pages of entities from memory, as far as the database says that what is remembered is what it has.

A query then asks MongoDB for ids and versions alone, and decodes only what is not remembered at that version. A version
names one state of one entity for ever, so this holds however many processes write.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from pymongo.asynchronous.collection import AsyncCollection

from broker.adapters.mongo.cache import EntityCache, Stored
from broker.adapters.mongo.documents import Document, to_entity
from broker.core.model.entity import Entity


class Recall:
    """One tenant's entities in memory, for queries.

    `epoch` tells the committer's epoch, or None while a group is under way: what is read meanwhile may be older than
    what is remembered, and is not put in its place.
    """

    def __init__(self, cache: EntityCache, epoch: Callable[[], int | None]) -> None:
        self._cache = cache
        self._epoch = epoch
        self._is_warm = False

    def begin(self) -> tuple[dict[str, int] | None, int | None]:
        """The projection to ask with (None: whole documents), and the epoch at which the reading begins."""
        return ({"version": 1} if self._is_warm else None), self._epoch()

    async def entities(
        self,
        collection: AsyncCollection[Document],
        matching: Mapping[str, Any],
        documents: Sequence[Document],
        began: int | None,
    ) -> list[Entity]:
        """The entities of a page's documents, in their order; whole documents, or `_id` and `version` alone.

        `matching` is the filter that they were found by. What changed since then is shown as it is now, if it still
        satisfies that.
        """
        if not documents:
            return []
        if "types" in documents[0]:
            return self._learned(documents, began)
        known = {each["_id"]: self._remembered(each) for each in documents}
        missing = [entity_id for entity_id, stored in known.items() if stored is None]
        if missing:
            query = {"$and": [matching, {"_id": {"$in": missing}}]}
            loaded = _stored(await collection.find(query, batch_size=len(missing) + 1).to_list())
            self._keep(loaded, began)
            known.update((each.entity.id, each) for each in loaded)
        self._is_warm = 2 * len(missing) <= len(documents)
        return [stored.entity for stored in known.values() if stored is not None]

    def _learned(self, documents: Sequence[Document], began: int | None) -> list[Entity]:
        known = sum(self._remembered(each) is not None for each in documents)
        self._is_warm = 2 * known >= len(documents)
        stored = _stored(documents)
        self._keep(stored, began)
        return [each.entity for each in stored]

    def _remembered(self, document: Document) -> Stored | None:
        stored = self._cache.get(document["_id"])
        return stored if stored is not None and stored.version == document["version"] else None

    def _keep(self, stored: Iterable[Stored], began: int | None) -> None:
        if began is not None and began == self._epoch():
            for each in stored:
                self._cache.put(each)


def _stored(documents: Iterable[Document]) -> list[Stored]:
    return [Stored(to_entity(each), each["version"], "escaped" in each) for each in documents]
