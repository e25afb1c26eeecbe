"""What one group of writes comes to, entity by entity: pure, before anything is sent.

Writes to the same entity in one group run one after the other on the state that the one before left, and reach the
database as a single statement that holds only if the entity still has the version it was computed on.
"""

from dataclasses import dataclass, field
from typing import Any

import bson
from bson.errors import InvalidDocument
from bson.raw_bson import RawBSONDocument

from broker.adapters.mongo.cache import Stored
from broker.adapters.mongo.documents import (
    Document,
    escape,
    needs_escape,
    plain_document,
    stored_attribute,
    with_escapes,
)
from broker.core.model.change import Change
from broker.core.model.entity import Attributes, Entity
from broker.core.model.errors import BadRequestData, InternalError, NgsiLdError
from broker.core.model.expiry import next_expiry
from broker.core.model.instant import Instant
from broker.operations.ports import EntityWrite

_LARGEST = 16_000_000
"""Bytes of one entity's document: a little below MongoDB's bound of 16 MiB."""
_SMALL = 12
"""Attributes of an entity up to which an update sends the whole of it. (Measured, MongoDB's time alone: replacing costs
it 40 µs for 5 attributes and 95 for 50, setting one of them 65 for either, as the version then is in the filter.)"""


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

    `effective` are those of its changes that changed something. `ends`: when the first instance in `final` expires.
    `attributes`: those of `final`, encoded, where they are sent as a whole and with nothing escaped.
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
    attributes: RawBSONDocument | None = None
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
    """Find out what is to be sent; of a deletion, `base` says it."""
    base, final = plan.base, plan.final
    if final is None:
        plan.kind = "delete" if base is not None else ""
        return
    try:
        if base is None:
            plan.kind, statement = "insert", _whole(plan, final)
        else:
            plan.kind, statement = "update", _update(plan, base, final)
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


def _whole(plan: EntityPlan, final: Entity) -> Document:
    document = plain_document(final, plan.version, plan.refused_before)
    plan.ends = document.get("instancesExpireAt")
    encoded = bson.encode(document["attributes"])
    # To look for a character in the encoded attributes costs next to nothing, to walk through the values does not.
    plan.escaped = b"$" in encoded and needs_escape(final.attributes)
    if plan.escaped:
        return with_escapes(document)
    plan.attributes = document["attributes"] = RawBSONDocument(encoded)
    return document


def _update(plan: EntityPlan, base: Stored, final: Entity) -> Document:
    before, after = base.entity.attributes, final.attributes
    if base.escaped or len(after) <= _SMALL:
        return _replacement(plan, base, final)
    changed = {name: instances for name, instances in after.items() if instances is not before.get(name)}
    removed = [name for name in before if name not in after]
    if 2 * (len(changed) + len(removed)) > len(after) or needs_escape(changed):
        return _replacement(plan, base, final)
    return {"q": {"_id": final.id, "version": base.version}, "u": _difference(plan, base, final, changed, removed)}


def _replacement(plan: EntityPlan, base: Stored, final: Entity) -> Document:
    """The condition is in the expression: MongoDB finds a document fastest by a filter of nothing but its `_id`."""
    as_planned = [{"$eq": ["$version", base.version]}, {"$literal": _whole(plan, final)}, "$$ROOT"]
    return {"q": {"_id": final.id}, "u": [{"$replaceWith": {"$cond": as_planned}}]}


def _difference(plan: EntityPlan, base: Stored, final: Entity, changed: Attributes, removed: list[str]) -> Document:
    plan.ends = next_expiry(final.attributes)
    assign: Document = {
        f"attributes.{escape(name)}": stored_attribute(name, instances, plan.refused_before)
        for name, instances in changed.items()
    }
    assign |= {"modifiedAt": final.modified_at, "version": plan.version}
    remove = {f"attributes.{escape(name)}": True for name in removed}
    for member, old, new in (
        ("types", base.entity.types, final.types),
        ("scopes", base.entity.scopes, final.scopes),
        ("createdAt", base.entity.created_at, final.created_at),
        ("expiresAt", base.entity.expires_at, final.expires_at),
        ("instancesExpireAt", next_expiry(base.entity.attributes), plan.ends),
    ):
        if new is None and old is not None:
            remove[member] = True
        elif new != old:
            assign[member] = new
    return {"$set": assign, "$unset": remove} if remove else {"$set": assign}
