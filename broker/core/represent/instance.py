"""One attribute instance, compacted: normalized, concise or simplified (clauses 4.5.2 to 4.5.4, 4.5.18 to 4.5.24)."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from broker.core.jsonld.context import ActiveContext
from broker.core.jsonld.geometry import looks_like_geometry
from broker.core.model.entity import NGSILD_NULL, VALUE_MEMBER, Attributes, Instance
from broker.core.model.instant import format_instant
from broker.core.represent.language import choose
from broker.core.represent.representation import CONCISE, Representation

format_time = lru_cache(8192)(format_instant)
"""As `format_instant`; the entities of one answer share most of their instants."""

_PREVIOUS = ("previousValue", "previousObject", "previousLanguageMap", "previousJson", "previousValueList")
_PLAIN = frozenset(
    ("value", "object", "languageMap", "json", "valueList", "datasetId", "unitCode", "ngsildproof", "lang", *_PREVIOUS)
)
_SYSTEM = frozenset(("createdAt", "modifiedAt", "expiresAt", "deletedAt"))
_MARKED = frozenset(VALUE_MEMBER.values()) | {"type", "@type", "datasetId", "observedAt", "unitCode", "expiresAt"}
"""Members by which a reader of the concise form takes an object for an instance."""


def render(instance: Instance, context: ActiveContext, representation: Representation) -> Any:
    """The instance in normalized or concise form."""
    if "languageMap" in instance and representation.languages is not None:
        instance = _in_language(instance, representation.languages)
    elif "deletedAt" in instance and representation.form == CONCISE and _says_only_deleted(instance, representation):
        return NGSILD_NULL
    shown: dict[str, Any] = {}
    for member, value in instance.items():
        if member in _PLAIN or member == "type":
            shown[member] = value
        elif member == "observedAt":
            shown[member] = format_time(value)
        elif member in _SYSTEM:
            if representation.sys_attrs:
                shown[member] = format_time(value)
        elif member == "geometry":
            shown["value"] = value
        elif member == "attributes":
            render_attributes(shown, value, context, representation)
        else:
            shown[member] = _COMPACTED[member](value, context) if member in _COMPACTED else value
    return _concise(shown) if representation.form == CONCISE else shown


def render_attributes(
    shown: dict[str, Any], attributes: Attributes, context: ActiveContext, representation: Representation
) -> None:
    """Add all attributes to an object, under their short names."""
    compact = context.compact_iri
    for attribute, instances in attributes.items():
        if len(instances) == 1:
            shown[compact(attribute)] = render(instances[0], context, representation)
        else:
            shown[compact(attribute)] = [render(each, context, representation) for each in instances]


def simplify(instances: list[Instance], context: ActiveContext, representation: Representation) -> Any:
    """All instances of an attribute in simplified form: the bare value, or `dataset` with one for each datasetId."""
    if len(instances) == 1 and "datasetId" not in instances[0]:
        return _bare(instances[0], context, representation)
    return {"dataset": {each.get("datasetId", "@none"): _bare(each, context, representation) for each in instances}}


def _bare(instance: Instance, context: ActiveContext, representation: Representation) -> Any:
    member = VALUE_MEMBER[instance["type"]]
    value = instance[member]
    if "deletedAt" in instance:
        return NGSILD_NULL
    if member == "vocab":
        return {"vocab": _compact_words(value, context)}
    if member == "json":
        return {"json": value}
    if member == "languageMap":
        if representation.languages is not None:
            return choose(value, representation.languages)[1]
        return {"languageMap": value}
    return value


def _in_language(instance: Instance, languages: tuple[str, ...]) -> Instance:
    tag, text = choose(instance["languageMap"], languages)
    other = {name: value for name, value in instance.items() if name not in ("type", "languageMap")}
    return {"type": "Property", "value": text, "lang": tag, **other}


def _says_only_deleted(instance: Instance, representation: Representation) -> bool:
    if representation.sys_attrs:
        return False
    return not any(member == "datasetId" or member.startswith("previous") for member in instance)


def _concise(shown: dict[str, Any]) -> Any:
    """A normalized instance without its type, or its bare value, where a reader still sees what it is."""
    kind = shown["type"]
    if "value" not in shown:
        del shown["type"]
        if kind == "ListRelationship" and "objectList" in shown:
            shown["objectList"] = _bare_targets(shown["objectList"])
        return shown
    value = shown["value"]
    if (kind == "GeoProperty") != looks_like_geometry(value):
        return shown
    if len(shown) == 2 and (kind == "GeoProperty" or not _reads_as_instance(value)):
        return value
    del shown["type"]
    return shown


def _reads_as_instance(value: Any) -> bool:
    if type(value) is dict:
        return not _MARKED.isdisjoint(value)
    return type(value) is list and any(type(each) is dict for each in value)


def _targets(value: list[Any], _context: ActiveContext) -> list[Any]:
    return [_targets(each, _context) if type(each) is list else {"object": each} for each in value]


def _bare_targets(value: list[Any]) -> list[Any]:
    return [_bare_targets(each) if type(each) is list else each["object"] for each in value]


def _compact_words(value: Any, context: ActiveContext) -> Any:
    return [context.compact_iri(each) for each in value] if type(value) is list else context.compact_iri(value)


def _compact_types(value: Any, context: ActiveContext) -> Any:
    return _compact_words(value[0] if type(value) is list and len(value) == 1 else value, context)


_COMPACTED: dict[str, Callable[[Any, ActiveContext], Any]] = {
    "vocab": _compact_words,
    "previousVocab": _compact_words,
    "valueType": _compact_words,
    "objectType": _compact_types,
    "objectList": _targets,
    "previousObjectList": _targets,
}
