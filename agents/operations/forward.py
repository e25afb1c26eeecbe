"""Stores entities in the broker, however long that takes, without letting one of them block the rest."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from agents.core.errors import BrokerUnavailable
from agents.operations.backoff import Backoff
from agents.operations.ports import ContextBroker
from agents.operations.tally import Tally

FAILURES_BEFORE_SINGLES = 5
"""Failures of a batch after which its entities are tried one by one: one of them may make the broker fail."""


class Forwarder:
    """Retries without end while the broker is away; the messages stay unacknowledged meanwhile."""

    def __init__(
        self,
        broker: ContextBroker,
        tally: Tally,
        *,
        backoff: Callable[[], Backoff] = Backoff,
        on_unavailable: Callable[[str], None] = lambda detail: None,
    ) -> None:
        self._broker = broker
        self._tally = tally
        self._backoff = backoff
        self._on_unavailable = on_unavailable

    async def store(self, entities: Sequence[dict[str, Any]]) -> dict[str, str]:
        """Store entities, each id once; returns the reasons for those that the broker refused."""
        backoff = self._backoff()
        while True:
            try:
                refused = await self._broker.upsert(entities)
            except BrokerUnavailable as away:
                self._tally.count("broker_failures")
                self._on_unavailable(away.detail)
            else:
                self._tally.count("batches")
                return refused
            if len(entities) > 1 and backoff.attempts >= FAILURES_BEFORE_SINGLES:
                singly = await self._one_by_one(entities)
                if singly is not None:
                    return singly
            await asyncio.sleep(backoff.next())

    async def _one_by_one(self, entities: Sequence[dict[str, Any]]) -> dict[str, str] | None:
        """Try each alone; `None` when none went through, for then it is the broker and not an entity."""
        refused: dict[str, str] = {}
        stored = 0
        for entity in entities:
            try:
                refused.update(await self._broker.upsert([entity]))
                stored += 1
            except BrokerUnavailable as failure:
                if not stored and len(refused) >= FAILURES_BEFORE_SINGLES:
                    return None
                refused[entity["id"]] = f"the broker fails over this entity: {failure.detail}"
        return refused if stored else None
