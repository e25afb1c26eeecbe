"""Batches (clauses 5.6.7 to 5.6.10, 5.6.20): each entity succeeds or fails on its own, in one call to the store.

The same id may come several times; such entries apply in their order (clause 5.5.11). All get the same instant.
An empty batch raises BadRequestData.
"""

from collections.abc import Sequence
from functools import partial

from broker.core.model.change import Change, Trigger
from broker.core.model.entity import Entity
from broker.core.model.errors import AlreadyExists, BadRequestData, NgsiLdError
from broker.core.model.instant import Instant
from broker.core.model.patch import create, create_or_replace, delete
from broker.core.model.patch_merge import PLAIN, MergeOptions, merge
from broker.core.model.patch_update import append, create_or_update
from broker.operations.ports import EntityWrite, Ports
from broker.operations.results import REFUSED_OVERWRITE, BatchResult, append_result
from broker.operations.tenancy import require_tenant


async def batch_create(ports: Ports, tenant: str, entities: Sequence[Entity]) -> BatchResult:
    """Clause 5.6.7; creates the tenant, too."""
    _refuse_empty(entities)
    await ports.tenants.ensure(tenant)
    now = ports.clock.now()
    writes = [EntityWrite(each.id, partial(create, entity=each, now=now), creates=True) for each in entities]
    return await commit(ports, tenant, writes)


async def batch_upsert(ports: Ports, tenant: str, entities: Sequence[Entity], *, update: bool = False) -> BatchResult:
    """Clause 5.6.8: entities that exist are replaced, or updated with `update`. Creates the tenant, too."""
    _refuse_empty(entities)
    await ports.tenants.ensure(tenant)
    now = ports.clock.now()
    rule = partial(create_or_update, now=now) if update else partial(create_or_replace, now=now)
    return await commit(ports, tenant, [EntityWrite(each.id, partial(rule, entity=each)) for each in entities])


async def batch_update(
    ports: Ports, tenant: str, fragments: Sequence[Entity], *, overwrite: bool = True
) -> BatchResult:
    """Clause 5.6.9. NGSI-LD Nulls delete where overwriting is allowed."""
    _refuse_empty(fragments)
    await require_tenant(ports, tenant)
    now = ports.clock.now()
    rule = partial(append, now=now, overwrite=overwrite, allow_null=overwrite)
    writes = [EntityWrite(each.id, partial(rule, entity_id=each.id, fragment=each)) for each in fragments]
    outcomes = await ports.entities.write_many(tenant, writes)
    if not overwrite:
        outcomes = [_complete(fragment, each) for fragment, each in zip(fragments, outcomes, strict=True)]
    return _sorted(writes, outcomes)


async def batch_merge(
    ports: Ports,
    tenant: str,
    fragments: Sequence[Entity],
    *,
    observed_at: Instant | None = None,
    lang: str | None = None,
    simplified: bool = False,
) -> BatchResult:
    """Clause 5.6.20, with the options of `broker.operations.entities.merge_entity`."""
    _refuse_empty(fragments)
    await require_tenant(ports, tenant)
    plain = observed_at is None and lang is None and not simplified
    options = PLAIN if plain else MergeOptions(observed_at, lang, simplified)
    rule = partial(merge, now=ports.clock.now(), options=options)
    return await commit(
        ports, tenant, [EntityWrite(each.id, partial(rule, entity_id=each.id, fragment=each)) for each in fragments]
    )


async def batch_delete(ports: Ports, tenant: str, entity_ids: Sequence[str]) -> BatchResult:
    """Clause 5.6.10; the ids deleted are in `updated`."""
    _refuse_empty(entity_ids)
    await require_tenant(ports, tenant)
    rule = partial(delete, now=ports.clock.now())
    return await commit(ports, tenant, [EntityWrite(each, partial(rule, entity_id=each)) for each in entity_ids])


async def commit(ports: Ports, tenant: str, writes: Sequence[EntityWrite]) -> BatchResult:
    """Send writes to the store together, and sort what became of them."""
    return _sorted(writes, await ports.entities.write_many(tenant, writes))


def _complete(fragment: Entity, outcome: Change | NgsiLdError) -> Change | NgsiLdError:
    """What an append without overwriting came to: an error where it left attributes of the fragment out."""
    if isinstance(outcome, NgsiLdError):
        return outcome
    refused = [iri for iri, _ in append_result(fragment, outcome).not_updated]
    if not refused:
        return outcome
    return AlreadyExists(f"{REFUSED_OVERWRITE} Not appended: {', '.join(refused)}. The others were.")


def _sorted(writes: Sequence[EntityWrite], outcomes: Sequence[Change | NgsiLdError]) -> BatchResult:
    result = BatchResult()
    for write, outcome in zip(writes, outcomes, strict=True):
        if isinstance(outcome, NgsiLdError):
            result.errors.append((write.entity_id, outcome))
        elif outcome.trigger is Trigger.ENTITY_CREATED:
            result.created.append(write.entity_id)
        else:
            result.updated.append(write.entity_id)
    return result


def _refuse_empty(items: Sequence[object]) -> None:
    if not items:
        raise BadRequestData("The batch is empty; send an array of at least one element.")
