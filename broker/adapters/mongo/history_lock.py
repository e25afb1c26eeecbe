"""One at a time on the history of an entity: what moves, changes or deletes samples that are there already.

Recording and reading need no lock. The lock is a document with an end, so that it outlives no process for long; what
it guards takes milliseconds, and may be done again after a crash.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pymongo.errors import DuplicateKeyError

from broker.adapters.mongo.client import Database
from broker.core.model.errors import Unavailable

_LEASE = 120.0
"""Seconds after which a lock whose holder is gone is free; the longest work takes a few."""
_PATIENCE = 20.0
"""Seconds for which a request waits for the lock."""


@asynccontextmanager
async def locked(database: Database, entity_id: str, patience: float = _PATIENCE) -> AsyncIterator[None]:
    """Hold the lock of an entity's history. Raises Unavailable where another one holds it all the time."""
    token, locks = secrets.token_hex(8), database["historyLocks"]
    deadline = time.monotonic() + patience
    while True:
        now = time.time()
        try:
            free = {"_id": entity_id, "until": {"$lt": now}}
            await locks.update_one(free, {"$set": {"until": now + _LEASE, "holder": token}}, upsert=True)
            break
        except DuplicateKeyError:
            if time.monotonic() > deadline:
                raise Unavailable(f"The history of {entity_id} is being changed; try again in a few seconds.") from None
            await asyncio.sleep(0.02)
    try:
        yield
    finally:
        await locks.delete_one({"_id": entity_id, "holder": token})
