"""One attribute of a request body, normalized or concise (clause 4.5), to its expanded instances.

A table per attribute kind says what each member of an instance means; a member that no table knows is a sub-attribute.
Refused members are those that clauses 4.5.2 to 4.5.24 prohibit for the kind.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from broker.core.jsonld.context import ActiveContext
from broker.core.jsonld.geometry import geometry, looks_like_geometry
from broker.core.jsonld.limits import MAX_ATTRIBUTE_DEPTH, MAX_ATTRIBUTES, MAX_INSTANCES
from broker.core.jsonld.values import (
    instant,
    iri,
    iris,
    json_value,
    language_map,
    object_list,
    raw_json,
    shown,
    value_list,
)
from broker.core.model.entity import NGSILD_NULL, VALUE_MEMBER, Attributes, Instance
from broker.core.model.errors import BadRequestData


@dataclass(frozen=True, slots=True)
class Reading:
    """How to read a body: with which context, and what this kind of body may leave open.

    `null`: NGSI-LD Null asks for deletion. `partial`: an instance may come without its value.
    `typed`: an inferred type is written down; fragments leave it to what is there already.
    """

    context: ActiveContext
    null: bool = False
    partial: bool = False
    typed: bool = True


_Read = Callable[[Instance, Any, Reading], None]


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
    _read_members(instance, source, _MEMBERS[kind], reading, depth)
    if not reading.partial and VALUE_MEMBER[kind] not in instance:
        raise BadRequestData(f"a {kind} needs the member {_given_member(kind)!r}; got {shown(source)}")
    return instance


def _read_members(
    instance: Instance, source: dict[str, Any], members: dict[str, _Read], reading: Reading, depth: int
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
        instance["attributes"] = expand_attributes(source, _KNOWN, reading, depth + 1)


def _infer(source: dict[str, Any]) -> str | None:
    """The kind of a concise instance, seen from the member that holds its value (clauses 4.5.2.3 to 4.5.24.3)."""
    if "value" in source:
        return "GeoProperty" if looks_like_geometry(source["value"]) else "Property"
    for member, kind in _KIND_OF_GIVEN.items():
        if member in source:
            return kind
    return None


def _expand_untyped(source: dict[str, Any], reading: Reading, depth: int) -> Instance:
    """An object without type and value: the bare value of a Property, unless it has members of an instance."""
    if _REIFIED.isdisjoint(source):
        return _expand_bare(source, reading)
    if not reading.partial:
        raise BadRequestData(
            f"the attribute has neither a type nor a value: got {shown(source)}, expected for example "
            '{"type": "Property", "value": 21.5} or {"type": "Relationship", "object": "urn:ngsi-ld:Room:1"}'
        )
    instance: Instance = {}
    _read_members(instance, source, _MEMBERS["Property"], reading, depth)
    return instance


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
    return (type(kind) is str and kind in VALUE_MEMBER) or (kind is None and not _VALUES.isdisjoint(item))


def _given_member(kind: str) -> str:
    return "value" if kind == "GeoProperty" else VALUE_MEMBER[kind]


def _skip(_instance: Instance, _value: Any, _reading: Reading) -> None:
    """Members that say nothing to store: the type, and what only the broker puts out (clause 5.2)."""


def _read_value(instance: Instance, value: Any, reading: Reading) -> None:
    instance["value"] = json_value(value, reading.null)


def _read_geometry(instance: Instance, value: Any, reading: Reading) -> None:
    instance["geometry"] = geometry(value, reading.null)


def _read_object(instance: Instance, value: Any, reading: Reading) -> None:
    instance["object"] = iris(value, reading.null)


def _read_language_map(instance: Instance, value: Any, reading: Reading) -> None:
    instance["languageMap"] = language_map(value, reading.null)


def _read_json(instance: Instance, value: Any, reading: Reading) -> None:
    instance["json"] = raw_json(value, reading.null)


def _read_value_list(instance: Instance, value: Any, reading: Reading) -> None:
    instance["valueList"] = value_list(value, reading.null)


def _read_object_list(instance: Instance, value: Any, reading: Reading) -> None:
    instance["objectList"] = object_list(value, reading.null)


def _read_vocab(instance: Instance, value: Any, reading: Reading) -> None:
    if value == NGSILD_NULL:
        instance["vocab"] = json_value(value, reading.null)
        return
    words = value if type(value) is list else [value]
    if not words or not all(type(word) is str and word for word in words):
        raise BadRequestData(f"vocab holds a string or a non-empty array of strings, got {shown(value)}")
    expanded = [reading.context.expand_vocab(word) for word in words]
    instance["vocab"] = expanded if type(value) is list else expanded[0]


def _read_observed_at(instance: Instance, value: Any, reading: Reading) -> None:
    instance["observedAt"] = instant("observedAt", value, reading.null)


def _read_expires_at(instance: Instance, value: Any, reading: Reading) -> None:
    instance["expiresAt"] = instant("expiresAt", value, reading.null)


def _read_dataset_id(instance: Instance, value: Any, _reading: Reading) -> None:
    if value == NGSILD_NULL:
        raise BadRequestData("a datasetId cannot be deleted (clause 5.5.8)")
    if value != "@none":
        instance["datasetId"] = iri(value)


def _read_unit_code(instance: Instance, value: Any, reading: Reading) -> None:
    if type(value) is not str or not value or (value == NGSILD_NULL and not reading.null):
        raise BadRequestData(f"unitCode holds a UN/CEFACT code such as 'CEL', got {shown(value)}")
    instance["unitCode"] = value


def _read_value_type(instance: Instance, value: Any, reading: Reading) -> None:
    if type(value) is not str or not value:
        raise BadRequestData(f"valueType holds the name of a datatype, got {shown(value)}")
    if value == NGSILD_NULL:
        instance["valueType"] = json_value(value, reading.null)
    else:
        instance["valueType"] = reading.context.expand_vocab(value)


def _read_object_type(instance: Instance, value: Any, reading: Reading) -> None:
    if value == NGSILD_NULL:
        instance["objectType"] = json_value(value, reading.null)
        return
    names = value if type(value) is list else [value]
    if not names or not all(type(name) is str for name in names):
        raise BadRequestData(f"objectType holds an entity type name or an array of them, got {shown(value)}")
    instance["objectType"] = [reading.context.expand_type(name) for name in names]


def _read_proof(instance: Instance, value: Any, reading: Reading) -> None:
    if type(value) is not dict and value != NGSILD_NULL:
        raise BadRequestData(f"ngsildproof holds a Property whose value is the proof, got {shown(value)}")
    instance["ngsildproof"] = json_value(value, reading.null)


def _refuse_context(_instance: Instance, _value: Any, _reading: Reading) -> None:
    raise BadRequestData("an attribute has no @context of its own: give it at the top of the body (clause 5.5.7)")


def _refuse_sealed(_instance: Instance, _value: Any, _reading: Reading) -> None:
    raise BadRequestData("entityIdSealed and entityTypeSealed belong to ngsildproof alone")


_GIVEN: dict[str, tuple[str, _Read]] = {
    "Property": ("value", _read_value),
    "GeoProperty": ("value", _read_geometry),
    "Relationship": ("object", _read_object),
    "LanguageProperty": ("languageMap", _read_language_map),
    "VocabProperty": ("vocab", _read_vocab),
    "JsonProperty": ("json", _read_json),
    "ListProperty": ("valueList", _read_value_list),
    "ListRelationship": ("objectList", _read_object_list),
}
_KIND_OF_GIVEN = {member: kind for kind, (member, _) in _GIVEN.items() if member != "value"}
_VALUES = frozenset(member for member, _ in _GIVEN.values())
_OUTPUT_ONLY = (
    *("createdAt", "modifiedAt", "deletedAt", "instanceId", "entity", "entityList"),
    *("previousValue", "previousObject", "previousLanguageMap", "previousVocab", "previousJson"),
    *("previousValueList", "previousObjectList"),
)
_WITH_UNIT = frozenset({"Property", "ListProperty"})
_WITH_VALUE_TYPE = frozenset({"Property", "GeoProperty", "ListProperty"})
_WITH_OBJECT_TYPE = frozenset({"Relationship", "ListRelationship"})


def _refusing(kind: str, member: str) -> _Read:
    def refuse(_instance: Instance, _value: Any, _reading: Reading) -> None:
        raise BadRequestData(f"a {kind} has no member {member!r}: it says what it says in {_given_member(kind)!r}")

    return refuse


def _members(kind: str) -> dict[str, _Read]:
    readers: dict[str, _Read] = {member: _refusing(kind, member) for member in _VALUES}
    readers |= dict.fromkeys(("type", "@type", *_OUTPUT_ONLY), _skip)
    readers |= {"observedAt": _read_observed_at, "expiresAt": _read_expires_at, "datasetId": _read_dataset_id}
    readers |= {"ngsildproof": _read_proof, "@context": _refuse_context}
    readers |= {"entityIdSealed": _refuse_sealed, "entityTypeSealed": _refuse_sealed}
    readers["unitCode"] = _read_unit_code if kind in _WITH_UNIT else _refusing(kind, "unitCode")
    readers["valueType"] = _read_value_type if kind in _WITH_VALUE_TYPE else _refusing(kind, "valueType")
    readers["objectType"] = _read_object_type if kind in _WITH_OBJECT_TYPE else _refusing(kind, "objectType")
    member, read = _GIVEN[kind]
    readers[member] = read
    return readers


_MEMBERS: dict[str, dict[str, _Read]] = {kind: _members(kind) for kind in VALUE_MEMBER}
_KNOWN = frozenset(_MEMBERS["Property"])
_REIFIED = frozenset(
    ("observedAt", "expiresAt", "datasetId", "unitCode", "valueType", "objectType", "ngsildproof", "@context")
)
NOT_ATTRIBUTES = _KNOWN - {"type", "@type", "@context"}
"""Terms of the core context that are no attributes (clause 4.5.1)."""
