"""Writing what a group of writes comes to: one command for each kind of statement (ADR 9).

Each entity is written only if it is still at the version that its plan was computed on.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

import structlog

from broker.adapters.mongo.cache import EntityCache
from broker.adapters.mongo.client import Database
from broker.adapters.mongo.commit_round import Round, arrived
from broker.adapters.mongo.plan import EntityPlan
from broker.adapters.mongo.portions import portions
from broker.adapters.mongo.reads import load
from broker.core.model.errors import BadRequestData

_log = structlog.get_logger("eclor.commit")

_DUPLICATE = 11000
_GEOMETRY_REFUSED = 16755
"""MongoDB's code where an index cannot hold a geometry."""

Concern: TypeAlias = dict[str, Any]


class EntityWriter:
    """Carries out the plans for entities of one tenant. What does not hold goes into the next round."""

    def __init__(self, tenant: str, database: Database, cache: EntityCache) -> None:
        self._tenant = tenant
        self._database = database
        self._cache = cache

    async def write(self, round_: Round, plans: Sequence[EntityPlan], concern: Concern) -> None:
        """Send the plans; those carried out are in `written` then. Raises PyMongoError."""
        round_.sent.update((plan.entity_id, plan) for plan in plans if plan.kind)
        round_.written += [plan for plan in plans if not plan.kind]
        for kind, send in (("insert", self._insert), ("update", self._update), ("delete", self._delete)):
            for portion in portions([plan for plan in plans if plan.kind == kind], _size):
                await send(round_, portion, concern)

    async def _insert(self, round_: Round, plans: list[EntityPlan], concern: Concern) -> None:
        answer = await self._command("insert", "documents", [plan.statement for plan in plans], concern)
        failed = _write_errors(answer)
        for index, plan in enumerate(plans):
            if index not in failed:
                round_.written.append(plan)
            elif failed[index]["code"] == _DUPLICATE:
                self._again(round_, plan)
            else:
                self._refuse(round_, plan, failed[index])

    async def _update(self, round_: Round, plans: list[EntityPlan], concern: Concern) -> None:
        answer = await self._command("update", "updates", [plan.statement for plan in plans], concern)
        failed = _write_errors(answer)
        good = [plan for index, plan in enumerate(plans) if index not in failed]
        for index, error in failed.items():
            self._refuse(round_, plans[index], error)
        if answer["nModified"] != len(good):
            good = await self._those_that_hold(round_, good)
        round_.written += good

    async def _delete(self, round_: Round, plans: list[EntityPlan], concern: Concern) -> None:
        # A version is that of one state of one entity, so the two lists select what the pairs would.
        states = [plan.base for plan in plans if plan.base is not None]
        of_these = {"_id": {"$in": [each.entity.id for each in states]}}
        at_these = {"version": {"$in": [each.version for each in states]}}
        answer = await self._command("delete", "deletes", [{"q": {**of_these, **at_these}, "limit": 0}], concern)
        if answer["n"] != len(plans):
            plans = await self._those_that_hold(round_, plans)
        round_.written += plans

    async def _those_that_hold(self, round_: Round, plans: list[EntityPlan]) -> list[EntityPlan]:
        """Some entity was at another version: those that now are as planned are written, the others go round again."""
        stored = await load(self._database, [plan.entity_id for plan in plans])
        held = []
        for plan in plans:
            if arrived(plan, stored.get(plan.entity_id)):
                held.append(plan)
            else:
                self._again(round_, plan)
        return held

    def _again(self, round_: Round, plan: EntityPlan) -> None:
        self._cache.forget(plan.entity_id)
        round_.again(plan.entity_id)

    def _refuse(self, round_: Round, plan: EntityPlan, error: dict[str, Any]) -> None:
        """Tell the callers; for a geometry only after trying with shapes in its place (`stored_attribute`)."""
        if error["code"] == _GEOMETRY_REFUSED and plan.refused_before < 2:
            round_.refused[plan.entity_id] = plan.refused_before + 1
            self._again(round_, plan)
            return
        self._cache.forget(plan.entity_id)
        _log.warning("entity refused by the database", tenant=self._tenant, entity=plan.entity_id, code=error["code"])
        round_.refuse(plan.entity_id, BadRequestData(f"The database can't store this entity: {error['errmsg'][:200]}"))

    async def _command(self, name: str, field: str, statements: list[Any], concern: Concern) -> dict[str, Any]:
        command = {name: "entities", field: statements, "ordered": False, "writeConcern": concern}
        answer: dict[str, Any] = await self._database.command(command)
        return answer


def _size(plan: EntityPlan) -> int:
    return plan.size


def _write_errors(answer: dict[str, Any]) -> dict[int, dict[str, Any]]:
    return {error["index"]: error for error in answer.get("writeErrors", ())}
