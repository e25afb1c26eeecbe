"""Entities as earlier versions of the specification knew them (clause 4.3.6.8)."""

from collections.abc import Mapping
from typing import TypeAlias

from broker.core.jsonld.context import ActiveContext
from broker.core.model.entity import NGSILD_NULL, VALUE_MEMBER, Attributes, Entity, Instance
from broker.core.represent.changes import PREVIOUS_MEMBER

Version: TypeAlias = tuple[int, int]
"""Major and minor version of the specification."""

_SINCE: dict[str, Version] = {
    "LanguageProperty": (1, 4),
    "JsonProperty": (1, 8),
    "VocabProperty": (1, 8),
    "ListProperty": (1, 8),
    "ListRelationship": (1, 8),
}
_MEMBERS_SINCE: dict[str, Version] = {
    "datasetId": (1, 3),
    "observedAt": (1, 3),
    "unitCode": (1, 3),
    "objectType": (1, 8),
    "expiresAt": (1, 9),
    "valueType": (1, 9),
}
SCOPES_SINCE: Version = (1, 4)
SEVERAL_SINCE: Version = (1, 3)
"""Several types of an entity, and several instances of an attribute at a time."""
_EXPIRY_SINCE: Version = (1, 9)


def conforming(entity: Entity, version: Version, context: ActiveContext, *, spoken: bool = False) -> Entity:
    """The entity with what came later left out, or told as a Property or Relationship.

    `spoken`: LanguageProperties stay, because they are going to be told in one language, as Properties.
    """
    since = kinds_since(spoken=spoken)
    members: dict[str, object] = {"attributes": _attributes(entity.attributes, version, context, since)}
    if version < _EXPIRY_SINCE:
        members["expires_at"] = None
    if version < SCOPES_SINCE:
        members["scopes"] = None
    if version < SEVERAL_SINCE:
        members["types"] = entity.types[:1]
    return entity.with_(**members)


def _attributes(
    attributes: Attributes, version: Version, context: ActiveContext, since: Mapping[str, Version]
) -> Attributes:
    known: Attributes = {}
    for name, instances in attributes.items():
        kept = instances
        if version < SEVERAL_SINCE and len(instances) > 1:
            kept = [next((each for each in instances if "datasetId" not in each), instances[0])]
        known[name] = [conforming_instance(each, version, context, since) for each in kept]
    return known


def kinds_since(*, spoken: bool) -> Mapping[str, Version]:
    """The kinds of attribute that were not always there; `spoken` as for `conforming`."""
    return {**_SINCE, "LanguageProperty": (1, 0)} if spoken else _SINCE


def older_kind(kind: str, version: Version, since: Mapping[str, Version]) -> str:
    """What the version calls an attribute of that kind."""
    if since.get(kind, version) <= version:
        return kind
    return "Relationship" if kind == "ListRelationship" else "Property"


def conforming_instance(
    instance: Instance, version: Version, context: ActiveContext, since: Mapping[str, Version]
) -> Instance:
    """One instance of an attribute as the version has it; `since` is what `kinds_since` tells."""
    known = {name: value for name, value in instance.items() if _MEMBERS_SINCE.get(name, version) <= version}
    if "attributes" in known:
        known["attributes"] = _attributes(known["attributes"], version, context, since)
    kind = instance["type"]
    older = older_kind(kind, version, since)
    return known if older == kind else _retold(known, kind, older, context)


def _retold(instance: Instance, kind: str, older: str, context: ActiveContext) -> Instance:
    member = VALUE_MEMBER[kind]
    names = {member: VALUE_MEMBER[older], PREVIOUS_MEMBER[member]: PREVIOUS_MEMBER[VALUE_MEMBER[older]]}
    told = {names.get(name, name): value for name, value in instance.items()}
    told["type"] = older
    if "deletedAt" in instance:
        told[names[member]] = NGSILD_NULL
    if kind == "VocabProperty":
        for name in names.values():
            if name in told:
                told[name] = _words(told[name], context)
    return told


def _words(value: str | list[str], context: ActiveContext) -> str | list[str]:
    return [context.compact_iri(each) for each in value] if isinstance(value, list) else context.compact_iri(value)
