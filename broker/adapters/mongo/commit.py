"""The commit path: writes to one tenant's entities, grouped (ADR 9).

While one group is on its way to MongoDB the next one gathers, so a busy broker sends hundreds of writes in one
command and an idle one sends each at once. Where a whole group waits already, as of a batch, it does not wait for the
ones before if they have no entity in common: one is prepared while MongoDB writes the others. For each group:

1. read the entities that are not remembered, in one query;
2. run the mutations and ask which subscriptions their changes concern (`Planner`, `Notifier.match`);
3. write the entities, each only if it is still at the version that was read; those that are not go into the next round
   (`EntityWriter`);
4. record what the group changed in the history (`Recorder`, ADR 11);
5. store the changes somebody subscribed to in the outbox;
6. answer, and hand the changes over for delivery.

The last write of a group is journalled, and MongoDB's journal keeps order: what was answered is durable with all that
came before it. After a failure in between, versions tell what had reached the database, so a group is finished, not
repeated.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from pymongo.errors import PyMongoError

from broker.adapters.mongo.cache import EntityCache, Stored
from broker.adapters.mongo.client import Database
from broker.adapters.mongo.commit_planning import Planner
from broker.adapters.mongo.commit_round import Round
from broker.adapters.mongo.commit_writes import EntityWriter
from broker.adapters.mongo.endings import Endings
from broker.adapters.mongo.errors import is_transient, translate
from broker.adapters.mongo.history_recorder import Recorder
from broker.adapters.mongo.outbox import MongoOutbox
from broker.adapters.mongo.plan import EntityPlan, Pending, Ticket
from broker.adapters.mongo.uses import Uses
from broker.core.model.change import Change
from broker.core.model.errors import NgsiLdError, Unavailable
from broker.operations.ports import EntityWrite, Notifier, OutboxEntry

_log = structlog.get_logger("eclor.commit")

_LARGEST_GROUP = 1_000
"""Writes in one group: enough to share all fixed cost, and done within a few tens of milliseconds."""
_GROUPS_AT_ONCE = 3
"""One that is prepared, one whose entities MongoDB writes, and one whose history it does."""
_LONGEST_QUEUE = 100_000
"""Writes waiting for their group; beyond it the broker says that it is overloaded."""
_PATIENCE = 20.0
"""Seconds for which a write outlasts an absent database."""

_JOURNAL = {"q": {"_id": "journal"}, "u": {"$inc": {"flushed": 1}}, "upsert": True}
"""A write whose only purpose is that the journal is flushed with all that came before it."""


class Committer:
    """Group commit for one tenant in this process.

    `epoch` moves whenever a group begins or ends, `arrivals` when it may change which entities there are, or which are
    selected by type and scope.
    """

    def __init__(  # noqa: PLR0913 (the parts of one process, which `MongoEntities` puts together)
        self,
        tenant: str,
        database: Database,
        *,
        cache: EntityCache,
        outbox: MongoOutbox,
        history: Recorder,
        endings: Endings,
        uses: Uses,
        notifier: Notifier,
        shared: Callable[[], bool],
        versions: Callable[[], str],
        write_concern: dict[str, Any],
    ) -> None:
        self._tenant = tenant
        self._database = database
        self._cache = cache
        self._outbox = outbox
        self._history = history
        self._endings = endings
        self._uses = uses
        self._notifier = notifier
        self._shared = shared
        self._planner = Planner(tenant, database, cache=cache, shared=shared, versions=versions)
        self._writer = EntityWriter(tenant, database, cache)
        self._durable = write_concern
        self._ordered_before = {**write_concern, "j": False} if write_concern["w"] == 1 else write_concern
        self._queue: deque[Pending] = deque()
        self._on_their_way: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.epoch = 0
        self.arrivals = 0

    async def commit(self, writes: Sequence[EntityWrite]) -> list[Change | NgsiLdError]:
        """Commit each write on its own; what it came to, or the error that refused it, in their order."""
        if not writes:
            return []
        if len(self._queue) + len(writes) > _LONGEST_QUEUE:
            raise Unavailable("The broker has more writes waiting than it takes; try again in a few seconds.")
        ticket = Ticket(len(writes), asyncio.get_running_loop().create_future())
        self._queue.extend(Pending(write, ticket, index) for index, write in enumerate(writes))
        self._start()
        outcomes: list[Change | NgsiLdError] = await ticket.future
        return outcomes

    def forget(self) -> None:
        """Forget what is remembered of the database: others may have written since."""
        self._cache.clear()
        self.epoch += 1
        self.arrivals += 1

    def _start(self) -> None:
        wanted = _GROUPS_AT_ONCE if len(self._queue) >= _LARGEST_GROUP else 1
        while len(self._tasks) < wanted:
            self._tasks.add(asyncio.create_task(self._drain()))

    async def _drain(self) -> None:
        try:
            while group := self._next_group():
                await self._carry_out(group)
        finally:
            # Not by a callback, which would come after a write that finds a task which takes no more.
            self._tasks -= {asyncio.current_task()}

    async def _carry_out(self, group: list[Pending]) -> None:
        entity_ids = {each.write.entity_id for each in group}
        self._on_their_way |= entity_ids
        self.epoch += 1
        arrivals = self.arrivals
        try:
            await self._commit_group(group)
        finally:
            self._on_their_way -= entity_ids
        self.epoch += 1
        # Again at the end: what was read meanwhile may be older than what the group wrote.
        self.arrivals += self.arrivals != arrivals

    def _next_group(self) -> list[Pending]:
        """The next writes, none of them to an entity that is on its way; beside another group only a full one."""
        group: list[Pending] = []
        if self._on_their_way and len(self._queue) < _LARGEST_GROUP:
            return group
        while self._queue and len(group) < _LARGEST_GROUP:
            if self._queue[0].write.entity_id in self._on_their_way:
                break
            group.append(self._queue.popleft())
        return group

    @property
    def is_idle(self) -> bool:
        """Whether no group is under way."""
        return not self._tasks

    async def _commit_group(self, pendings: list[Pending]) -> None:
        round_ = Round(pendings)
        deadline = time.monotonic() + _PATIENCE
        delay = 0.05
        while round_.open:
            try:
                await self._step(round_)
            except (PyMongoError, Unavailable) as error:
                self._cache.clear()
                if not is_transient(error) or time.monotonic() > deadline:
                    _log.error("commit failed", tenant=self._tenant, writes=len(pendings), error=str(error)[:300])
                    round_.fail(translate(error))
                    return
                _log.warning("commit waits for the database", tenant=self._tenant, error=type(error).__name__)
                await asyncio.sleep(delay)
                delay = min(2 * delay, 1.0)
            except Exception as error:
                _log.exception("commit failed unexpectedly", tenant=self._tenant, writes=len(pendings))
                self._cache.clear()
                round_.fail(translate(PyMongoError(str(error))))
                return

    async def _step(self, round_: Round) -> None:
        round_.written = []
        if self._shared():
            await self._notifier.refresh(self._tenant)
        todo = await self._planner.plans(round_)
        plans = todo + round_.written
        effective = [change for plan in plans for change in plan.effective]
        matches = self._notifier.match(self._tenant, effective) if effective else []
        matched = {id(change): ids for change, ids in zip(effective, matches, strict=True) if ids}
        records = self._history.records(plans)
        deferred = bool(matched or records or round_.written)
        await self._write(round_, todo, self._ordered_before if matched or records else self._durable)
        recorded = await self._history.keep(records, round_.written, self._ordered_before if matched else self._durable)
        entries = await self._keep(round_.written, matched)
        if deferred and not entries and (matched or not recorded):
            await self._database.command({"update": "meta", "updates": [_JOURNAL], "writeConcern": self._durable})
        self._finish(round_)
        if entries:
            self._notifier.dispatch(entries)

    async def _write(self, round_: Round, plans: list[EntityPlan], concern: dict[str, Any]) -> None:
        self.arrivals += any(plan.moves for plan in plans)
        if unseen := self._uses.unseen(plan.final for plan in plans if plan.final is not None):
            await self._uses.keep(unseen)
        await self._writer.write(round_, plans, concern)

    async def _keep(self, written: Sequence[EntityPlan], matched: dict[int, tuple[str, ...]]) -> Sequence[OutboxEntry]:
        if not matched:
            return ()
        changes = [change for plan in written for change in plan.effective]
        wanted = [(change, matched[id(change)]) for change in changes if id(change) in matched]
        if not wanted:
            return ()
        return await self._outbox.add(self._tenant, wanted, self._durable)

    def _finish(self, round_: Round) -> None:
        for plan in round_.written:
            if plan.final is None:
                self._cache.forget(plan.entity_id)
            elif plan.kind:
                self._cache.put(Stored(plan.final, plan.version, plan.escaped))
                if plan.ends is not None:
                    self._endings.note(plan.ends)
            del round_.open[plan.entity_id]
            round_.sent.pop(plan.entity_id, None)
            for pending, change in plan.changes:
                pending.settle(change)
        round_.written = []
