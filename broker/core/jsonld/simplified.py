"""Simplified ("key-values") bodies (clause 4.5.4), where an operation takes them (clause 5.6.17)."""

from typing import Any

from broker.core.jsonld.attribute import expand_instance, with_type
from broker.core.jsonld.geometry import geometry, looks_like_geometry
from broker.core.jsonld.limits import MAX_ATTRIBUTES, MAX_INSTANCES
from broker.core.jsonld.members import NOT_ATTRIBUTES, Reading
from broker.core.jsonld.values import iri, json_value
from broker.core.model.entity import Attributes, Instance
from broker.core.model.errors import BadRequestData

_WRAPPED = frozenset(("languageMap", "vocab", "json"))


def expand_simplified(source: dict[str, Any], skipped: frozenset[str], reading: Reading) -> Attributes:
    """All members that are not skipped, each a bare value. BadRequestData names the attribute at fault."""
    attributes: Attributes = {}
    for name, value in source.items():
        if name in skipped:
            continue
        if name in NOT_ATTRIBUTES:
            raise BadRequestData(f"{name!r} is a term of NGSI-LD itself and cannot be the name of an attribute")
        try:
            attributes[reading.context.expand_term(name)] = _instances(value, reading)
        except BadRequestData as error:
            raise BadRequestData(f"{name}: {error.detail}") from None
    if len(attributes) > MAX_ATTRIBUTES:
        raise BadRequestData(f"more than {MAX_ATTRIBUTES} attributes on one level")
    return attributes


def _instances(value: Any, reading: Reading) -> list[Instance]:
    if type(value) is dict and len(value) == 1 and type(value.get("dataset")) is dict:
        datasets = value["dataset"]
        if not 0 < len(datasets) <= MAX_INSTANCES:
            raise BadRequestData(f"dataset holds 1 to {MAX_INSTANCES} instances by their datasetId")
        return [_of_dataset(dataset, each, reading) for dataset, each in datasets.items()]
    return [_instance(value, reading)]


def _of_dataset(dataset: str, value: Any, reading: Reading) -> Instance:
    instance = _instance(value, reading)
    return instance if dataset == "@none" else {**instance, "datasetId": iri(dataset)}


def _instance(value: Any, reading: Reading) -> Instance:
    if type(value) is dict:
        if looks_like_geometry(value):
            return with_type("GeoProperty", {"geometry": geometry(value, reading.null)}, reading)
        if len(value) == 1 and not _WRAPPED.isdisjoint(value):
            return expand_instance(value, reading, 1)
    return with_type("Property", {"value": json_value(value, reading.null)}, reading)
