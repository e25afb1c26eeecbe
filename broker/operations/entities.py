"""Providing single entities and attributes (clauses 5.6.1 to 5.6.6, 5.6.17 to 5.6.19).

Every operation but creation raises NonexistentTenant for a tenant that is not there, and ResourceNotFound for an entity
or attribute that is not there. Errors of the rules of change are those that `broker.core.model.patch*` documents.
"""

from broker.core.model.change import Change
from broker.core.model.entity import Entity, Instance
from broker.core.model.instant import Instant
from broker.core.model.patch import create, delete, replace
from broker.core.model.patch_attribute import delete_attribute as delete_instance
from broker.core.model.patch_attribute import partial_update
from broker.core.model.patch_attribute import replace_attribute as replace_instances
from broker.core.model.patch_merge import PLAIN, MergeOptions, merge
from broker.core.model.patch_update import append, update
from broker.operations.ports import EntityWrite, Mutation, Ports
from broker.operations.results import UpdateResult, append_result, patch_result, update_result
from broker.operations.tenancy import require_tenant


async def create_entity(ports: Ports, tenant: str, entity: Entity) -> Change:
    """Clause 5.6.1; creates the tenant, too. Raises AlreadyExists."""
    await ports.tenants.ensure(tenant)
    now = ports.clock.now()
    write = EntityWrite(entity.id, lambda current: create(current, entity, now), creates=True)
    return await ports.entities.write(tenant, write)


async def replace_entity(ports: Ports, tenant: str, entity_id: str, entity: Entity) -> Change:
    """Clause 5.6.18."""
    now = ports.clock.now()
    return await _write(ports, tenant, entity_id, lambda current: replace(current, entity_id, entity, now))


async def merge_entity(
    ports: Ports,
    tenant: str,
    entity_id: str,
    fragment: Entity,
    *,
    observed_at: Instant | None = None,
    lang: str | None = None,
    simplified: bool = False,
) -> UpdateResult:
    """Clause 5.6.17. `simplified`: the fragment came in simplified form, so existing attributes keep their type."""
    now = ports.clock.now()
    options = PLAIN
    if simplified or lang is not None or observed_at is not None:
        options = MergeOptions(observed_at, lang, simplified)
    change = await _write(ports, tenant, entity_id, lambda current: merge(current, entity_id, fragment, now, options))
    return update_result(change)


async def update_attributes(ports: Ports, tenant: str, entity_id: str, fragment: Entity) -> UpdateResult:
    """Clause 5.6.2."""
    now = ports.clock.now()
    change = await _write(ports, tenant, entity_id, lambda current: update(current, entity_id, fragment, now))
    return patch_result(fragment, change) if fragment.scopes else update_result(change)


async def append_attributes(
    ports: Ports, tenant: str, entity_id: str, fragment: Entity, *, overwrite: bool = True
) -> UpdateResult:
    """Clause 5.6.3."""
    now = ports.clock.now()
    change = await _write(
        ports, tenant, entity_id, lambda current: append(current, entity_id, fragment, now, overwrite=overwrite)
    )
    return update_result(change) if overwrite else append_result(fragment, change)


async def partial_update_attribute(
    ports: Ports, tenant: str, entity_id: str, attribute_iri: str, instances: list[Instance]
) -> Change:
    """Clause 5.6.4."""
    now = ports.clock.now()
    return await _write(
        ports, tenant, entity_id, lambda current: partial_update(current, entity_id, attribute_iri, instances, now)
    )


async def replace_attribute(
    ports: Ports, tenant: str, entity_id: str, attribute_iri: str, instances: list[Instance]
) -> Change:
    """Clause 5.6.19."""
    now = ports.clock.now()
    return await _write(
        ports, tenant, entity_id, lambda current: replace_instances(current, entity_id, attribute_iri, instances, now)
    )


async def delete_attribute(
    ports: Ports,
    tenant: str,
    entity_id: str,
    attribute_iri: str,
    dataset_id: str | None = None,
    delete_all: bool = False,
) -> Change:
    """Clause 5.6.5. Without `dataset_id` the default instance goes, with `delete_all` every instance."""
    now = ports.clock.now()
    return await _write(
        ports,
        tenant,
        entity_id,
        lambda current: delete_instance(
            current, entity_id, attribute_iri, now, dataset_id=dataset_id, delete_all=delete_all
        ),
    )


async def delete_entity(ports: Ports, tenant: str, entity_id: str) -> Change:
    """Clause 5.6.6."""
    now = ports.clock.now()
    return await _write(ports, tenant, entity_id, lambda current: delete(current, entity_id, now))


async def _write(ports: Ports, tenant: str, entity_id: str, mutation: Mutation) -> Change:
    await require_tenant(ports, tenant)
    return await ports.entities.write(tenant, EntityWrite(entity_id, mutation))
