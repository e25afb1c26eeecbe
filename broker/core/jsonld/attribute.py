"""One attribute of a request body, normalized or concise (clause 4.5), to its expanded instances."""

from typing import Any

from broker.core.jsonld.geometry import geometry, looks_like_geometry
from broker.core.jsonld.limits import MAX_ATTRIBUTE_DEPTH, MAX_ATTRIBUTES, MAX_INSTANCES
from broker.core.jsonld.members import (
    KIND_OF_GIVEN,
    KNOWN,
    MEMBERS,
    MEMBERS_OF_ANY,
    MEMBERS_TOLD,
    NOT_ATTRIBUTES,
    REIFIED,
    VALUES,
    Read,
    Reading,
    given_member,
)
from broker.core.jsonld.values import json_value, shown
from broker.core.model.entity import NGSILD_NULL, VALUE_MEMBER, Attributes, Instance
from broker.core.model.errors import BadRequestData


def expand_attributes(source: dict[str, Any], skipped: frozenset[str], reading: Reading, depth: int = 1) -> Attributes:
    """All members of an object that are not skipped, as attributes. BadRequestData names the attribute at fault."""
    attributes: Attributes = {}
    expand = reading.context.expand_term
    for name, value in source.items():
        if name in skipped:
            continue
        attribute = expand(name)
        try:
            instances = expand_instances(value, reading, depth)
        except BadRequestData as error:
            raise BadRequestData(f"{name}: {error.detail}") from None
        if name in NOT_ATTRIBUTES:
            raise BadRequestData(f"{name!r} is a term of NGSI-LD itself and cannot be the name of an attribute")
        if attribute in attributes:
            raise BadRequestData(f"two members of the body are the same attribute {attribute}")
        attributes[attribute] = instances
    if len(attributes) > MAX_ATTRIBUTES:
        raise BadRequestData(f"more than {MAX_ATTRIBUTES} attributes on one level")
    return attributes


def expand_instances(source: Any, reading: Reading, depth: int = 1) -> list[Instance]:
    """The instances of one attribute: from an instance, an array of instances (4.5.5), or a concise bare value."""
    if type(source) is dict:
        return [expand_instance(source, reading, depth)]
    if type(source) is list and source and all(map(_looks_like_instance, source)):
        return _expand_several(source, reading, depth)
    return [_expand_bare(source, reading)]


def expand_instance(source: dict[str, Any], reading: Reading, depth: int) -> Instance:
    """One instance given as an object: normalized, concise, or a concise value that is an object itself."""
    kind = source.get("type") or source.get("@type")
    if kind is None:
        kind = _infer(source)
        if kind is None:
            return _expand_untyped(source, reading, depth)
        instance: Instance = {"type": kind} if reading.typed else {}
    elif type(kind) is str and kind in VALUE_MEMBER:
        instance = {"type": kind}
    elif looks_like_geometry(source):
        return with_type("GeoProperty", {"geometry": geometry(source, reading.null)}, reading)
    else:
        raise BadRequestData(
            f"the attribute is an object whose type is {shown(kind)}; expected one of {', '.join(VALUE_MEMBER)}. "
            'An object with a member "type" is given as {"type": "Property", "value": {…}}'
        )
    _read_members(instance, source, (MEMBERS_TOLD if reading.told else MEMBERS)[kind], reading, depth)
    if not reading.partial and VALUE_MEMBER[kind] not in instance:
        raise BadRequestData(f"a {kind} needs the member {given_member(kind)!r}; got {shown(source)}")
    return instance


def _read_members(
    instance: Instance, source: dict[str, Any], members: dict[str, Read], reading: Reading, depth: int
) -> None:
    nested = False
    for name, value in source.items():
        read = members.get(name)
        if read is None:
            nested = True
        else:
            read(instance, value, reading)
    if nested:
        if depth >= MAX_ATTRIBUTE_DEPTH:
            raise BadRequestData(f"attributes of attributes nest deeper than {MAX_ATTRIBUTE_DEPTH}")
        instance["attributes"] = expand_attributes(source, KNOWN, reading, depth + 1)


def _infer(source: dict[str, Any]) -> str | None:
    """The kind of a concise instance, seen from the member that holds its value (clauses 4.5.2.3 to 4.5.24.3)."""
    if "value" in source:
        return "GeoProperty" if looks_like_geometry(source["value"]) else "Property"
    for member, kind in KIND_OF_GIVEN.items():
        if member in source:
            return kind
    return None


def _expand_untyped(source: dict[str, Any], reading: Reading, depth: int) -> Instance:
    """An object without type and value: the bare value of a Property, unless it has members of an instance."""
    if REIFIED.isdisjoint(source) and not _has_sub_attributes(source, reading):
        return _expand_bare(source, reading)
    if not reading.partial:
        raise BadRequestData(
            f"the attribute has neither a type nor a value: got {shown(source)}, expected for example "
            '{"type": "Property", "value": 21.5} or {"type": "Relationship", "object": "urn:ngsi-ld:Room:1"}'
        )
    return expand_members(source, reading, depth)


def expand_members(source: dict[str, Any], reading: Reading, depth: int = 1) -> Instance:
    """An instance that leaves its value alone (clauses 5.5.8, 5.5.12): whatever is no member is a sub-attribute."""
    instance: Instance = {}
    _read_members(instance, source, MEMBERS_OF_ANY, reading, depth)
    return instance


def _has_sub_attributes(source: dict[str, Any], reading: Reading) -> bool:
    """Whether an object without type and value has attributes for members, or asks for nothing but their deletion."""
    if any(_is_normalized(value) for value in source.values()):
        return True
    return reading.partial and bool(source) and all(value == NGSILD_NULL for value in source.values())


def _is_normalized(value: Any) -> bool:
    if type(value) is not dict:
        return False
    kind = value.get("type")
    return type(kind) is str and kind in VALUE_MEMBER and given_member(kind) in value


def _expand_bare(value: Any, reading: Reading) -> Instance:
    return with_type("Property", {"value": json_value(value, reading.null)}, reading)


def with_type(kind: str, instance: Instance, reading: Reading) -> Instance:
    """The instance with the inferred type, where the kind of body wants it written down."""
    return {"type": kind, **instance} if reading.typed else instance


def _expand_several(source: list[Any], reading: Reading, depth: int) -> list[Instance]:
    if len(source) > MAX_INSTANCES:
        raise BadRequestData(f"more than {MAX_INSTANCES} instances of one attribute")
    instances = [expand_instance(each, reading, depth) for each in source]
    datasets = {instance.get("datasetId") for instance in instances}
    if len(datasets) < len(instances):
        raise BadRequestData(
            "two instances of the attribute have the same datasetId, or both have none: at most one is the default "
            "instance (clause 4.5.5)"
        )
    return instances


def _looks_like_instance(item: Any) -> bool:
    if type(item) is not dict:
        return False
    kind = item.get("type") or item.get("@type")
    return (type(kind) is str and kind in VALUE_MEMBER) or (kind is None and not VALUES.isdisjoint(item))
