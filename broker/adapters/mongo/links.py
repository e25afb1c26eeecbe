"""Linked entities that a query asks about (`a{b}` of clause 4.9), fetched in groups before the evaluator needs them."""

from collections.abc import Sequence
from typing import Any

from pymongo.asynchronous.collection import AsyncCollection

from broker.adapters.mongo.documents import to_entity
from broker.core.model.entity import Entity
from broker.core.model.errors import TooComplexQuery
from broker.core.model.instant import Instant
from broker.core.ql.nodes import And, Linked, Not, Or, QNode
from broker.core.ql.terms import link_targets

FOLLOWED_MAX = 10_000
"""Linked entities that one request may have fetched: some 20 MB while it runs."""


class Links:
    """The entities that links of one query lead to."""

    def __init__(self, collection: AsyncCollection[dict[str, Any]], node: QNode | None, now: Instant) -> None:
        self._collection = collection
        self._links = [] if node is None else _links(node)
        self._now = now
        self._known: dict[str, Entity | None] = {}

    def get(self, entity_id: str) -> Entity | None:
        """A linked entity that was followed to, unless it is absent or past its time."""
        return self._known.get(entity_id)

    async def follow(self, entities: Sequence[Entity]) -> None:
        """Fetch what the links lead to from these entities. Raises TooComplexQuery beyond `FOLLOWED_MAX`."""
        for link in self._links:
            await self._follow(link, entities)

    async def _follow(self, link: Linked, entities: Sequence[Entity]) -> None:
        targets = {target for entity in entities for target in link_targets(link, entity)}
        missing = [target for target in targets if target not in self._known]
        if len(self._known) + len(missing) > FOLLOWED_MAX:
            raise TooComplexQuery(f"The query follows links to more than {FOLLOWED_MAX} entities; narrow it.")
        if missing:
            self._known.update(dict.fromkeys(missing))
            for document in await self._collection.find({"_id": {"$in": missing}}).to_list():
                entity = to_entity(document)
                if not entity.is_expired(self._now):
                    self._known[entity.id] = entity
        for inner in _links(link.term):
            await self._follow(inner, [found for each in targets if (found := self._known[each]) is not None])


def _links(node: QNode) -> list[Linked]:
    """The outermost links of a node."""
    if isinstance(node, Linked):
        return [node]
    if isinstance(node, And | Or):
        return [link for term in node.terms for link in _links(term)]
    return _links(node.term) if isinstance(node, Not) else []
