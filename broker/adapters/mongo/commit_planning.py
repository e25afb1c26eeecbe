"""What a group of writes is computed on, and what it comes to (ADR 9)."""

from collections.abc import Callable, Iterable

import structlog

from broker.adapters.mongo.cache import EntityCache, Stored
from broker.adapters.mongo.client import Database
from broker.adapters.mongo.commit_round import Round, arrived
from broker.adapters.mongo.plan import EntityPlan, plan_entity
from broker.adapters.mongo.reads import load
from broker.core.model.errors import InternalError

_log = structlog.get_logger("eclor.commit")


class Planner:
    """Plans the groups of one tenant. `shared`: whether other processes write, too; `versions` gives new ones."""

    def __init__(
        self,
        tenant: str,
        database: Database,
        *,
        cache: EntityCache,
        shared: Callable[[], bool],
        versions: Callable[[], str],
    ) -> None:
        self._tenant = tenant
        self._database = database
        self._cache = cache
        self._shared = shared
        self._versions = versions

    async def plans(self, round_: Round) -> list[EntityPlan]:
        """Plans of what is open. Those known to be written are in `written`; what is refused is answered here."""
        bases = await self._bases(round_)
        plans, doubtful = [], []
        for entity_id in round_.open:
            base = bases.get(entity_id)
            before = round_.sent.get(entity_id)
            if before is not None and arrived(before, base):
                round_.written.append(before)
                continue
            plan = self._plan(round_, entity_id, base)
            # What is refused or found needless writes nothing, so no version tells whether it was computed rightly.
            if (plan.refused or not plan.kind) and self._is_doubtful(entity_id, round_):
                doubtful.append(entity_id)
            else:
                plans.append(plan)
        if doubtful:
            round_.reload.update(doubtful)
            bases = await load(self._database, doubtful)
            plans += [self._plan(round_, each, bases.get(each)) for each in doubtful]
        self._answer_refused(round_, plans)
        return [plan for plan in plans if plan.changes]

    def _plan(self, round_: Round, entity_id: str, base: Stored | None) -> EntityPlan:
        return plan_entity(round_.open[entity_id], base, self._versions(), round_.refused.get(entity_id, 0))

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
