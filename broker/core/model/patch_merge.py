"""The merge patch (clauses 5.5.12, 5.6.17; RFC 7396 with NGSI-LD Nulls): into instances, values and sub-attributes."""

from dataclasses import dataclass
from typing import Any

from broker.core.model.change import Change
from broker.core.model.draft import Draft
from broker.core.model.entity import NGSILD_NULL, VALUE_MEMBER, Attributes, Entity, Instance
from broker.core.model.errors import BadRequestData
from broker.core.model.instances import (
    KIND_OF_MEMBER,
    KINDS_WITH,
    aligned,
    index_of,
    is_null,
    refuse_foreign,
    stored,
    typed,
    value_member,
)
from broker.core.model.instant import Instant

_NOT_MERGED = frozenset(("type", "datasetId", "createdAt", "modifiedAt"))
_JSON_MEMBERS = frozenset(("value", "json", "languageMap"))
"""Members whose objects merge member by member; every other one is replaced."""


@dataclass(frozen=True, slots=True)
class MergeOptions:
    """What a merge applies across attributes that are there already (clause 5.6.17.3).

    `observed_at`: for instances that have an `observedAt` and are given none.
    `lang`: the key to set in the map of a LanguageProperty that is given as a string or list of strings.
    `simplified`: the fragment has bare values; an attribute that is there keeps its type.
    """

    observed_at: Instant | None = None
    lang: str | None = None
    simplified: bool = False


PLAIN = MergeOptions()
"""A merge without any option."""


def merge(
    current: Entity | None, entity_id: str, fragment: Entity, now: Instant, options: MergeOptions = PLAIN
) -> Change:
    """Clause 5.6.17: merge into the instances that are there, add the others, delete what is NGSI-LD Null.

    Raises:
        ResourceNotFound: there is no such entity.
        BadRequestData: a new attribute without a value, or a bare value that does not suit the attribute's type.
    """
    draft = Draft(current, entity_id, now)
    for iri, instances in fragment.attributes.items():
        _merge_attribute(draft, iri, instances, now, options)
    draft.add_types(fragment.types)
    if fragment.scopes:
        draft.set_scopes(fragment.scopes)
    if fragment.expires_at is not None:
        draft.set_expiry(fragment.expires_at)
    return draft.finish(now)


def merge_json(target: Any, patch: Any) -> Any:
    """RFC 7396 with the NGSI-LD Null in the place of null. A JSON-LD value object replaces as a whole."""
    if not isinstance(patch, dict):
        return patch
    if "@value" in patch or not isinstance(target, dict):
        target = {}
    result = dict(target)
    for name, value in patch.items():
        if value == NGSILD_NULL:
            result.pop(name, None)
        else:
            result[name] = merge_json(result.get(name), value) if isinstance(value, dict) else value
    return result


def _merge_attribute(draft: Draft, iri: str, instances: list[Instance], now: Instant, options: MergeOptions) -> None:
    def made(instance: Instance, former: Instance | None) -> Instance:
        return _added(instance, iri, now) if former is None else _merged(former, instance, iri, now, options)

    draft.put_each(iri, instances, made)


def _added(instance: Instance, iri: str, now: Instant) -> Instance:
    new = stored(typed(instance, iri), now)
    _strip_nulls(new)
    return new


def _strip_nulls(instance: Instance) -> None:
    """Take Nulls out of the values of an instance that `stored` has just built."""
    for member in _JSON_MEMBERS:
        if isinstance(instance.get(member), dict):
            instance[member] = merge_json(None, instance[member])
    for nested in instance.get("attributes", {}).values():
        for one in nested:
            _strip_nulls(one)


def _merged(old: Instance, fragment: Instance, iri: str, now: Instant, options: MergeOptions) -> Instance:
    kind = old["type"]
    fragment = _suited(aligned(fragment, kind), kind, iri, options)
    new = dict(old)
    given = _kind_given(fragment, kind, iri)
    refuse_foreign(fragment, given, iri)
    if given != kind:
        new.pop(VALUE_MEMBER[kind], None)
        new["type"] = given
        new = {member: value for member, value in new.items() if given in KINDS_WITH.get(member, (given,))}
    for member, value in fragment.items():
        if member in _NOT_MERGED:
            continue
        if member == "attributes":
            _merge_nested(new, value, now)
        elif value == NGSILD_NULL:
            new.pop(member, None)
        elif member in _JSON_MEMBERS and isinstance(value, dict):
            new[member] = merge_json(old.get(member), value)
        else:
            new[member] = value
    if options.observed_at is not None and "observedAt" in old and "observedAt" not in fragment:
        new["observedAt"] = options.observed_at
    new["modifiedAt"] = now
    return new


def _kind_given(fragment: Instance, kind: str, iri: str) -> str:
    """The kind that the fragment makes of an instance of that kind."""
    member = value_member(fragment)
    given: str = fragment.get("type") or (kind if member is None else KIND_OF_MEMBER[member])
    if given != kind and member is None:
        raise BadRequestData(f"Attribute {iri} is a {kind}; to make it a {given}, give its new value as well.")
    return given


def _merge_nested(instance: Instance, fragment: Attributes, now: Instant) -> None:
    """Merge sub-attributes, in an instance that is still being built."""
    nested: Attributes = dict(instance.get("attributes", {}))
    for iri, instances in fragment.items():
        result = list(nested.get(iri, ()))
        for one in instances:
            _merge_one(result, one, iri, now)
        if result:
            nested[iri] = result
        else:
            nested.pop(iri, None)
    if nested:
        instance["attributes"] = nested
    else:
        instance.pop("attributes", None)


def _merge_one(result: list[Instance], fragment: Instance, iri: str, now: Instant) -> None:
    index = index_of(result, fragment.get("datasetId"))
    if is_null(fragment):
        if index >= 0:
            del result[index]
    elif index < 0:
        result.append(_added(fragment, iri, now))
    else:
        result[index] = _merged(result[index], fragment, iri, now, PLAIN)


def _suited(fragment: Instance, kind: str, iri: str, options: MergeOptions) -> Instance:
    """The fragment as one of that kind, where a bare value left its kind open."""
    given = value_member(fragment)
    if given is None or given == VALUE_MEMBER[kind]:
        return fragment
    value = fragment[given]
    if kind == "LanguageProperty" and options.lang is not None and given == "value" and _is_text(value):
        return _as_kind(fragment, kind, {options.lang: value})
    if not options.simplified:
        return fragment
    if given != "value" or not _suits(value, kind):
        raise BadRequestData(
            f"Attribute {iri} is a {kind}, and the value given for it is none. "
            "A merge of simplified values cannot change the type of an attribute (clause 6.5.3.4)."
        )
    return _as_kind(fragment, kind, value)


def _as_kind(fragment: Instance, kind: str, value: Any) -> Instance:
    rest = {member: one for member, one in fragment.items() if member not in {"type", "value"}}
    return {**rest, "type": kind, VALUE_MEMBER[kind]: value}


def _is_text(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(one, str) for one in value))


def _suits(value: Any, kind: str) -> bool:
    if kind == "Relationship":
        return _is_text(value) and all(":" in one for one in ([value] if isinstance(value, str) else value))
    if kind in {"ListProperty", "ListRelationship"}:
        return isinstance(value, list)
    return False
