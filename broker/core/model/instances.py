"""Attribute instances in a write: which one is meant, whether it asks for deletion, and what gets stored.

Nothing here changes its arguments. Nesting is bounded where requests are read, so recursion is, too.
"""

from collections.abc import Iterator
from typing import Any

from broker.core.model.entity import NGSILD_NULL, VALUE_MEMBER, Attributes, Instance
from broker.core.model.errors import BadRequestData
from broker.core.model.instant import Instant

KIND_OF_MEMBER: dict[str, str] = {member: kind for kind, member in VALUE_MEMBER.items()}
"""Value member to the attribute kind that it belongs to."""

KINDS_WITH: dict[str, frozenset[str]] = {
    "unitCode": frozenset(("Property", "ListProperty")),
    "valueType": frozenset(("Property", "GeoProperty", "ListProperty")),
    "objectType": frozenset(("Relationship", "ListRelationship")),
}
"""Members that only some attribute kinds may have (clauses 4.5.2 to 4.5.24)."""

_NULL_LIST = [NGSILD_NULL]
_NULL_MAP = {"@none": NGSILD_NULL}
_NULL_REFUSERS = ("value", "languageMap")
"""Where a Null further inside has no meaning outside of merges; what a JsonProperty holds is never interpreted."""


def value_member(instance: Instance) -> str | None:
    """The member that holds what the instance says; `None` in a fragment that leaves the value alone."""
    kind = instance.get("type")
    if kind is not None and VALUE_MEMBER[kind] in instance:
        return VALUE_MEMBER[kind]
    for member in KIND_OF_MEMBER:
        if member in instance:
            return member
    return None


def is_null(instance: Instance) -> bool:
    """Whether the value is an NGSI-LD Null (clause 4.5.0), in any of its encodings."""
    member = value_member(instance)
    if member is None:
        return False
    value = instance[member]
    if value == NGSILD_NULL:
        return True
    if member == "languageMap":
        return bool(value == _NULL_MAP)
    return member in {"valueList", "objectList"} and bool(value == _NULL_LIST)


def index_of(instances: list[Instance], dataset_id: str | None) -> int:
    """Where the instance of that dataset stands (`None`: the default instance, clause 4.5.5); -1 if nowhere."""
    for index, instance in enumerate(instances):
        if instance.get("datasetId") == dataset_id:
            return index
    return -1


def typed(instance: Instance, iri: str) -> Instance:
    """The instance with its `type`, which a concise fragment leaves to be seen from its value.

    Raises:
        BadRequestData: it has no value, so there is nothing to store.
    """
    member = value_member(instance)
    if member is None:
        raise BadRequestData(f"Attribute {iri} is not there yet, so the request has to give its value.")
    if "type" in instance:
        return instance
    return {"type": KIND_OF_MEMBER[member], **instance}


def aligned(instance: Instance, kind: str) -> Instance:
    """A fragment without `type`, read as a fragment of an attribute of that kind.

    Only a GeoProperty's value is ambiguous: without the type a geometry looks like any other value.
    """
    if "type" in instance:
        return instance
    if kind == "GeoProperty" and "value" in instance:
        return _renamed(instance, "value", "geometry")
    if kind == "Property" and "geometry" in instance:
        return _renamed(instance, "geometry", "value")
    return instance


def refuse_foreign(fragment: Instance, kind: str, iri: str) -> None:
    """See that an attribute of that kind may have the members of a fragment that left its kind open.

    Raises:
        BadRequestData: it may not.
    """
    for member, kinds in KINDS_WITH.items():
        if member in fragment and kind not in kinds:
            raise BadRequestData(f"Attribute {iri} is a {kind}, which has no {member}; leave it out.")


def stored(instance: Instance, now: Instant, old: Instance | None = None) -> Instance:
    """What is kept of an instance that is new (`old` None) or that replaces another: stamped (clause 4.8), no Nulls.

    `createdAt` stays that of the instance replaced, and so for sub-attributes.
    """
    new = {member: value for member, value in instance.items() if value != NGSILD_NULL}
    if "attributes" in new:
        nested = stored_attributes(new["attributes"], now, old.get("attributes") if old else None)
        if nested:
            new["attributes"] = nested
        else:
            del new["attributes"]
    new["createdAt"] = now if old is None else old.get("createdAt", now)
    new["modifiedAt"] = now
    return new


def stored_attributes(attributes: Attributes, now: Instant, old: Attributes | None = None) -> Attributes:
    """The same for all instances of all (sub-)attributes; what asks for deletion is left out."""
    result: Attributes = {}
    for iri, instances in attributes.items():
        former = old.get(iri) if old else None
        kept = [_stored_over(instance, former, now, iri) for instance in instances if not is_null(instance)]
        if kept:
            result[iri] = kept
    return result


def refuse_nested_null(instance: Instance, iri: str) -> None:
    """Clause 5.5.4: only a merge may carry NGSI-LD Nulls inside of a value.

    Raises:
        BadRequestData: there is one.
    """
    for member in _NULL_REFUSERS:
        value = instance.get(member)
        if isinstance(value, dict | list) and NGSILD_NULL in _leaves(value):
            raise BadRequestData(
                f"The value of {iri} contains {NGSILD_NULL}, which only a merge (PATCH of the entity) understands. "
                "Give the whole new value instead."
            )
    for nested, instances in instance.get("attributes", {}).items():
        for one in instances:
            if not is_null(one):
                refuse_nested_null(one, nested)


def _stored_over(instance: Instance, former: list[Instance] | None, now: Instant, iri: str) -> Instance:
    if "type" not in instance:
        instance = typed(instance, iri)
    if not former:
        return stored(instance, now)
    index = index_of(former, instance.get("datasetId"))
    return stored(instance, now, former[index] if index >= 0 else None)


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for one in value.values():
            yield from _leaves(one)
    elif isinstance(value, list):
        for one in value:
            yield from _leaves(one)
    elif isinstance(value, str):
        yield value


def _renamed(instance: Instance, member: str, wanted: str) -> Instance:
    return {wanted if name == member else name: value for name, value in instance.items()}
