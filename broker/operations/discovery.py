"""Which types and attributes are in use (clauses 5.7.5 to 5.7.10). In IRIs, sorted, so that answers are stable.

Beside what is here, what registrations say that sources may have (clause 5.7.11), of which neither the kinds of
attributes nor counts are known; with `local` what is here alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from broker.core.federate.registered import registered_names
from broker.core.model.errors import ResourceNotFound
from broker.core.ql.ast import EntityQuery, EntitySelector, PageRequest
from broker.core.ql.types import TypeSelection
from broker.operations.ports import Ports
from broker.operations.tenancy import require_tenant


@dataclass(frozen=True, slots=True)
class TypeInfo:
    """An entity type (clauses 5.2.25, 5.2.26): its attributes, each with the kinds found; `count` in entities."""

    iri: str
    attributes: dict[str, list[str]]
    count: int | None = None


@dataclass(frozen=True, slots=True)
class AttributeInfo:
    """An attribute (clause 5.2.28): the kinds found, the types of entities that have it; `count` in entities."""

    iri: str
    kinds: list[str]
    types: list[str]
    count: int | None = None


async def entity_types(ports: Ports, tenant: str, *, local: bool = False) -> list[str]:
    """Clause 5.7.5: the IRIs of all entity types."""
    return sorted(await _in_use(ports, tenant, local))


async def entity_type_details(ports: Ports, tenant: str, *, local: bool = False) -> list[TypeInfo]:
    """Clause 5.7.6: all entity types, without counts."""
    found = await _in_use(ports, tenant, local)
    return [TypeInfo(iri, _kinds(found[iri])) for iri in sorted(found)]


async def entity_type_info(ports: Ports, tenant: str, type_iri: str, *, local: bool = False) -> TypeInfo:
    """Clause 5.7.7: one entity type. Raises ResourceNotFound where no entity has it."""
    found = await _in_use(ports, tenant, local)
    if type_iri not in found:
        raise ResourceNotFound(f"No entity here has the type {type_iri}.")
    query = EntityQuery(selectors=(EntitySelector(types=TypeSelection(((type_iri,),))),))
    return TypeInfo(type_iri, _kinds(found[type_iri]), await _count(ports, tenant, query))


async def attributes(ports: Ports, tenant: str, *, local: bool = False) -> list[str]:
    """Clause 5.7.8: the IRIs of all attributes."""
    found = await _in_use(ports, tenant, local)
    return sorted({iri for of_type in found.values() for iri in of_type})


async def attribute_details(ports: Ports, tenant: str, *, local: bool = False) -> list[AttributeInfo]:
    """Clause 5.7.9: all attributes, without counts."""
    found = await _in_use(ports, tenant, local)
    return [_attribute(found, iri) for iri in sorted({iri for of_type in found.values() for iri in of_type})]


async def attribute_info(ports: Ports, tenant: str, attribute_iri: str, *, local: bool = False) -> AttributeInfo:
    """Clause 5.7.10: one attribute. Raises ResourceNotFound where no entity has it."""
    info = _attribute(await _in_use(ports, tenant, local), attribute_iri)
    if not info.types:
        raise ResourceNotFound(f"No entity here has the attribute {attribute_iri}.")
    count = await _count(ports, tenant, EntityQuery(attributes=(attribute_iri,)))
    return AttributeInfo(attribute_iri, info.kinds, info.types, count)


async def _in_use(ports: Ports, tenant: str, local: bool) -> dict[str, dict[str, set[str]]]:
    await require_tenant(ports, tenant)
    found = await ports.entities.count_types(tenant)
    index = None if local or ports.federation is None else ports.federation.registry.of(tenant)
    if index is None:
        return found
    merged = {name: dict(attributes) for name, attributes in found.items()}
    for name, registered in registered_names(index, ports.clock.now()).items():
        attributes = merged.setdefault(name, {})
        for attribute in registered:
            attributes.setdefault(attribute, set())
    return merged


async def _count(ports: Ports, tenant: str, query: EntityQuery) -> int:
    page = await ports.entities.find(tenant, query, PageRequest(limit=0, count=True))
    return page.total or 0


def _kinds(of_type: dict[str, set[str]]) -> dict[str, list[str]]:
    return {iri: _sorted(of_type[iri]) for iri in sorted(of_type)}


def _attribute(found: dict[str, dict[str, set[str]]], iri: str) -> AttributeInfo:
    having = [name for name, of_type in found.items() if iri in of_type]
    return AttributeInfo(iri, _sorted(kind for name in having for kind in found[name][iri]), sorted(having))


def _sorted(kinds: Iterable[str]) -> list[str]:
    return sorted(set(kinds))
