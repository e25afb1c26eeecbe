"""Purge Entities (clause 5.6.21): delete what a query finds, or some attributes of it."""

from collections.abc import Collection, Sequence
from functools import partial

from broker.core.model.errors import BadRequestData, ResourceNotFound
from broker.core.model.patch import delete, purge_attributes
from broker.core.ql.ast import EntityQuery, PageRequest
from broker.core.ql.nodes import link_depth
from broker.operations.batch import commit
from broker.operations.ports import EntityWrite, Ports
from broker.operations.query import refuse_too_wide
from broker.operations.results import BatchResult
from broker.operations.tenancy import require_tenant

_CHUNK = 1_000
"""Entities looked up, then written, at a time: as many as the store commits in one group."""


async def purge_entities(
    ports: Ports,
    tenant: str,
    query: EntityQuery,
    *,
    drop: Collection[str] | None = None,
    keep: Collection[str] | None = None,
    local: bool = False,
) -> BatchResult:
    """Delete the entities found; with `drop` only these attribute IRIs of them, with `keep` all but these.

    All are found first, so that what is taken away does not change what is found. An entity that somebody else deleted
    in between is no error. `local`: the request is limited to local scope, so any query will do.

    Raises:
        BadRequestData: the query selects too widely (no type, attribute, `q` or geoquery), or follows links.
    """
    await require_tenant(ports, tenant)
    refuse_too_wide(query, local=local)
    if link_depth(query.q):
        raise BadRequestData("A purge cannot look at linked entities; select by attributes of the entity itself.")
    found = await _matching(ports, tenant, query)
    now = ports.clock.now()
    plain = drop is None and keep is None
    rule = partial(delete, now=now) if plain else partial(purge_attributes, now=now, drop=drop, keep=keep)
    result = BatchResult()
    for start in range(0, len(found), _CHUNK):
        chunk = found[start : start + _CHUNK]
        part = await commit(ports, tenant, [EntityWrite(each, partial(rule, entity_id=each)) for each in chunk])
        result.updated += part.updated
        result.errors += [failed for failed in part.errors if not isinstance(failed[1], ResourceNotFound)]
    return result


async def _matching(ports: Ports, tenant: str, query: EntityQuery) -> Sequence[str]:
    found: list[str] = []
    more = True
    while more:
        page = await ports.entities.find(tenant, query, PageRequest(_CHUNK, len(found)))
        found += [entity.id for entity in page.entities]
        more = page.more and bool(page.entities)
    return found
