"""What one group of writes comes to, entity by entity: pure, before anything is sent.

Writes to the same entity in one group run one after the other on the state that the one before left, and reach the
database as a single statement that holds only if the entity still has the version it was computed on.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import bson
from bson.errors import InvalidDocument
from bson.raw_bson import RawBSONDocument

from broker.adapters.mongo.cache import Stored
from broker.adapters.mongo.documents import escape, needs_escape, stored_attribute, to_document
from broker.core.model.change import Change
from broker.core.model.entity import Entity
from broker.core.model.errors import BadRequestData, InternalError, NgsiLdError
from broker.core.model.expiry import next_expiry
from broker.core.model.instant import Instant
from broker.operations.ports import EntityWrite

_LARGEST = 16_000_000
"""Bytes of one entity's document: a little below MongoDB's bound of 16 MiB."""


class Ticket:
    """What a caller waits for: the outcomes of the writes it handed in together."""

    __slots__ = ("future", "left", "outcomes")

    def __init__(self, count: int, future: Any) -> None:
        self.outcomes: list[Change | NgsiLdError | None] = [None] * count
        self.left = count
        self.future = future

    def settle(self, index: int, outcome: Change | NgsiLdError) -> None:
        """One outcome; the last one wakes the caller."""
        self.outcomes[index] = outcome
        self.left -= 1
        if not self.left and not self.future.done():
            self.future.set_result(self.outcomes)


@dataclass(slots=True)
class Pending:
    """A write that waits for its group."""

    write: EntityWrite
    ticket: Ticket
    index: int

    def settle(self, outcome: Change | NgsiLdError) -> None:
        """Tell the caller."""
        self.ticket.settle(self.index, outcome)


@dataclass(slots=True)
class EntityPlan:
    """What a group does to one entity: from `base` to `final` (None: absent), at `version`.

    `effective` are those of its changes that changed something. `ends`: when the first instance in `final` expires, if
    that is new.
    """

    base: Stored | None
    version: str
    final: Entity | None = None
    changes: list[tuple[Pending, Change]] = field(default_factory=list)
    effective: list[Change] = field(default_factory=list)
    refused: list[tuple[Pending, NgsiLdError]] = field(default_factory=list)
    kind: str = ""
    statement: Any = None
    size: int = 0
    escaped: bool = False
    refused_before: int = 0
    ends: Instant | None = None

    @property
    def entity_id(self) -> str:
        """The entity's id."""
        return self.changes[0][1].entity.id

    @property
    def moves(self) -> bool:
        """Whether it may change which entities are selected by id, type, scope or presence."""
        if self.kind != "update" or self.base is None or self.final is None:
            return bool(self.kind)
        before, after = self.base.entity, self.final
        return (before.types, before.scopes, before.expires_at) != (after.types, after.scopes, after.expires_at)


def plan_entity(pendings: list[Pending], base: Stored | None, version: str, refused_before: int = 0) -> EntityPlan:
    """Run the mutations in order and build the statement. An entity that can't be stored refuses all of them.

    `refused_before`: how often MongoDB refused the entity for a geometry.
    """
    plan = EntityPlan(base, version, refused_before=refused_before)
    current = base.entity if base else None
    for pending in pendings:
        try:
            change = pending.write.mutation(current)
        except NgsiLdError as error:
            plan.refused.append((pending, error))
            continue
        except Exception as error:  # a fault of ours must not take the rest of the group with it
            plan.refused.append((pending, InternalError(f"{type(error).__name__}: {error}")))
            continue
        plan.changes.append((pending, change))
        if not change.is_void:
            plan.effective.append(change)
            current = None if change.entity.deleted_at is not None else change.entity
    plan.final = current
    if plan.effective:
        _state(plan)
    return plan


def _state(plan: EntityPlan) -> None:
    try:
        plan.kind, statement = _statement(plan)
        plan.ends = _ends(plan.kind, statement)
        encoded = bson.encode(statement)
    except (InvalidDocument, OverflowError, UnicodeEncodeError) as error:
        _refuse(plan, BadRequestData(f"The entity can't be stored: {error}."))
        return
    plan.size = len(encoded)
    if plan.size > _LARGEST:
        _refuse(plan, BadRequestData(f"The entity takes {plan.size} bytes; at most {_LARGEST} can be stored."))
        return
    plan.statement = RawBSONDocument(encoded)


def _refuse(plan: EntityPlan, error: NgsiLdError) -> None:
    plan.refused.extend((pending, error) for pending, _ in plan.changes)
    plan.changes.clear()
    plan.effective.clear()
    plan.kind = ""


def _statement(plan: EntityPlan) -> tuple[str, dict[str, Any]]:
    base, final = plan.base, plan.final
    if final is None:
        if base is None:
            return "", {}
        return "delete", {"q": {"_id": base.entity.id, "version": base.version}, "limit": 1}
    if base is None:
        document = to_document(final, plan.version, plan.refused_before)
        plan.escaped = "escaped" in document
        return "insert", document
    return "update", {"q": {"_id": final.id, "version": base.version}, "u": _update(plan, base, final)}


def _ends(kind: str, statement: dict[str, Any]) -> Instant | None:
    if kind == "delete":
        return None
    members = statement if kind == "insert" else statement["u"]
    ends: Instant | None = members.get("$set", members).get("instancesExpireAt")
    return ends


def _update(plan: EntityPlan, base: Stored, final: Entity) -> dict[str, Any]:
    before, after = base.entity.attributes, final.attributes
    changed = {name: instances for name, instances in after.items() if instances is not before.get(name)}
    removed = [name for name in before if name not in after]
    if base.escaped or 2 * (len(changed) + len(removed)) > len(after) + 1 or needs_escape(changed):
        document = to_document(final, plan.version, plan.refused_before)
        plan.escaped = "escaped" in document
        return document
    assign: dict[str, Any] = {
        f"attributes.{escape(name)}": stored_attribute(name, instances, plan.refused_before)
        for name, instances in changed.items()
    }
    assign["modifiedAt"] = final.modified_at
    assign["version"] = plan.version
    remove = {f"attributes.{escape(name)}": True for name in removed}
    for member, old, new in _members(base.entity, final):
        if new is None and old is not None:
            remove[member] = True
        elif new != old:
            assign[member] = new
    return {"$set": assign, "$unset": remove} if remove else {"$set": assign}


def _members(before: Entity, after: Entity) -> Iterator[tuple[str, Any, Any]]:
    yield "types", before.types, after.types
    yield "scopes", before.scopes, after.scopes
    yield "createdAt", before.created_at, after.created_at
    yield "expiresAt", before.expires_at, after.expires_at
    yield "instancesExpireAt", next_expiry(before.attributes), next_expiry(after.attributes)
