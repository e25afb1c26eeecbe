"""Temporal evolutions as sources send them (clauses 4.5.6 to 4.5.8: normalized, with system attributes)."""

from collections.abc import Iterable, Mapping
from typing import Any

from broker.core.federate.received import time_told
from broker.core.jsonld.context import ActiveContext
from broker.core.jsonld.expand_temporal import expand_temporal
from broker.core.model.draft import SCOPE
from broker.core.model.entity import VALUE_MEMBER, Instance
from broker.core.model.errors import BadRequestData
from broker.core.model.instant import Instant
from broker.core.temporal.evolution import Evolution
from broker.core.temporal.sample import Sample, deleted
from broker.core.temporal.series import Series

_TIMES = ("createdAt", "modifiedAt", "deletedAt")
_HEAD = ("id", "@id", "type", "@type", "@context", "expiresAt", *_TIMES)


def received_evolution(document: Any, context: ActiveContext) -> Evolution:
    """A valid evolution whose instances keep the times and the `instanceId` that the source tells (None: none).

    Raises BadRequestData where it is none.
    """
    if not isinstance(document, dict):
        raise BadRequestData("a temporal evolution is an object")
    held = {name: _listed(name, value) for name, value in document.items() if name not in _HEAD}
    living = {name: [each for each in given if not _is_deleted(each)] for name, given in held.items()}
    head = {name: document[name] for name in ("id", "@id", "type", "@type") if name in document}
    entity = expand_temporal({**head, **{name: given for name, given in living.items() if given}}, context)
    series: dict[str, Series] = {}
    for name, given in held.items():
        iri = SCOPE if name == "scope" else context.expand_term(name)
        expanded = iter(entity.attributes.get(iri, ()))
        instances = [_marker(each, name) if _is_deleted(each) else _told(next(expanded), each) for each in given]
        if instances:
            series[iri] = Series([_sample(each) for each in instances])
    times = {name: time_told(document, name) for name in _TIMES}
    return Evolution(entity.id, entity.types, series, times["createdAt"], times["modifiedAt"], times["deletedAt"])


def _listed(name: str, value: Any) -> list[Any]:
    """The instances of an attribute. Those of a scope may be written as what they hold, at no time (clause 4.18)."""
    given = value if isinstance(value, list) else [value]
    if name == "scope" and not any(isinstance(each, dict) for each in given):
        return [{"type": "Property", "value": given}]
    if not all(isinstance(each, dict) for each in given):
        raise BadRequestData(f"{name[:100]}: each instance is an object")
    return given


def _is_deleted(source: Mapping[str, Any]) -> bool:
    return "deletedAt" in source


def _marker(source: Mapping[str, Any], name: str) -> Instance:
    kind, at = source.get("type"), time_told(source, "deletedAt")
    if not isinstance(kind, str) or kind not in VALUE_MEMBER or at is None:
        raise BadRequestData(f"{name[:100]}: what tells of a deletion has a type and a DateTime in deletedAt")
    dataset = source.get("datasetId")
    known: Instance = {"type": kind}
    if isinstance(dataset, str) and dataset != "@none":
        known["datasetId"] = dataset
    marker = deleted(known, at)
    if name == "scope":
        marker["value"] = []
    observed = time_told(source, "observedAt")
    if observed is not None:
        marker["observedAt"] = observed
    return _told(marker, source)


def _told(instance: Instance, source: Mapping[str, Any]) -> Instance:
    """The instance, just made and nobody else's, with what the source tells of when and as what it keeps it."""
    for name in _TIMES:
        time = time_told(source, name)
        if time is not None:
            instance[name] = time
    given = source.get("instanceId")
    instance["instanceId"] = given if isinstance(given, str) else None
    return instance


def _sample(instance: Instance) -> Sample:
    known: Iterable[Instant] = (
        instance[name] for name in ("modifiedAt", "createdAt", "observedAt") if name in instance
    )
    return Sample(next(iter(known), 0), 0, instance)
