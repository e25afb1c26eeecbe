"""Stores entities in the broker, however long that takes, without letting one of them block the rest."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias, TypeVar

from agents.core.errors import BrokerUnavailable
from agents.operations.backoff import Backoff
from agents.operations.ports import ContextBroker
from agents.operations.tally import Tally

FAILURES_BEFORE_SINGLES = 5
"""Failures of a batch after which its entities are tried one by one: one of them may make the broker fail."""

FAILURES_ALONE = 12
"""Failures (some four minutes) after which an entity that came alone is given up, so that those behind it go on."""


Remaining: TypeAlias = Callable[[Sequence[dict[str, Any]], bool], Awaitable[Sequence[dict[str, Any]]]]
_Answer = TypeVar("_Answer")


class Forwarder:
    """Retries without end while the broker is away; the messages stay in the spool meanwhile."""

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

    async def store(
        self, entities: Sequence[dict[str, Any]], tenant: str | None = None, remaining: Remaining | None = None
    ) -> dict[str, str]:
        """Store entities; returns the reasons for those that the broker refused, by id.

        Args:
            remaining: Asked after a failure, and told whether it leaves open what was stored; gives what to send again.
        """
        backoff = self._backoff()
        while entities:
            try:
                refused = await self._broker.upsert(entities, tenant)
            except BrokerUnavailable as away:
                self._failed(away)
                if away.answered and (settled := await self._settle(entities, tenant, backoff.attempts)) is not None:
                    return settled
                await asyncio.sleep(backoff.next())
                if remaining is not None:
                    entities = await remaining(entities, away.doubtful)
            else:
                self._tally.count("batches")
                return refused
        return {}

    async def retry(self, request: Callable[[], Awaitable[_Answer]]) -> _Answer:
        """Ask the broker something, until it answers."""
        backoff = self._backoff()
        while True:
            try:
                return await request()
            except BrokerUnavailable as away:
                self._failed(away)
            await asyncio.sleep(backoff.next())

    def _failed(self, away: BrokerUnavailable) -> None:
        self._tally.count("broker_failures")
        self._on_unavailable(away.detail)

    async def _settle(
        self, entities: Sequence[dict[str, Any]], tenant: str | None, attempts: int
    ) -> dict[str, str] | None:
        """Look for entities over which the broker fails; `None` where it is too early or there is none to blame."""
        if len(entities) > 1:
            return await self._one_by_one(entities, tenant) if attempts >= FAILURES_BEFORE_SINGLES else None
        if attempts < FAILURES_ALONE:
            return None
        return {entities[0]["id"]: "the broker fails over this entity"}

    async def _one_by_one(self, entities: Sequence[dict[str, Any]], tenant: str | None) -> dict[str, str] | None:
        """Try each alone; `None` where the failures cannot be laid on single entities."""
        refused: dict[str, str] = {}
        failed: list[dict[str, Any]] = []
        witness: dict[str, Any] | None = None
        for entity in entities:
            if await self._fails(entity, tenant, refused):
                failed.append(entity)
            elif entity["id"] not in refused:
                witness = entity
        if witness is None:
            return None
        for entity in failed:
            # Refused for good only if it fails again and the broker takes another entity right after.
            if await self._fails(entity, tenant, refused):
                if await self._fails(witness, tenant, refused):
                    return None
                refused[entity["id"]] = "the broker fails over this entity"
        return refused

    async def _fails(self, entity: dict[str, Any], tenant: str | None, refused: dict[str, str]) -> bool:
        try:
            refused.update(await self._broker.upsert([entity], tenant))
        except BrokerUnavailable:
            return True
        return False
