"""Request bodies to entities: validation of clause 5.5.4 and expansion of clause 5.5.7.

`createdAt` and `modifiedAt` in a client's body are ignored: the rules of change set them.
"""

import re
from typing import Any

from broker.core.jsonld.attribute import expand_attributes, expand_instances, expand_members
from broker.core.jsonld.context import ActiveContext
from broker.core.jsonld.limits import MAX_SCOPES, MAX_TYPES
from broker.core.jsonld.members import VALUES, Reading
from broker.core.jsonld.names import is_iri
from broker.core.jsonld.simplified import expand_simplified
from broker.core.jsonld.values import NULL_REFUSED, instant, iri, shown
from broker.core.model.entity import NGSILD_NULL, Entity, Instance
from broker.core.model.errors import BadRequestData, InvalidRequest
from broker.core.model.expiry import NEVER
from broker.core.model.instant import Instant

_SCOPE = re.compile(r"/?[^\W\d_]\w*(?:/[^\W\d_]\w*)*")

_ENTITY_MEMBERS = frozenset(
    ("id", "@id", "type", "@type", "scope", "expiresAt", "@context", "createdAt", "modifiedAt", "deletedAt")
)


def expand_entity(
    document: Any, context: ActiveContext, *, allow_null: bool = False, simplified: bool = False, told: bool = False
) -> Entity:
    """A whole entity, normalized or concise (clause 4.5.1) or `simplified` (4.5.4), for creation and replacement.

    `told`: the attributes were created and changed when the body says, as far as it does.
    Raises InvalidRequest where the body is no JSON object, BadRequestData where it is no entity; the detail says
    what was expected.
    """
    source = _object(document)
    reading = Reading(context, null=allow_null, told=told)
    entity_id = _id(source)
    if not entity_id:
        raise BadRequestData("the entity has no id: give it a URI such as 'urn:ngsi-ld:Building:1'")
    types = _types(source, context)
    if not types:
        raise BadRequestData("the entity has no type: give the name of its type, such as 'Building'")
    expand = expand_simplified if simplified else expand_attributes
    return Entity(
        entity_id,
        types,
        expand(source, _ENTITY_MEMBERS, reading),
        _scopes(source, allow_null) or None,
        expires_at=_expiry(source, null=allow_null),
    )


def expand_fragment(
    document: Any,
    context: ActiveContext,
    *,
    entity_id: str | None = None,
    simplified: bool = False,
    merge: bool = False,
) -> Entity:
    """An entity fragment (clause 5.4) for updating, appending or merging; `id` and `type` may be missing.

    NGSI-LD Nulls stay where they are, in the form of clause 4.5.0; that of the entity's `expiresAt` becomes `NEVER`.
    An instance has a `type` only where the body
    gives one. `entity_id` is the target's, where the binding knows it; the body's must be a URI, too, but need not
    repeat it. `merge`: instances may come without their value (clause 5.5.12). `simplified`: clause 4.5.4.
    Raises as `expand_entity`.
    """
    source = _object(document)
    given = _id(source)
    reading = Reading(context, null=True, partial=merge, typed=False)
    expand = expand_simplified if simplified else expand_attributes
    return Entity(
        entity_id or given or "",
        _types(source, context),
        expand(source, _ENTITY_MEMBERS, reading),
        _scopes(source, True),
        expires_at=_expiry(source, null=True),
    )


def expand_attribute_fragment(
    document: Any, attribute_iri: str, context: ActiveContext, *, partial: bool = True
) -> list[Instance]:
    """The instances in the body of an operation on one attribute (clauses 5.6.4 and 5.6.19).

    `partial`: value and type may be missing and NGSI-LD Nulls may stand (5.6.4); otherwise the instances are whole
    (5.6.19). The body is an instance, an array of them, or `{name: instance}` with the name of that attribute. A
    partial object without type and value is never taken for a bare value: its members are those of the attribute.
    """
    if type(document) is not dict and type(document) is not list:
        raise InvalidRequest(f"the body is a JSON object with the attribute's members, got {shown(document)}")
    reading = Reading(context, null=partial, partial=partial, typed=not partial)
    source = document
    if type(source) is dict:
        source = {name: value for name, value in source.items() if name != "@context"}
        if not source:
            raise BadRequestData("the body is empty: give the members of the attribute to change")
        # Some clients wrap the instance in its own name.
        if len(source) == 1:
            name, value = next(iter(source.items()))
            if type(value) in (dict, list) and is_same(name, attribute_iri, context):
                source = value
    if partial and type(source) is dict and _leaves_value(source):
        return [expand_members(source, reading)]
    return expand_instances(source, reading)


def _leaves_value(source: dict[str, Any]) -> bool:
    return "type" not in source and "@type" not in source and VALUES.isdisjoint(source)


def is_same(name: str, attribute_iri: str, context: ActiveContext) -> bool:
    """Whether a member's name stands for that attribute."""
    try:
        return context.expand_term(name) == attribute_iri
    except BadRequestData:
        return False


def _object(document: Any) -> dict[str, Any]:
    if type(document) is not dict:
        raise InvalidRequest(f"the body is a JSON object with the entity's members, got {shown(document)}")
    return document


def _id(source: dict[str, Any]) -> str | None:
    given = source.get("id")
    if given is None:
        given = source.get("@id")
        if given is None:
            return None
    if type(given) is not str or not is_iri(given):
        raise BadRequestData(f"the id of an entity is a URI such as 'urn:ngsi-ld:Building:1', got {shown(given)}")
    return iri(given)


def _types(source: dict[str, Any], context: ActiveContext) -> list[str]:
    given = source.get("type")
    if given is None:
        given = source.get("@type")
        if given is None:
            return []
    if type(given) is str:
        if given == NGSILD_NULL:
            raise BadRequestData("the type of an entity cannot be deleted (clause 4.16)")
        return [context.expand_type(given)]
    if type(given) is not list or not given or not all(type(name) is str for name in given):
        raise BadRequestData(f"the type of an entity is a name or a non-empty array of names, got {shown(given)}")
    if len(given) > MAX_TYPES:
        raise BadRequestData(f"the entity has more than {MAX_TYPES} types")
    return list(dict.fromkeys(map(context.expand_type, given)))


def _scopes(source: dict[str, Any], null: bool) -> list[str] | None:
    given = source.get("scope")
    if given is None:
        return None
    scopes = given if type(given) is list else [given]
    if len(scopes) > MAX_SCOPES:
        raise BadRequestData(f"the entity has more than {MAX_SCOPES} scopes")
    for scope in scopes:
        if scope == NGSILD_NULL:
            if not null:
                raise BadRequestData(f"scope: {NULL_REFUSED}")
        elif type(scope) is not str or _SCOPE.fullmatch(scope) is None:
            raise BadRequestData(f"a scope looks like '/Moselle/Aumetz' (clause 4.18), got {shown(scope)}")
    return list(dict.fromkeys(scopes))


def _expiry(source: dict[str, Any], *, null: bool = False) -> Instant | None:
    given = source.get("expiresAt")
    if given is None:
        return None
    parsed = instant("expiresAt", given, null)
    return parsed if isinstance(parsed, int) else NEVER
