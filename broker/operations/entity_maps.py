"""Entity maps (clauses 5.14, 5.5.14): made for a query, used by the requests that follow it, forgotten in the end.

What a map lists is fixed, but for what of it is found not to satisfy the query any more when a page is made.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import uuid4

from broker.core.jsonld.names import is_iri
from broker.core.model.entity_map import LOCAL, EntityMap, lifetime, read_expiry
from broker.core.model.errors import BadRequestData, OperationNotSupported, ResourceNotFound, TooManyResults
from broker.core.ql.ast import EntityQuery, EntitySelector, PageRequest
from broker.operations.ports import EntityMapStore, Ports
from broker.operations.query import query_entities
from broker.operations.tenancy import require_tenant

MAX_ENTITIES = 20_000
"""Entities in one map: about 2 MB, as much as may be ordered at a time."""

_AT_ONCE = 1_000


async def map_query(
    ports: Ports, tenant: str, query: EntityQuery, wanted: int | None, *, local: bool, signature: str = ""
) -> EntityMap:
    """Clause 5.14.4 of this broker alone. `wanted`: the lifetime suggested, in microseconds; `signature` tells queries
    apart.

    Raises BadRequestData as a query does, TooManyResults beyond MAX_ENTITIES.
    """
    found = await ids_here(ports, tenant, query, local=local)
    return await keep_map(ports, tenant, found, wanted, signature)


async def ids_here(ports: Ports, tenant: str, query: EntityQuery, *, local: bool) -> list[str]:
    """The ids of all entities that the query finds here. Raises as `map_query` does."""
    found: list[str] = []
    more = True
    while more:
        page = await query_entities(ports, tenant, query, PageRequest(_AT_ONCE, len(found)), local=local)
        found += [entity.id for entity in page.entities]
        more = page.more and bool(page.entities)
        if len(found) > MAX_ENTITIES:
            raise too_many()
    return found


def too_many() -> TooManyResults:
    """What to answer where a map would list more than MAX_ENTITIES."""
    return TooManyResults(f"An entity map lists at most {MAX_ENTITIES} entities; narrow the query.")


async def keep_map(
    ports: Ports, tenant: str, entity_ids: Iterable[str], wanted: int | None, signature: str = ""
) -> EntityMap:
    """A new map of entities that are held here."""
    return await keep_sources(ports, tenant, dict.fromkeys(entity_ids, (LOCAL,)), {}, wanted, signature)


async def keep_sources(
    ports: Ports,
    tenant: str,
    sources: Mapping[str, Sequence[str]],
    linked: Mapping[str, str],
    wanted: int | None,
    signature: str = "",
) -> EntityMap:
    """A new map; the arguments are the members of EntityMap."""
    expires_at = ports.clock.now() + lifetime(wanted)
    made = EntityMap(f"urn:ngsi-ld:EntityMap:{uuid4()}", expires_at, sources, linked, signature)
    await _store(ports).create(tenant, made)
    return made


async def find_entity_map(ports: Ports, tenant: str, map_id: str) -> EntityMap | None:
    """The map, unless it is gone or past its time: then a request makes a new one (clause 5.5.14)."""
    found = await _store(ports).get(tenant, map_id)
    return None if found is None or found.expires_at <= ports.clock.now() else found


async def retrieve_entity_map(ports: Ports, tenant: str, map_id: str) -> EntityMap:
    """Clause 5.14.1. Raises BadRequestData, ResourceNotFound."""
    _check_id(map_id)
    await require_tenant(ports, tenant)
    found = await find_entity_map(ports, tenant, map_id)
    if found is None:
        raise _no_such_map(map_id)
    return found


async def update_entity_map(ports: Ports, tenant: str, map_id: str, fragment: Mapping[str, Any]) -> EntityMap:
    """Clause 5.14.2: the map as it is now. Only the expiry can be changed. Raises BadRequestData, ResourceNotFound."""
    found = await retrieve_entity_map(ports, tenant, map_id)
    expires_at = read_expiry(fragment, map_id, ports.clock.now())
    if expires_at is None:
        return found
    if not await _store(ports).set_expiry(tenant, map_id, expires_at):
        raise _no_such_map(map_id)
    return replace(found, expires_at=expires_at)


async def delete_entity_map(ports: Ports, tenant: str, map_id: str) -> EntityMap:
    """Clause 5.14.3: the map as it was. Raises BadRequestData, ResourceNotFound."""
    found = await retrieve_entity_map(ports, tenant, map_id)
    if not await _store(ports).delete(tenant, map_id):
        raise _no_such_map(map_id)
    return found


async def drop_entities(ports: Ports, tenant: str, entity_map: EntityMap, entity_ids: Sequence[str]) -> None:
    """Take out of a map what does not match its query any more (clauses 4.3.6.7, 5.5.14)."""
    if entity_ids:
        await _store(ports).drop(tenant, entity_map.id, entity_ids)


async def link_maps(ports: Ports, tenant: str, entity_map: EntityMap, linked: Mapping[str, str]) -> None:
    """Note the maps that sources use from now on (clause 5.7.1.4)."""
    if linked != entity_map.linked:
        await _store(ports).link(tenant, entity_map.id, linked)


def within(query: EntityQuery, entity_map: EntityMap) -> EntityQuery:
    """The query limited to the entities of a map that are held here."""
    listed = [each for each, sources in entity_map.sources.items() if LOCAL in sources]
    selectors = query.selectors or (EntitySelector(),)
    limited: list[EntitySelector] = []
    for selector in selectors:
        wanted = frozenset(selector.ids)
        ids = tuple(each for each in listed if each in wanted) if selector.ids else tuple(listed)
        if ids:
            limited.append(replace(selector, ids=ids))
    return replace(query, selectors=tuple(limited) or (replace(selectors[0], ids=(_NOBODY,)),))


_NOBODY = "urn:ngsi-ld:null"
"""No entity has this id: it stands for deletion (clause 4.5.0)."""


def _check_id(map_id: str) -> None:
    if not is_iri(map_id):
        raise BadRequestData(f"{map_id[:200]!r} is no entity map's id: it has to be a URI.")


def _no_such_map(map_id: str) -> ResourceNotFound:
    return ResourceNotFound(f"There is no entity map {map_id} here, or it has expired.")


def _store(ports: Ports) -> EntityMapStore:
    if ports.entity_maps is None:
        raise OperationNotSupported("This broker keeps no entity maps.")
    return ports.entity_maps
