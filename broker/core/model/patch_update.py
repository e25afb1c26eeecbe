"""The partial update patch over an entity's attributes (clauses 5.5.8, 5.6.2, 5.6.3): whole instances change hands."""

from broker.core.model.change import Change
from broker.core.model.draft import Draft
from broker.core.model.entity import Entity, Instance
from broker.core.model.errors import BadRequestData
from broker.core.model.expiry import NEVER, live
from broker.core.model.instances import index_of, is_null, refuse_nested_null, stored, typed
from broker.core.model.instant import Instant
from broker.core.model.patch import create


def update(current: Entity | None, entity_id: str, fragment: Entity, now: Instant) -> Change:
    """Clause 5.6.2: replace the instances that are there, add the others, delete what is NGSI-LD Null.

    Raises:
        ResourceNotFound: there is no such entity.
        BadRequestData: a Null inside of a value, or an attribute that comes without a value.
    """
    draft = Draft(current, entity_id, now)
    for iri, instances in fragment.attributes.items():
        _overlay(draft, iri, instances, now)
    draft.add_types(fragment.types)
    if fragment.scopes and draft.scopes:
        draft.set_scopes(fragment.scopes)
    if fragment.expires_at is not None:
        draft.set_expiry(fragment.expires_at)
    return draft.finish(now)


def append(
    current: Entity | None,
    entity_id: str,
    fragment: Entity,
    now: Instant,
    *,
    overwrite: bool = True,
    allow_null: bool = False,
) -> Change:
    """Clause 5.6.3: add instances; those that are there are replaced or, without `overwrite`, left alone.

    `allow_null`: NGSI-LD Nulls delete, as in an update; a batch update (5.6.9) may carry them.

    Raises:
        ResourceNotFound: there is no such entity.
        BadRequestData: an NGSI-LD Null where none is allowed, or an attribute that comes without a value.
    """
    draft = Draft(current, entity_id, now)
    if fragment.expires_at == NEVER and not allow_null:
        raise BadRequestData("expiresAt is an NGSI-LD Null, which cannot be appended. PATCH the entity to remove it.")
    for iri, instances in fragment.attributes.items():
        if not allow_null:
            _refuse_null(iri, instances)
        wanted = instances if overwrite else not_yet_there(draft.attributes.get(iri, []), instances)
        if wanted:
            _overlay(draft, iri, wanted, now)
    draft.add_types(fragment.types)
    if fragment.scopes:
        missing = [one for one in fragment.scopes if one not in (draft.scopes or [])]
        draft.set_scopes(fragment.scopes if overwrite else (draft.scopes or []) + missing)
    if fragment.expires_at is not None and (overwrite or draft.expires_at is None):
        draft.set_expiry(fragment.expires_at)
    return draft.finish(now)


def create_or_update(current: Entity | None, entity: Entity, now: Instant) -> Change:
    """Clause 5.6.8 in its update mode."""
    if live(current, now) is None:
        return create(current, entity, now)
    return update(current, entity.id, entity, now)


def not_yet_there(present: list[Instance], instances: list[Instance]) -> list[Instance]:
    """Those instances whose dataset is not yet there."""
    return [one for one in instances if index_of(present, one.get("datasetId")) < 0]


def _overlay(draft: Draft, iri: str, instances: list[Instance], now: Instant) -> None:
    def made(instance: Instance, former: Instance | None) -> Instance:
        refuse_nested_null(instance, iri)
        return stored(typed(instance, iri), now, former)

    draft.put_each(iri, instances, made)


def _refuse_null(iri: str, instances: list[Instance]) -> None:
    for instance in instances:
        if is_null(instance):
            raise BadRequestData(
                f"Attribute {iri} is an NGSI-LD Null, which cannot be appended. "
                "To delete the attribute, use DELETE, or PATCH the entity's attributes."
            )
