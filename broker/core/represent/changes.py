"""Instances as notifications tell of them: deleted ones (clauses 4.5.0, 5.8.6) and those with what was before."""

from collections.abc import Sequence
from typing import Any

from broker.core.model.entity import NGSILD_NULL, VALUE_MEMBER, Instance
from broker.core.model.instant import Instant

PREVIOUS_MEMBER: dict[str, str] = {
    "value": "previousValue",
    "geometry": "previousValue",
    "object": "previousObject",
    "languageMap": "previousLanguageMap",
    "vocab": "previousVocab",
    "json": "previousJson",
    "valueList": "previousValueList",
    "objectList": "previousObjectList",
}
"""Value member to the member that shows it as it was (`showChanges`)."""


def deleted_instance(instance: Instance, at: Instant) -> Instance:
    """What remains of a deleted instance: its kind, its dataset, its times, and NGSI-LD Null as its value."""
    kind = instance["type"]
    deleted: Instance = {"type": kind, VALUE_MEMBER[kind]: _null(kind)}
    for member in ("datasetId", "createdAt", "modifiedAt"):
        if member in instance:
            deleted[member] = instance[member]
    deleted["deletedAt"] = at
    return deleted


def with_previous(instances: Sequence[Instance], previous: Sequence[Instance]) -> list[Instance]:
    """The instances, each with the value that the instance of the same dataset had before."""
    before = {instance.get("datasetId"): instance for instance in previous}
    shown: list[Instance] = []
    for instance in instances:
        old = before.get(instance.get("datasetId"))
        if old is not None:
            member = VALUE_MEMBER[old["type"]]
            instance = {**instance, PREVIOUS_MEMBER[member]: old[member]}  # noqa: PLW2901 (the original must not change)
        shown.append(instance)
    return shown


def _null(kind: str) -> Any:
    if kind == "LanguageProperty":
        return {"@none": NGSILD_NULL}
    return [NGSILD_NULL] if kind in ("ListProperty", "ListRelationship") else NGSILD_NULL
