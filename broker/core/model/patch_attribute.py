"""Changes to one attribute: partial update, replace, delete (clauses 5.6.4, 5.6.5, 5.6.19)."""

from broker.core.model.change import Change, Trigger
from broker.core.model.draft import SCOPE, Draft, no_such_attribute
from broker.core.model.entity import NGSILD_NULL, VALUE_MEMBER, Attributes, Entity, Instance
from broker.core.model.errors import BadRequestData
from broker.core.model.instances import (
    KIND_OF_MEMBER,
    aligned,
    index_of,
    is_null,
    refuse_foreign,
    refuse_nested_null,
    stored,
    stored_attributes,
    value_member,
)
from broker.core.model.instant import Instant

_NOT_PATCHED = frozenset(("type", "datasetId", "createdAt", "modifiedAt"))


def partial_update(current: Entity | None, entity_id: str, iri: str, instances: list[Instance], now: Instant) -> Change:
    """Clause 5.6.4: replace the members of existing instances that the fragment gives, keep the others.

    An NGSI-LD Null as value deletes the instance: clauses 4.5.2.2 and 5.5.8 say so of every partial update patch,
    whatever the description in 5.6.4.1 says.

    Raises:
        ResourceNotFound: the entity, or one of the instances, is not there.
        BadRequestData: another attribute type, or the attribute is `scope`.
    """
    _refuse_scope(iri)
    draft = Draft(current, entity_id, now)
    result = list(draft.attributes.get(iri, ()))
    kept = False
    for fragment in instances:
        index = _target(result, fragment, entity_id, iri)
        if is_null(fragment):
            del result[index]
            continue
        kept = True
        result[index] = _patched(result[index], fragment, iri, now)
    draft.put(iri, result, Trigger.ATTRIBUTE_UPDATED if kept else Trigger.ATTRIBUTE_DELETED)
    return draft.finish(now)


def replace_attribute(
    current: Entity | None, entity_id: str, iri: str, instances: list[Instance], now: Instant
) -> Change:
    """Clause 5.6.19: nothing of the instance replaced remains but `createdAt`.

    Raises:
        ResourceNotFound: the entity, or one of the instances, is not there.
        BadRequestData: no value, an NGSI-LD Null, or the attribute is `scope`.
    """
    _refuse_scope(iri)
    draft = Draft(current, entity_id, now)
    result = list(draft.attributes.get(iri, ()))
    for instance in instances:
        index = _target(result, instance, entity_id, iri)
        replacement = aligned(instance, result[index]["type"])
        member = value_member(replacement)
        if member is None or is_null(replacement):
            raise BadRequestData(f"A replacement of attribute {iri} has to give its new value.")
        refuse_nested_null(replacement, iri)
        if "type" not in replacement:
            replacement = {"type": KIND_OF_MEMBER[member], **replacement}
        result[index] = stored(replacement, now, result[index])
    draft.put(iri, result)
    return draft.finish(now)


def delete_attribute(
    current: Entity | None,
    entity_id: str,
    iri: str,
    now: Instant,
    *,
    dataset_id: str | None = None,
    delete_all: bool = False,
) -> Change:
    """Clause 5.6.5: delete the default instance, that of one dataset, or all. `scope` deletes the scopes.

    Raises:
        ResourceNotFound: the entity or the instance is not there.
    """
    draft = Draft(current, entity_id, now)
    if iri == SCOPE:
        if draft.scopes is None:
            raise no_such_attribute(entity_id, iri, None)
        draft.set_scopes(None)
        return draft.finish(now)
    present = draft.attributes.get(iri, [])
    wanted = None if dataset_id == "@none" else dataset_id
    index = index_of(present, wanted)
    if not present or (index < 0 and not delete_all):
        raise no_such_attribute(entity_id, iri, wanted)
    remaining = [] if delete_all else present[:index] + present[index + 1 :]
    draft.put(iri, remaining, Trigger.ATTRIBUTE_DELETED)
    return draft.finish(now)


def _refuse_scope(iri: str) -> None:
    if iri == SCOPE:
        raise BadRequestData("scope is not changed as an attribute. Give it in an update of the entity's attributes.")


def _target(present: list[Instance], fragment: Instance, entity_id: str, iri: str) -> int:
    dataset_id = fragment.get("datasetId")
    index = index_of(present, dataset_id)
    if index < 0:
        raise no_such_attribute(entity_id, iri, dataset_id)
    return index


def _patched(old: Instance, fragment: Instance, iri: str, now: Instant) -> Instance:
    kind = old["type"]
    fragment = aligned(fragment, kind)
    member = value_member(fragment)
    if fragment.get("type", kind) != kind or (member is not None and member != VALUE_MEMBER[kind]):
        given = fragment.get("type") or KIND_OF_MEMBER[member or ""]
        raise BadRequestData(f"Attribute {iri} is a {kind}; a partial update cannot make it a {given}. Replace it.")
    refuse_foreign(fragment, kind, iri)
    refuse_nested_null(fragment, iri)
    new = dict(old)
    for name, value in fragment.items():
        if name in _NOT_PATCHED:
            continue
        if name == "attributes":
            _patch_nested(new, value, now)
        elif value == NGSILD_NULL:
            new.pop(name, None)
        else:
            new[name] = value
    new["modifiedAt"] = now
    return new


def _patch_nested(instance: Instance, fragment: Attributes, now: Instant) -> None:
    """Replace sub-attributes as wholes, in an instance that is still being built."""
    old: Attributes = instance.get("attributes", {})
    nested = {iri: one for iri, one in old.items() if iri not in fragment}
    for iri, given in stored_attributes(fragment, now, old).items():
        nested[iri] = given
    if nested:
        instance["attributes"] = nested
    else:
        instance.pop("attributes", None)
