"""Providing the temporal evolution of entities (clauses 5.6.11 to 5.6.16).

Histories are changed without touching current entities. Every operation but `upsert_evolution` raises
NonexistentTenant for a tenant that is not there, and ResourceNotFound for what is not there.
"""

from broker.core.model.draft import SCOPE
from broker.core.model.entity import Attributes, Entity, Instance
from broker.core.model.errors import OperationNotSupported, ResourceNotFound
from broker.core.model.instances import stored
from broker.core.model.instant import Instant
from broker.core.temporal.evolution import Demand, Evolution, excerpt
from broker.core.temporal.sample import deleted, parse_instance_id, scope_instance
from broker.operations.ports import Ports, TemporalStore
from broker.operations.tenancy import require_tenant


async def upsert_evolution(ports: Ports, tenant: str, entity: Entity) -> bool:
    """Clause 5.6.11; creates the tenant, too. Whether the evolution is new."""
    await ports.tenants.ensure(tenant)
    now = ports.clock.now()
    return await store_of(ports).add(tenant, entity.with_(attributes=_stamped(entity.attributes, now)), now)


async def add_attributes(ports: Ports, tenant: str, entity_id: str, fragment: Entity) -> None:
    """Clause 5.6.12."""
    known = await _require(ports, tenant, entity_id)
    now = ports.clock.now()
    types = fragment.types or known.types
    added = Entity(entity_id, types, _stamped(fragment.attributes, now))
    await store_of(ports).add(tenant, added, now)


async def delete_attribute(
    ports: Ports, tenant: str, entity_id: str, attribute_iri: str, dataset_id: str | None, *, delete_all: bool
) -> None:
    """Clause 5.6.13. Without `dataset_id` the default instances go, with `delete_all` those of all datasets."""
    await _require(ports, tenant, entity_id)
    if not await store_of(ports).delete_attribute(tenant, entity_id, attribute_iri, dataset_id, every=delete_all):
        raise ResourceNotFound(f"The history of {entity_id} has no such instances of attribute {attribute_iri}.")


async def modify_instance(
    ports: Ports, tenant: str, entity_id: str, attribute_iri: str, instance_id: str, instance: Instance
) -> None:
    """Clause 5.6.14."""
    await _require(ports, tenant, entity_id)
    key = parse_instance_id(instance_id)
    new = stored(instance, ports.clock.now())
    if key is None or not await store_of(ports).replace_instance(tenant, entity_id, attribute_iri, key, new):
        raise _no_such_instance(entity_id, attribute_iri, instance_id)


async def delete_instance(ports: Ports, tenant: str, entity_id: str, attribute_iri: str, instance_id: str) -> None:
    """Clause 5.6.15."""
    await _require(ports, tenant, entity_id)
    key = parse_instance_id(instance_id)
    if key is None or not await store_of(ports).delete_instance(tenant, entity_id, attribute_iri, key):
        raise _no_such_instance(entity_id, attribute_iri, instance_id)


async def delete_evolution(ports: Ports, tenant: str, entity_id: str) -> None:
    """Clause 5.6.16. The current entity, if there is one, stays."""
    await require_tenant(ports, tenant)
    if not await store_of(ports).delete_entity(tenant, entity_id):
        raise no_such_evolution(entity_id)


async def end_attribute(
    ports: Ports, tenant: str, entity_id: str, attribute_iri: str, dataset_id: str | None, *, delete_all: bool
) -> bool:
    """Record that an attribute was deleted (clause 5.6.5) of an entity that is known by its history alone.

    Whether there is such an entity with such an attribute. A current entity, or one that was deleted, is none.
    """
    if ports.history is None or await ports.entities.get(tenant, entity_id) is not None:
        return False
    known = await ports.history.about(tenant, entity_id)
    if known is None or known.deleted_at is not None:
        return False
    await ports.history.load(tenant, [known], Demand(attributes=frozenset((attribute_iri,))))
    latest: dict[str | None, Instance] = {}
    for sample in excerpt(known, Demand()).samples.get(attribute_iri, ()):
        latest[sample.instance.get("datasetId")] = sample.instance
    now = ports.clock.now()
    ended = [
        scope_instance(None, now) if attribute_iri == SCOPE else deleted(instance, now)
        for dataset, instance in latest.items()
        if "deletedAt" not in instance and (delete_all or dataset == dataset_id)
    ]
    if ended:
        await ports.history.add(tenant, Entity(entity_id, known.types, {attribute_iri: ended}), now)
    return bool(ended)


async def types_of(ports: Ports, tenant: str, entity_id: str) -> list[str]:
    """The types under which the history of an entity is known here; none where it is not."""
    known = None if ports.history is None else await ports.history.about(tenant, entity_id)
    return [] if known is None else known.types


def store_of(ports: Ports) -> TemporalStore:
    """Where histories are kept. Raises OperationNotSupported where they are not."""
    if ports.history is None:
        raise OperationNotSupported("This broker keeps no histories.")
    return ports.history


def no_such_evolution(entity_id: str) -> ResourceNotFound:
    """The error for a history that is not there."""
    return ResourceNotFound(f"There is no history of {entity_id} in this tenant. Check its id, or record it first.")


def _stamped(attributes: Attributes, now: Instant) -> Attributes:
    return {iri: [stored(each, now) for each in instances] for iri, instances in attributes.items()}


async def _require(ports: Ports, tenant: str, entity_id: str) -> Evolution:
    await require_tenant(ports, tenant)
    known = await store_of(ports).about(tenant, entity_id)
    if known is None:
        raise no_such_evolution(entity_id)
    return known


def _no_such_instance(entity_id: str, attribute_iri: str, instance_id: str) -> ResourceNotFound:
    return ResourceNotFound(f"The history of {entity_id} has no instance {instance_id[:200]} of {attribute_iri}.")
