"""Removes transient entities past their time (clause 4.22) from the database; to readers they are gone before."""

import asyncio

import structlog

from broker.core.model.errors import NgsiLdError
from broker.operations.expiry import remove_expired
from broker.operations.ports import Ports
from broker.operations.snapshots import remove_expired_snapshots

_log = structlog.get_logger("eclor.expiry")

INTERVAL = 1.5
"""Seconds between two looks: an id is free again within two seconds of its entity's end."""


async def expire(ports: Ports) -> None:
    """Look at every tenant, for ever."""
    while True:
        await asyncio.sleep(INTERVAL)
        try:
            for tenant in await ports.tenants.all():
                if count := await remove_expired(ports, tenant):
                    _log.info("expired entities removed", tenant=tenant, count=count)
                if count := await remove_expired_snapshots(ports, tenant):
                    _log.info("expired snapshots removed", tenant=tenant, count=count)
        except NgsiLdError as error:
            _log.warning("expiry waits", reason=error.detail)
