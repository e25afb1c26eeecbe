"""Pages of what an entity map lists (clauses 4.3.6.7, 5.5.14).

Where the query is the one that the map was made with, an offset counts the entities that the map lists, and what does
not satisfy the query any more is taken out of it. Under another query an offset counts what satisfies that one.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from broker.core.model.entity import Entity
from broker.core.model.entity_map import LOCAL, EntityMap
from broker.core.ql.ast import EntityQuery, EntitySelector, PageRequest
from broker.core.ql.regex import compile_pattern
from broker.operations.entity_maps import drop_entities, within
from broker.operations.ports import EntityPage, Ports
from broker.operations.query import query_entities

_AT_LEAST = 20
_AT_MOST = 1_000
"""Entities looked at together: as many as are missing on the page, and never so few that gaps cost many rounds."""


@dataclass(slots=True)
class Looked:
    """Those of some entities that satisfy the query, by id; `unsure` are ids of which not every source could tell."""

    entities: Mapping[str, Entity]
    unsure: frozenset[str] = field(default_factory=frozenset)


Look = Callable[[Sequence[str]], Awaitable[Looked]]


def candidates_of(query: EntityQuery, entity_map: EntityMap) -> list[str]:
    """The entities of a map that the ids and patterns of a query allow, in the order of the map."""
    selectors = query.selectors
    if not selectors or not all(each.ids or each.id_pattern is not None for each in selectors):
        return list(entity_map.sources)
    ids = frozenset(entity_id for each in selectors for entity_id in each.ids)
    patterns = [compile_pattern(each.id_pattern) for each in selectors if each.id_pattern is not None and not each.ids]
    return [each for each in entity_map.sources if each in ids or any(pattern.search(each) for pattern in patterns)]


def limited_to(query: EntityQuery, entity_ids: Sequence[str]) -> EntityQuery | None:
    """The query limited to entities of these ids; None where its own ids leave none of them."""
    limited: list[EntitySelector] = []
    for selector in query.selectors or (EntitySelector(),):
        wanted = frozenset(selector.ids)
        ids = tuple(each for each in entity_ids if each in wanted) if selector.ids else tuple(entity_ids)
        if ids:
            limited.append(replace(selector, ids=ids))
    return replace(query, selectors=tuple(limited)) if limited else None


async def page_here(
    ports: Ports, tenant: str, entity_map: EntityMap, query: EntityQuery, page: PageRequest, *, local: bool, same: bool
) -> EntityPage:
    """A page of those entities of a map that are held here. `same`: the query is the one that the map was made with."""
    narrowed = within(query, entity_map)
    if page.order:
        return await query_entities(ports, tenant, narrowed, page, local=local)

    async def look(entity_ids: Sequence[str]) -> Looked:
        limited = limited_to(query, [each for each in entity_ids if LOCAL in entity_map.sources[each]])
        if limited is None:
            return Looked({})
        found = await query_entities(ports, tenant, limited, PageRequest(len(entity_ids)), local=local)
        return Looked({each.id: each for each in found.entities})

    candidates = candidates_of(query, entity_map)
    made = await page_of(ports, tenant, entity_map, candidates, page, look, same=same)
    if not page.count:
        return made
    counted = await query_entities(ports, tenant, narrowed, PageRequest(1, 0, True), local=local)
    return EntityPage(made.entities, counted.total, made.more)


async def page_of(
    ports: Ports,
    tenant: str,
    entity_map: EntityMap,
    candidates: Sequence[str],
    page: PageRequest,
    look: Look,
    *,
    same: bool,
) -> EntityPage:
    """The page of the candidates that begins at the offset; its total is what remains listed.

    An entity of which a source could not tell keeps its place, so that pages that follow begin where this one ends.
    """
    listed: list[Entity | None] = []
    gone: list[str] = []
    place, skipped = (page.offset, 0) if same else (0, page.offset)
    needed = skipped + page.limit + 1 if page.limit else 0
    while len(listed) < needed and place < len(candidates):
        number = min(max(needed - len(listed), _AT_LEAST), _AT_MOST)
        group = candidates[place : place + number]
        place += len(group)
        looked = await look(group)
        listed += [looked.entities.get(each) for each in group if each in looked.entities or each in looked.unsure]
        gone += [each for each in group if each not in looked.entities and each not in looked.unsure]
    if same:
        await drop_entities(ports, tenant, entity_map, gone)
    shown = [each for each in listed[skipped : skipped + page.limit] if each is not None]
    return EntityPage(shown, len(candidates) - len(gone), len(listed) >= needed > 0)
