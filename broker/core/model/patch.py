"""Changes to a whole entity: create, replace, delete, purge attributes (clauses 5.6.1, 5.6.6, 5.6.18, 5.6.21).

Each rule of change is a pure function from the entity as it stands to a `Change`, and may share with it what it leaves
alone. The other families: `patch_update` (5.5.8), `patch_merge` (5.5.12), `patch_attribute` (one attribute).
"""

from collections.abc import Collection

from broker.core.model.change import Change, Trigger
from broker.core.model.draft import SCOPE, Draft, no_such_entity
from broker.core.model.entity import Attributes, Entity
from broker.core.model.errors import AlreadyExists
from broker.core.model.expiry import NEVER, live
from broker.core.model.instances import stored_attributes
from broker.core.model.instant import Instant


def create(current: Entity | None, entity: Entity, now: Instant) -> Change:
    """Clause 5.6.1. An expired entity does not stand in the way.

    Raises:
        AlreadyExists: the entity is there.
    """
    if live(current, now) is not None:
        raise AlreadyExists(f"Entity {entity.id} exists already. Update it, or choose another id.")
    attributes = stored_attributes(entity.attributes, now)
    expires_at = None if entity.expires_at == NEVER else entity.expires_at
    created = Entity(entity.id, entity.types, attributes, entity.scopes, now, now, expires_at)
    triggers = dict.fromkeys(attributes, Trigger.ATTRIBUTE_CREATED)
    return Change(Trigger.ENTITY_CREATED, created, now, triggers, {}, current)


def replace(current: Entity | None, entity_id: str, entity: Entity, now: Instant) -> Change:
    """Clause 5.6.18: everything gives way but `createdAt`, also the types (4.16) and the expiry.

    Raises:
        ResourceNotFound: there is no such entity.
    """
    base = live(current, now)
    if base is None:
        raise no_such_entity(entity_id)
    attributes = stored_attributes(entity.attributes, now, base.attributes)
    replaced = Entity(
        base.id, entity.types or base.types, attributes, entity.scopes, base.created_at, now, entity.expires_at
    )
    triggers = _replacement_triggers(base.attributes, attributes)
    previous = {iri: base.attributes[iri] for iri in triggers if iri in base.attributes}
    return Change(Trigger.ENTITY_UPDATED, replaced, now, triggers, previous, current)


def create_or_replace(current: Entity | None, entity: Entity, now: Instant) -> Change:
    """Clause 5.6.8 in its default mode."""
    if live(current, now) is None:
        return create(current, entity, now)
    return replace(current, entity.id, entity, now)


def delete(current: Entity | None, entity_id: str, now: Instant) -> Change:
    """Clause 5.6.6: the change holds the last state, with `deleted_at`.

    Raises:
        ResourceNotFound: there is no such entity.
    """
    base = live(current, now)
    if base is None:
        raise no_such_entity(entity_id)
    triggers = dict.fromkeys(base.attributes, Trigger.ATTRIBUTE_DELETED)
    return Change(Trigger.ENTITY_DELETED, base.with_(deleted_at=now), now, triggers, dict(base.attributes), current)


def expire(current: Entity | None, entity_id: str, now: Instant) -> Change:
    """Clause 4.22: delete what has expired at `now`, the entity or instances of it; a void change where nothing has.

    Raises:
        ResourceNotFound: there is no such entity.
    """
    if current is not None and current.is_expired(now):
        triggers = dict.fromkeys(current.attributes, Trigger.ATTRIBUTE_DELETED)
        gone = current.with_(deleted_at=now)
        return Change(Trigger.ENTITY_DELETED, gone, now, triggers, dict(current.attributes), current)
    draft = Draft(current, entity_id, now)
    draft.drop_expired()
    return draft.finish(now)


def purge_attributes(
    current: Entity | None,
    entity_id: str,
    now: Instant,
    *,
    drop: Collection[str] | None = None,
    keep: Collection[str] | None = None,
) -> Change:
    """Clause 5.6.21 with a list of members: take away the attributes in `drop`, or all that are not in `keep`.

    Scopes go only when `drop` names them.

    Raises:
        ResourceNotFound: there is no such entity.
    """
    draft = Draft(current, entity_id, now)
    for iri in list(draft.attributes):
        if (drop is not None and iri in drop) or (keep is not None and iri not in keep):
            draft.put(iri, [])
    if drop is not None and SCOPE in drop:
        draft.set_scopes(None)
    return draft.finish(now)


def _replacement_triggers(old: Attributes, new: Attributes) -> dict[str, Trigger]:
    triggers = {iri: Trigger.ATTRIBUTE_UPDATED if iri in old else Trigger.ATTRIBUTE_CREATED for iri in new}
    for iri in old:
        if iri not in new:
            triggers[iri] = Trigger.ATTRIBUTE_DELETED
    return triggers
