"""The commit path: writes to one tenant's entities, grouped (ADR 9).

While one group is on its way to MongoDB the next one gathers, so a busy broker sends hundreds of writes in one
command and an idle one sends each at once. For each group:

1. read the entities that are not remembered, in one query;
2. run the mutations and ask which subscriptions their changes concern (`plan`, `Notifier.match`);
3. write the entities, each only if it is still at the version that was read; those that are not go into the next round;
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
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import structlog
from pymongo.errors import PyMongoError

from broker.adapters.mongo.cache import EntityCache, Stored
from broker.adapters.mongo.client import Database
from broker.adapters.mongo.documents import to_entity
from broker.adapters.mongo.endings import Endings
from broker.adapters.mongo.errors import is_transient, translate
from broker.adapters.mongo.history_recorder import Recorder
from broker.adapters.mongo.outbox import MongoOutbox
from broker.adapters.mongo.plan import EntityPlan, Pending, Ticket, plan_entity
from broker.adapters.mongo.uses import Uses
from broker.core.model.change import Change
from broker.core.model.errors import BadRequestData, InternalError, NgsiLdError, Unavailable
from broker.operations.ports import EntityWrite, Notifier, OutboxEntry

_log = structlog.get_logger("eclor.commit")

_LARGEST_GROUP = 1_000
"""Writes in one group: enough to share all fixed cost, and done within a few tens of milliseconds."""
_LARGEST_COMMAND = 12_000_000
"""Bytes of statements in one command, well below MongoDB's 48 MB a message."""
_LONGEST_QUEUE = 100_000
"""Writes waiting for their group; beyond it the broker says that it is overloaded."""
_PATIENCE = 20.0
"""Seconds for which a write outlasts an absent database."""

_GEOMETRY_REFUSED = 16755
"""MongoDB's code where an index cannot hold a geometry."""

_JOURNAL = {"q": {"_id": "journal"}, "u": {"$inc": {"flushed": 1}}, "upsert": True}
"""A write whose only purpose is that the journal is flushed with all that came before it."""


class Round:
    """The state of one group on its way: what is still open, and what may have reached the database."""

    def __init__(self, pendings: Iterable[Pending]) -> None:
        self.open: dict[str, list[Pending]] = {}
        for pending in pendings:
            self.open.setdefault(pending.write.entity_id, []).append(pending)
        self.sent: dict[str, EntityPlan] = {}
        self.reload: set[str] = set()
        self.refused: dict[str, int] = {}
        self.written: list[EntityPlan] = []


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
        self._versions = versions
        self._durable = write_concern
        self._ordered_before = {**write_concern, "j": False} if write_concern["w"] == 1 else write_concern
        self._queue: deque[Pending] = deque()
        self.epoch = 0
        self.arrivals = 0
        self._task: asyncio.Task[None] | None = None

    async def commit(self, writes: Sequence[EntityWrite]) -> list[Change | NgsiLdError]:
        """Commit each write on its own; what it came to, or the error that refused it, in their order."""
        if not writes:
            return []
        if len(self._queue) + len(writes) > _LONGEST_QUEUE:
            raise Unavailable("The broker has more writes waiting than it takes; try again in a few seconds.")
        ticket = Ticket(len(writes), asyncio.get_running_loop().create_future())
        self._queue.extend(Pending(write, ticket, index) for index, write in enumerate(writes))
        if self._task is None:
            self._task = asyncio.create_task(self._drain())
        outcomes: list[Change | NgsiLdError] = await ticket.future
        return outcomes

    async def _drain(self) -> None:
        try:
            while self._queue:
                size = min(len(self._queue), _LARGEST_GROUP)
                self.epoch += 1
                arrivals = self.arrivals
                await self._commit_group([self._queue.popleft() for _ in range(size)])
                self.epoch += 1
                # Again at the end: what was read meanwhile may be older than what the group wrote.
                self.arrivals += self.arrivals != arrivals
        finally:
            self._task = None

    @property
    def is_idle(self) -> bool:
        """Whether no group is under way."""
        return self._task is None

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
                    _fail(round_, translate(error))
                    return
                _log.warning("commit waits for the database", tenant=self._tenant, error=type(error).__name__)
                await asyncio.sleep(delay)
                delay = min(2 * delay, 1.0)
            except Exception as error:
                _log.exception("commit failed unexpectedly", tenant=self._tenant, writes=len(pendings))
                self._cache.clear()
                _fail(round_, translate(PyMongoError(str(error))))
                return

    async def _step(self, round_: Round) -> None:
        round_.written = []
        if self._shared():
            await self._notifier.refresh(self._tenant)
        plans = await self._plans(round_)
        effective = [change for plan in plans for change in plan.effective]
        matches = self._notifier.match(self._tenant, effective) if effective else []
        matched = {id(change): ids for change, ids in zip(effective, matches, strict=True) if ids}
        records = self._history.records(plans)
        deferred = bool(matched or records or round_.written)
        await self._write(round_, plans, self._ordered_before if matched or records else self._durable)
        recorded = await self._history.keep(records, round_.written, self._ordered_before if matched else self._durable)
        entries = await self._keep(round_.written, matched)
        if deferred and not entries and (matched or not recorded):
            await self._database.command({"update": "meta", "updates": [_JOURNAL], "writeConcern": self._durable})
        self._finish(round_)
        if entries:
            self._notifier.dispatch(entries)

    async def _plans(self, round_: Round) -> list[EntityPlan]:
        """Plans of what is open, those known to be written included. What writes nothing is answered here."""
        bases = await self._bases(round_)
        plans, doubtful = [], []
        for entity_id, pendings in round_.open.items():
            base = bases.get(entity_id)
            before = round_.sent.get(entity_id)
            if before is not None and _arrived(before, base):
                round_.written.append(before)
                continue
            plan = plan_entity(pendings, base, self._versions(), round_.refused.get(entity_id, 0))
            # What is refused or found needless writes nothing, so no version tells whether it was computed rightly.
            if (plan.refused or not plan.kind) and self._is_doubtful(entity_id, round_):
                doubtful.append(entity_id)
            else:
                plans.append(plan)
        if doubtful:
            round_.reload.update(doubtful)
            bases = await load(self._database, doubtful)
            plans += [
                plan_entity(round_.open[each], bases.get(each), self._versions(), round_.refused.get(each, 0))
                for each in doubtful
            ]
        self._answer_refused(round_, plans)
        return [plan for plan in plans if plan.changes] + round_.written

    def _is_doubtful(self, entity_id: str, round_: Round) -> bool:
        """Whether what is known of the entity is a promise of absence, or memory that others may have made stale."""
        if entity_id in round_.reload or entity_id in round_.sent:
            return False
        remembered = self._cache.get(entity_id) is not None
        return (remembered and self._shared()) or (not remembered and round_.open[entity_id][0].write.creates)

    def _answer_refused(self, round_: Round, plans: Iterable[EntityPlan]) -> None:
        for plan in plans:
            for pending, error in plan.refused:
                if isinstance(error, InternalError):
                    _log.error("mutation failed", tenant=self._tenant, entity=pending.write.entity_id, error=str(error))
                pending.settle(error)
                remaining = round_.open[pending.write.entity_id]
                remaining.remove(pending)
                if not remaining:
                    del round_.open[pending.write.entity_id]

    async def _bases(self, round_: Round) -> dict[str, Stored]:
        bases: dict[str, Stored] = {}
        unknown = []
        for entity_id, pendings in round_.open.items():
            if entity_id in round_.reload or entity_id in round_.sent:
                unknown.append(entity_id)
            elif (stored := self._cache.get(entity_id)) is not None:
                bases[entity_id] = stored
            elif not pendings[0].write.creates:
                unknown.append(entity_id)
        if unknown:
            bases.update(await load(self._database, unknown))
        return bases

    async def _write(self, round_: Round, plans: Sequence[EntityPlan], concern: dict[str, Any]) -> None:
        known = set(map(id, round_.written))
        todo = [plan for plan in plans if id(plan) not in known]
        self.arrivals += any(plan.moves for plan in todo)
        if unseen := self._uses.unseen(plan.final for plan in todo if plan.final is not None):
            await self._uses.keep(unseen)
        round_.sent.update((plan.entity_id, plan) for plan in todo if plan.kind)
        round_.written += [plan for plan in todo if not plan.kind]
        for kind, send in (("insert", self._insert), ("update", self._update), ("delete", self._delete)):
            for chunk in _chunks([plan for plan in todo if plan.kind == kind]):
                await send(round_, chunk, concern)

    async def _insert(self, round_: Round, plans: list[EntityPlan], concern: dict[str, Any]) -> None:
        answer = await self._command("insert", "documents", plans, concern)
        failed = _write_errors(answer)
        for index, plan in enumerate(plans):
            if index not in failed:
                round_.written.append(plan)
            elif failed[index]["code"] == 11000:
                self._again(round_, plan)
            else:
                self._refuse(round_, plan, failed[index])

    async def _update(self, round_: Round, plans: list[EntityPlan], concern: dict[str, Any]) -> None:
        answer = await self._command("update", "updates", plans, concern)
        failed = _write_errors(answer)
        good = [plan for index, plan in enumerate(plans) if index not in failed]
        for index, error in failed.items():
            self._refuse(round_, plans[index], error)
        if answer["n"] != len(good):
            good = await self._those_that_hold(round_, good)
        round_.written += good

    async def _delete(self, round_: Round, plans: list[EntityPlan], concern: dict[str, Any]) -> None:
        answer = await self._command("delete", "deletes", plans, concern)
        if answer["n"] != len(plans):
            remaining = await load(self._database, [plan.entity_id for plan in plans])
            for plan in plans:
                if plan.entity_id in remaining:
                    self._again(round_, plan)
            plans = [plan for plan in plans if plan.entity_id not in remaining]
        round_.written += plans

    async def _those_that_hold(self, round_: Round, plans: list[EntityPlan]) -> list[EntityPlan]:
        """Some entity was at another version: those that now have ours are written, the others go round again."""
        stored = await load(self._database, [plan.entity_id for plan in plans])
        held = []
        for plan in plans:
            if _arrived(plan, stored.get(plan.entity_id)):
                held.append(plan)
            else:
                self._again(round_, plan)
        return held

    def _again(self, round_: Round, plan: EntityPlan) -> None:
        self._cache.forget(plan.entity_id)
        round_.sent.pop(plan.entity_id, None)
        round_.reload.add(plan.entity_id)

    def _refuse(self, round_: Round, plan: EntityPlan, error: dict[str, Any]) -> None:
        """Tell the callers; for a geometry only after trying with shapes in its place (`stored_attribute`)."""
        if error["code"] == _GEOMETRY_REFUSED and plan.refused_before < 2:
            round_.refused[plan.entity_id] = plan.refused_before + 1
            self._again(round_, plan)
            return
        self._cache.forget(plan.entity_id)
        round_.sent.pop(plan.entity_id, None)
        _log.warning("entity refused by the database", tenant=self._tenant, entity=plan.entity_id, code=error["code"])
        refusal = BadRequestData(f"The database can't store this entity: {error['errmsg'][:200]}")
        for pending in round_.open.pop(plan.entity_id):
            pending.settle(refusal)

    async def _command(self, name: str, field: str, plans: list[EntityPlan], concern: dict[str, Any]) -> dict[str, Any]:
        statements = [plan.statement for plan in plans]
        command = {name: "entities", field: statements, "ordered": False, "writeConcern": concern}
        answer: dict[str, Any] = await self._database.command(command)
        return answer

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


async def load(database: Database, entity_ids: list[str]) -> dict[str, Stored]:
    """Entities as the database has them, by id, in one query."""
    query: dict[str, Any] = {"_id": entity_ids[0]} if len(entity_ids) == 1 else {"_id": {"$in": entity_ids}}
    cursor = database["entities"].find(query, batch_size=_LARGEST_GROUP)
    documents = await cursor.to_list()
    return {each["_id"]: Stored(to_entity(each), each["version"], "escaped" in each) for each in documents}


def _arrived(plan: EntityPlan, stored: Stored | None) -> bool:
    """Whether a plan that was sent, with the answer lost, had been carried out."""
    if plan.final is None:
        return stored is None
    return stored is not None and stored.version == plan.version


def _fail(round_: Round, error: NgsiLdError) -> None:
    for pendings in round_.open.values():
        for pending in pendings:
            pending.settle(error)
    round_.open.clear()


def _write_errors(answer: dict[str, Any]) -> dict[int, dict[str, Any]]:
    return {error["index"]: error for error in answer.get("writeErrors", ())}


def _chunks(plans: list[EntityPlan]) -> Iterable[list[EntityPlan]]:
    chunk: list[EntityPlan] = []
    size = 0
    for plan in plans:
        if chunk and size + plan.size > _LARGEST_COMMAND:
            yield chunk
            chunk, size = [], 0
        chunk.append(plan)
        size += plan.size
    if chunk:
        yield chunk
