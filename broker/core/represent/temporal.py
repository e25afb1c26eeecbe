"""Temporal evolutions as clients read them: normalized, simplified, aggregated (clauses 4.5.6 to 4.5.9, 4.5.19)."""

from typing import Any

from broker.core.jsonld.context import ActiveContext
from broker.core.model.draft import SCOPE
from broker.core.model.entity import VALUE_MEMBER, Instance
from broker.core.model.instant import Instant
from broker.core.represent.instance import format_time, render
from broker.core.represent.language import choose
from broker.core.represent.representation import Representation
from broker.core.temporal.aggregates import Aggregated
from broker.core.temporal.evolution import Demand, Evolution, Excerpt
from broker.core.temporal.sample import Sample, instance_id

_PLURAL = {
    "Property": "values",
    "GeoProperty": "values",
    "Relationship": "objects",
    "LanguageProperty": "languageMaps",
    "VocabProperty": "vocabs",
    "JsonProperty": "jsons",
    "ListProperty": "valueLists",
    "ListRelationship": "objectLists",
}
_WRAPPED = frozenset(("LanguageProperty", "VocabProperty", "JsonProperty"))

_OWN = frozenset(("deletedAt", "tie", "instanceId"))
"""Members of an instance that are shown in another way."""


def represent_evolution(
    excerpt: Excerpt, context: ActiveContext, representation: Representation, demand: Demand
) -> dict[str, Any]:
    """Normalized: each attribute is an array of instances. Only shown members, without `@context`."""
    shown = _head(excerpt.evolution, context, representation)
    timeproperty = demand.query.timeproperty if demand.query is not None else None
    for iri, samples in excerpt.samples.items():
        if _is_shown(iri, representation):
            shown[_name(iri, context)] = [_instance(each, context, representation, timeproperty) for each in samples]
    return shown


def represent_values(
    excerpt: Excerpt, context: ActiveContext, representation: Representation, demand: Demand
) -> dict[str, Any]:
    """Simplified (`temporalValues`): pairs of value and time. Several datasets stand in an array."""
    shown = _head(excerpt.evolution, context, representation)
    for iri, samples in excerpt.samples.items():
        if not _is_shown(iri, representation):
            continue
        groups: dict[tuple[str, str | None], list[Any]] = {}
        for sample in samples:
            kind, dataset = _kind(sample.instance["type"], representation), sample.instance.get("datasetId")
            pair = [_bare(sample.instance, context, representation), format_time(demand.time(sample))]
            groups.setdefault((kind, dataset), []).append(pair)
        parts = [
            {"type": kind, **({"datasetId": dataset} if dataset else {}), _PLURAL[kind]: pairs}
            for (kind, dataset), pairs in groups.items()
        ]
        if not parts:
            kind = _kind(excerpt.kinds[iri], representation)
            parts = [{"type": kind, _PLURAL[kind]: []}]
        shown[_name(iri, context)] = parts[0] if len(parts) == 1 else parts
    return shown


def represent_aggregates(
    evolution: Evolution, aggregates: Aggregated, context: ActiveContext, representation: Representation
) -> dict[str, Any]:
    """Aggregated: for each method an array of value, begin and end of the period. Several datasets in an array."""
    shown = _head(evolution, context, representation)
    for iri, datasets in aggregates.items():
        if not _is_shown(iri, representation):
            continue
        parts = []
        for dataset, (kind, methods) in datasets.items():
            cells = {
                method: [[value, format_time(begin), format_time(end)] for value, begin, end in found]
                for method, found in methods.items()
            }
            parts.append({"type": kind, **({"datasetId": dataset} if dataset else {}), **cells})
        shown[_name(iri, context)] = parts[0] if len(parts) == 1 else parts
    return shown


def _head(evolution: Evolution, context: ActiveContext, representation: Representation) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    if representation.shows("id"):
        shown["id"] = evolution.id
    if representation.shows("type"):
        types = [context.compact_iri(each) for each in evolution.types]
        shown["type"] = types[0] if len(types) == 1 else types
    if representation.sys_attrs:
        times: dict[str, Instant | None] = {
            "createdAt": evolution.created_at,
            "modifiedAt": evolution.modified_at,
            "deletedAt": evolution.deleted_at,
        }
        shown.update((name, format_time(time)) for name, time in times.items() if time is not None)
    return shown


def _is_shown(iri: str, representation: Representation) -> bool:
    return representation.shows("scope" if iri == SCOPE else iri)


def _name(iri: str, context: ActiveContext) -> str:
    return "scope" if iri == SCOPE else context.compact_iri(iri)


def _instance(
    sample: Sample, context: ActiveContext, representation: Representation, timeproperty: str | None
) -> dict[str, Any]:
    instance = sample.instance
    plain = {member: value for member, value in instance.items() if member not in _OWN}
    shown: dict[str, Any] = render(plain, context, representation)
    given = instance["instanceId"] if "instanceId" in instance else instance_id(sample.at, sample.tie)
    if given is not None:
        shown["instanceId"] = given
    if "deletedAt" in instance:
        shown["deletedAt"] = format_time(instance["deletedAt"])
    if timeproperty is not None and timeproperty not in shown:
        shown[timeproperty] = format_time(instance[timeproperty])
    return shown


def _kind(kind: str, representation: Representation) -> str:
    """What an attribute is shown as: in one language it is a text (clause 4.15)."""
    return "Property" if kind == "LanguageProperty" and representation.languages is not None else kind


def _bare(instance: Instance, context: ActiveContext, representation: Representation) -> Any:
    kind = instance["type"]
    value = instance[VALUE_MEMBER[kind]]
    if kind == "LanguageProperty" and representation.languages is not None:
        return choose(value, representation.languages)[1]
    if kind == "VocabProperty":
        words = value if isinstance(value, list) else [value]
        compacted = [context.compact_iri(word) for word in words]
        value = compacted if isinstance(value, list) else compacted[0]
    return {VALUE_MEMBER[kind]: value} if kind in _WRAPPED else value
