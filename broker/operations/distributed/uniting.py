"""Putting the parts of entities together before a subscription's filters decide (clauses 5.8.6, 4.3.6.7)."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from broker.core.federate.index import RegistrationIndex
from broker.core.federate.merge import LOCAL, merge_versions
from broker.core.model.change import Change, Trigger
from broker.core.model.entity import Entity
from broker.core.ql.ast import EntitySelector, PageRequest
from broker.core.ql.types import TypeSelection
from broker.core.subscribe.subscription import Subscription
from broker.operations.distributed.asking import Inquiry
from broker.operations.distributed.reads import query, retrieve
from broker.operations.federation import Federation, Origin
from broker.operations.map_pages import limited_to
from broker.operations.ports import Ports

_AT_ONCE = 16
"""Entities of one notification that sources are asked for at the same time: half of a source's connections."""


async def united(ports: Ports, tenant: str, subscription: Subscription, changes: Sequence[Change]) -> list[Change]:
    """The changes with entities put together from all their parts, as far as the subscription's filters accept them.

    A deletion stays what it is: there is nothing left to filter. Raises what the store raises.
    """
    permits = asyncio.Semaphore(_AT_ONCE)

    async def unite(change: Change) -> Change:
        if change.trigger is Trigger.ENTITY_DELETED:
            return change
        async with permits:
            return replace(change, entity=await _united(ports, tenant, subscription, change))

    whole = subscription.whole
    if whole is None:
        return list(changes)
    found = await asyncio.gather(*map(unite, changes))
    return [each for each in found if each.trigger is Trigger.ENTITY_DELETED or whole(each.entity)]


async def united_entities(
    ports: Ports, tenant: str, subscription: Subscription, entities: Sequence[Entity]
) -> list[Entity]:
    """Entities held here, put together with the parts that sources have, as far as the filters accept them.

    Each source is asked for all of them together. Raises what the store raises, and TooManyResults beyond what can be
    put together.
    """
    whole, federation = subscription.whole, ports.federation
    index = None if federation is None else federation.registry.of(tenant)
    limited = limited_to(subscription.query, [each.id for each in entities])
    if federation is None or index is None or limited is None:
        return [each for each in entities if whole is None or whole(each)]
    inquiry = await _inquiry(ports, federation, tenant, index, subscription)
    found, _ = await query(inquiry, limited, PageRequest(len(entities)), frozenset(), {}, splits=True)
    return found.entities


async def _inquiry(
    ports: Ports, federation: Federation, tenant: str, index: RegistrationIndex, subscription: Subscription
) -> Inquiry:
    """What is needed to ask sources on behalf of a subscription."""
    context = subscription.context
    nameable = context if context.link is not None else await ports.loader.load(None)
    return Inquiry(ports, federation, tenant, index, Origin(None, {}, nameable), context)


async def _united(ports: Ports, tenant: str, subscription: Subscription, change: Change) -> Entity:
    entity, federation = change.entity, ports.federation
    types = TypeSelection(tuple((name,) for name in entity.types))
    index = None if federation is None else _others(federation, tenant, entity, types, change.source)
    if federation is None or index is None:
        local = await ports.entities.get(tenant, entity.id) if change.source else None
        other = local
    else:
        inquiry = await _inquiry(ports, federation, tenant, index, subscription)
        other, _ = await retrieve(inquiry, entity.id, types, frozenset(), ())
    if other is None:
        return entity
    return merge_versions({LOCAL: other, change.source or "told": entity}, {}, ports.clock.now()) or entity


def _others(
    federation: Federation, tenant: str, entity: Entity, types: TypeSelection, source: str
) -> RegistrationIndex | None:
    """The registrations that may have more of the entity, without that of the source that told of it."""
    known = federation.registry.of(tenant)
    if known is None:
        return None
    others = RegistrationIndex()
    for registration in known.candidates((EntitySelector((entity.id,), None, types),)):
        if registration.id != source:
            others.put(registration)
    return others if len(others) else None
