"""The end of transient entities and attributes (clause 4.22)."""

from functools import partial

from broker.core.model.change import Change
from broker.core.model.patch import expire
from broker.operations.ports import EntityWrite, Ports

_AT_ONCE = 1_000
"""Entities looked after in one go."""


async def remove_expired(ports: Ports, tenant: str) -> int:
    """Remove what is past its time, as deletions that subscribers hear of; how many entities were concerned."""
    now = ports.clock.now()
    expired = await ports.entities.expired(tenant, _AT_ONCE)
    if not expired:
        return 0
    writes = [EntityWrite(each, partial(expire, entity_id=each, now=now)) for each in expired]
    outcomes = await ports.entities.write_many(tenant, writes)
    return sum(isinstance(each, Change) and not each.is_void for each in outcomes)
