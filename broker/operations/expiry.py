"""The end of transient entities (clause 4.22)."""

from broker.core.model.change import Change, Trigger
from broker.core.model.draft import no_such_entity
from broker.core.model.entity import Entity
from broker.core.model.instant import Instant
from broker.operations.ports import EntityWrite, Mutation, Ports

_AT_ONCE = 1_000
"""Entities removed in one go."""


async def remove_expired(ports: Ports, tenant: str) -> int:
    """Remove entities past their time, as a deletion that subscribers hear of; how many there were."""
    now = ports.clock.now()
    expired = await ports.entities.expired(tenant, _AT_ONCE)
    if not expired:
        return 0
    outcomes = await ports.entities.write_many(tenant, [EntityWrite(each, _ending(each, now)) for each in expired])
    return sum(isinstance(each, Change) for each in outcomes)


def _ending(entity_id: str, now: Instant) -> Mutation:
    """A deletion unless the entity was renewed meanwhile."""

    def mutation(current: Entity | None) -> Change:
        if current is None or not current.is_expired(now):
            raise no_such_entity(entity_id)
        triggers = dict.fromkeys(current.attributes, Trigger.ATTRIBUTE_DELETED)
        gone = current.with_(deleted_at=now)
        return Change(Trigger.ENTITY_DELETED, gone, now, triggers, dict(current.attributes), current)

    return mutation
