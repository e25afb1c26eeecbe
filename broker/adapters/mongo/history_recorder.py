"""Recording of histories in the commit path: what a group of writes changed, in one command (ADR 9, ADR 11).

A document's `_id` holds the version that its write gave the entity. So when an answer of MongoDB was lost and the
group is finished later, what had arrived is not recorded twice.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, TypeAlias

import bson
import structlog
from bson.raw_bson import RawBSONDocument

from broker.adapters.mongo.client import Database
from broker.adapters.mongo.history_documents import Ties, of_change
from broker.adapters.mongo.plan import EntityPlan
from broker.adapters.mongo.portions import portions
from broker.core.model.change import Change, Trigger
from broker.core.temporal.policy import Policy

_log = structlog.get_logger("eclor.history")

_DUPLICATE = 11000

Records: TypeAlias = dict[int, list[bytes]]
"""For each plan, by its `id`, the documents to store when it was carried out."""


class Recorder:
    """Writes the history of one tenant's entities, as far as the policy has them recorded."""

    def __init__(self, tenant: str, database: Database, policy: Policy[bool]) -> None:
        self._tenant = tenant
        self._database = database
        self._policy = policy

    def records(self, plans: Sequence[EntityPlan]) -> Records:
        """What these plans will add to the history."""
        found: Records = {}
        for plan in plans:
            documents = []
            effective = plan.effective
            ties: Ties | None = defaultdict(int) if len(effective) > 1 else None
            for number, change in enumerate(effective):
                if self._policy.of(self._tenant, change.entity.types):
                    document = of_change(
                        change, f"{plan.version}.{number}", ties, plain=not plan.escaped, encoded=plan.attributes
                    )
                    if document is not None:
                        documents.append(bson.encode(document))
            if documents:
                found[id(plan)] = documents
        return found

    async def keep(self, records: Records, written: Sequence[EntityPlan], concern: dict[str, Any]) -> bool:
        """Store the records of the plans that were carried out; whether there were any. Raises PyMongoError."""
        kept = [plan for plan in written if id(plan) in records]
        if not kept:
            return False
        gone = [change for plan in kept for change in plan.effective if change.trigger is Trigger.ENTITY_DELETED]
        if gone:
            await self._database.command({"update": "evolutions", "updates": [_farewell(each) for each in gone]})
        for portion in portions((document for plan in kept for document in records[id(plan)]), len):
            await self._insert(list(map(RawBSONDocument, portion)), concern)
        return True

    async def _insert(self, documents: list[RawBSONDocument], concern: dict[str, Any]) -> None:
        command = {"insert": "history", "documents": documents, "ordered": False, "writeConcern": concern}
        answer: dict[str, Any] = await self._database.command(command)
        for error in answer.get("writeErrors", ()):
            if error["code"] != _DUPLICATE:
                _log.error("history refused by the database", tenant=self._tenant, code=error["code"])


def _farewell(change: Change) -> dict[str, Any]:
    """What stays known of an entity that is deleted."""
    entity = change.entity
    last = {"types": entity.types, "createdAt": entity.created_at, "modifiedAt": change.at, "deletedAt": change.at}
    return {"q": {"_id": entity.id}, "u": {"$set": last}, "upsert": True}
