"""Consuming entities (clauses 5.7.1, 5.7.2)."""

from broker.core.model.draft import no_such_entity
from broker.core.model.entity import Entity
from broker.core.model.errors import BadRequestData
from broker.core.model.expiry import live
from broker.core.model.instant import Instant
from broker.core.ql.ast import EntityQuery, PageRequest
from broker.core.ql.evaluate import satisfies
from broker.core.ql.nodes import And, Linked, Not, Or, QNode, link_depth
from broker.operations.ports import EntityPage, Ports
from broker.operations.tenancy import require_tenant


async def retrieve_entity(ports: Ports, tenant: str, entity_id: str) -> Entity:
    """Clause 5.7.1. Raises ResourceNotFound for an entity that is absent or expired."""
    await require_tenant(ports, tenant)
    entity = live(await ports.entities.get(tenant, entity_id), ports.clock.now())
    if entity is None:
        raise no_such_entity(entity_id)
    return entity


async def query_entities(
    ports: Ports, tenant: str, query: EntityQuery, page: PageRequest, *, local: bool = False
) -> EntityPage:
    """Clause 5.7.2. `local`: the request is limited to local scope, so any query will do.

    Raises:
        BadRequestData: the query selects too widely (no type, attribute, `q` or geoquery).
    """
    await require_tenant(ports, tenant)
    refuse_too_wide(query, local=local)
    found = await ports.entities.find(tenant, query, page)
    now = ports.clock.now()
    return EntityPage(_still_satisfying(found.entities, query, now), found.total, found.more)


def _still_satisfying(entities: list[Entity], query: EntityQuery, now: Instant) -> list[Entity]:
    """Without what has expired but is not removed yet (clause 4.22), and what was found because of that alone."""
    kept: list[Entity] = []
    for entity in entities:
        shown = live(entity, now)
        if shown is entity:
            kept.append(entity)
        elif shown is not None and (link_depth(query.q) or satisfies(shown, query)):
            kept.append(shown)
    return kept


def refuse_too_wide(query: EntityQuery, *, local: bool) -> None:
    """Clause 5.7.2.4: something besides ids and scopes has to narrow a query that is not limited to local scope.

    Selectors are alternatives, so each one needs its types where nothing else narrows. A `q` counts when it names an
    attribute, not only members that every entity has.

    Raises:
        BadRequestData: nothing does.
    """
    if local or query.attributes or query.geo is not None:
        return
    if query.q is not None and _names_attribute(query.q):
        return
    if not query.selectors or any(selector.types is None for selector in query.selectors):
        raise BadRequestData("The query is too wide. Give at least one of type, attrs, q, or georel with a geometry.")


def _names_attribute(node: QNode) -> bool:
    match node:
        case And(terms) | Or(terms):
            return any(_names_attribute(term) for term in terms)
        case Not(term):
            return _names_attribute(term)
        case Linked():
            return True
        case _:
            return bool(node.path.attributes)
