"""What each member of an attribute instance means, for each attribute kind (clauses 4.5.2 to 4.5.24).

`MEMBERS` is a table per kind; a member that no table knows is a sub-attribute. Refused members are those that the
clauses prohibit for the kind.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from broker.core.jsonld.context import ActiveContext
from broker.core.jsonld.geometry import geometry
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
from broker.core.model.entity import NGSILD_NULL, VALUE_MEMBER, Instance
from broker.core.model.errors import BadRequestData
from broker.core.model.instances import KINDS_WITH
from broker.core.model.instant import parse_instant


@dataclass(frozen=True, slots=True)
class Reading:
    """How to read a body: with which context, and what this kind of body may leave open.

    `null`: NGSI-LD Null asks for deletion. `partial`: an instance may come without its value.
    `typed`: an inferred type is written down; fragments leave it to what is there already.
    `told`: the times of creation and change are those that the body tells, as a broker's answer does.
    """

    context: ActiveContext
    null: bool = False
    partial: bool = False
    typed: bool = True
    told: bool = False


Read = Callable[[Instance, Any, Reading], None]
"""Reads one member's value into the instance being built."""


def given_member(kind: str) -> str:
    """The member that holds the value in a body."""
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


def _read_time(name: str) -> Read:
    """Reads when something was created or changed; what is no time is passed over."""

    def read(instance: Instance, value: Any, _reading: Reading) -> None:
        told = parse_instant(value) if type(value) is str else None
        if told is not None:
            instance[name] = told

    return read


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


_GIVEN: dict[str, tuple[str, Read]] = {
    "Property": ("value", _read_value),
    "GeoProperty": ("value", _read_geometry),
    "Relationship": ("object", _read_object),
    "LanguageProperty": ("languageMap", _read_language_map),
    "VocabProperty": ("vocab", _read_vocab),
    "JsonProperty": ("json", _read_json),
    "ListProperty": ("valueList", _read_value_list),
    "ListRelationship": ("objectList", _read_object_list),
}
KIND_OF_GIVEN = {member: kind for kind, (member, _) in _GIVEN.items() if member != "value"}
"""Member that holds the value in a body to the kind that it tells; `value` alone does not tell."""

VALUES = frozenset(member for member, _ in _GIVEN.values())
"""Members that hold values in bodies."""

_OUTPUT_ONLY = ("createdAt", "modifiedAt", "deletedAt", "instanceId")
_JOINED = {"Relationship": "entity", "ListRelationship": "entityList"}
"""Kind to the member that holds its linked entities in answers (clause 4.5.23)."""
_OF_SOME: dict[str, Read] = {
    "unitCode": _read_unit_code,
    "valueType": _read_value_type,
    "objectType": _read_object_type,
}


def _refusing(kind: str, member: str) -> Read:
    def refuse(_instance: Instance, _value: Any, _reading: Reading) -> None:
        raise BadRequestData(f"a {kind} has no member {member!r}: it says what it says in {given_member(kind)!r}")

    return refuse


def _previous(member: str) -> str:
    """The member in which notifications tell the value before (clause 4.5.2.2 and so on)."""
    return "previous" + member[0].upper() + member[1:]


def _members(kind: str) -> dict[str, Read]:
    member, read = _GIVEN[kind]
    prohibited = [*VALUES, *map(_previous, VALUES), *_JOINED.values()]
    readers: dict[str, Read] = {each: _refusing(kind, each) for each in prohibited}
    output = ("type", "@type", *_OUTPUT_ONLY, _previous(member), _JOINED.get(kind, "type"))
    readers |= dict.fromkeys(output, _skip)
    readers |= {"observedAt": _read_observed_at, "expiresAt": _read_expires_at, "datasetId": _read_dataset_id}
    readers |= {"ngsildproof": _read_proof, "@context": _refuse_context}
    readers |= {"entityIdSealed": _refuse_sealed, "entityTypeSealed": _refuse_sealed}
    for each, reader in _OF_SOME.items():
        readers[each] = reader if kind in KINDS_WITH[each] else _refusing(kind, each)
    readers[member] = read
    return readers


def _members_of_any() -> dict[str, Read]:
    readers = MEMBERS["Property"] | _OF_SOME
    return readers | dict.fromkeys([*map(_previous, VALUES), *_JOINED.values()], _skip)


MEMBERS: dict[str, dict[str, Read]] = {kind: _members(kind) for kind in VALUE_MEMBER}
"""Attribute kind to the readers of its members."""

_TOLD = {name: _read_time(name) for name in ("createdAt", "modifiedAt")}
MEMBERS_TOLD = {kind: readers | _TOLD for kind, readers in MEMBERS.items()}
"""The same, where the body tells the times of creation and change."""

MEMBERS_OF_ANY = _members_of_any()
"""The readers for an instance that leaves its value and its kind alone."""

KNOWN = frozenset(MEMBERS["Property"])
"""Every member that is not a sub-attribute."""

REIFIED = frozenset(
    ("observedAt", "expiresAt", "datasetId", "unitCode", "valueType", "objectType", "ngsildproof", "@context")
)
"""Members that mark an object as an instance even without type and value."""

NOT_ATTRIBUTES = KNOWN - {"type", "@type", "@context"}
"""Terms of the core context that are no attributes (clause 4.5.1)."""
