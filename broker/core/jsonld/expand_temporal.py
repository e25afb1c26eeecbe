"""Temporal bodies (clause 5.2.20) to entities whose attributes have an instance for each point in time.

An attribute is an instance or an array of them, of any datasets, or comes in the simplified form of clause 4.5.9.
Scopes may be plain, or instances like those of a Property; they become the attribute `SCOPE`.
"""

from typing import Any

from broker.core.jsonld.attribute import expand_instance
from broker.core.jsonld.context import ActiveContext
from broker.core.jsonld.expand import expand_entity, expand_fragment, is_same
from broker.core.jsonld.limits import MAX_ATTRIBUTES
from broker.core.jsonld.members import NOT_ATTRIBUTES, Reading
from broker.core.jsonld.values import shown
from broker.core.model.draft import SCOPE
from broker.core.model.entity import Entity, Instance
from broker.core.model.errors import BadRequestData

MAX_SAMPLES = 20_000
"""Instances in one request, which then holds the process for some 200 ms."""

_PAIRS = {
    "values": "value",
    "objects": "object",
    "languageMaps": "languageMap",
    "vocabs": "vocab",
    "jsons": "json",
    "valueLists": "valueList",
    "objectLists": "objectList",
}
_WRAPPED = frozenset(("languageMap", "vocab", "json"))
_NOT_ATTRIBUTES = frozenset(
    ("id", "@id", "type", "@type", "scope", "expiresAt", "@context", "createdAt", "modifiedAt", "deletedAt")
)
_SCOPE_MEMBERS = frozenset(("type", "value", "observedAt", "createdAt", "modifiedAt", "deletedAt", "instanceId"))


def expand_temporal(document: dict[str, Any], context: ActiveContext, *, fragment: bool = False) -> Entity:
    """The temporal evolution in a body. A `fragment` may lack id and type.

    Raises BadRequestData, whose detail says what was expected.
    """
    head = {name: document[name] for name in ("id", "@id", "type", "@type") if name in document}
    entity = expand_fragment(head, context) if fragment else expand_entity(head, context)
    reading = Reading(context)
    attributes: dict[str, list[Instance]] = {}
    for name, value in document.items():
        if name in _NOT_ATTRIBUTES:
            continue
        iri = context.expand_term(name)
        if name in NOT_ATTRIBUTES:
            raise BadRequestData(f"{name!r} is a term of NGSI-LD itself and cannot be the name of an attribute")
        try:
            attributes[iri] = expand_samples(value, reading)
        except BadRequestData as error:
            raise BadRequestData(f"{name}: {error.detail}") from None
    if len(attributes) > MAX_ATTRIBUTES:
        raise BadRequestData(f"more than {MAX_ATTRIBUTES} attributes")
    if sum(map(len, attributes.values())) > MAX_SAMPLES:
        raise BadRequestData(f"more than {MAX_SAMPLES} instances; send them in several requests")
    if "scope" in document:
        attributes[SCOPE] = _scope_samples(document["scope"], context)
    return entity.with_(attributes=attributes)


def expand_one_sample(document: dict[str, Any], name: str, context: ActiveContext) -> Instance:
    """The instance in the body of clause 5.6.14: `{name: [instance]}`, `{name: instance}` or the instance itself."""
    iri = context.expand_term(name)
    others: dict[str, Any] = {
        member: value for member, value in document.items() if member not in ("id", "type", "@context")
    }
    value: Any = document
    if len(others) == 1:
        member, only = next(iter(others.items()))
        if isinstance(only, list | dict) and is_same(member, iri, context):
            value = only
    instances = expand_samples(value, Reading(context))
    if len(instances) != 1:
        raise BadRequestData(f"the body has {len(instances)} instances; to modify one, give exactly one")
    return instances[0]


def expand_samples(source: Any, reading: Reading) -> list[Instance]:
    """The instances of one attribute."""
    if isinstance(source, dict) and not _PAIRS.keys().isdisjoint(source):
        return _from_pairs(source, reading)
    given = source if isinstance(source, list) else [source]
    if not given or len(given) > MAX_SAMPLES:
        raise BadRequestData(f"an attribute has 1 to {MAX_SAMPLES} instances in one request")
    for each in given:
        if not isinstance(each, dict):
            raise BadRequestData(f"each instance is an object with type and value, got {shown(each)}")
    if any(not _PAIRS.keys().isdisjoint(each) for each in given):
        return [instance for each in given for instance in _from_pairs(each, reading)]
    return [expand_instance(each, reading, 1) for each in given]


def _from_pairs(source: dict[str, Any], reading: Reading) -> list[Instance]:
    """Simplified: `{"type": "Property", "values": [[value, time], ...]}` and its like."""
    plural = next((name for name in _PAIRS if name in source), None)
    pairs = source.get(plural) if plural is not None else None
    if plural is None or not isinstance(pairs, list) or not 0 < len(pairs) <= MAX_SAMPLES:
        raise BadRequestData(f"a simplified attribute holds 1 to {MAX_SAMPLES} pairs of value and time")
    member, common = _PAIRS[plural], {name: value for name, value in source.items() if name in ("type", "datasetId")}
    instances = []
    for pair in pairs:
        if not isinstance(pair, list) or len(pair) != 2:
            raise BadRequestData(f"{plural} holds pairs of value and time, got {shown(pair)}")
        value, observed_at = pair
        if member in _WRAPPED and isinstance(value, dict) and list(value) == [member]:
            value = value[member]
        instances.append(expand_instance({**common, member: value, "observedAt": observed_at}, reading, 1))
    return instances


def _scope_samples(given: Any, context: ActiveContext) -> list[Instance]:
    items = given if isinstance(given, list) else [given]
    if not any(isinstance(item, dict) for item in items):
        return [{"type": "Property", "value": _scopes(given, context)}]
    samples: list[Instance] = []
    for item in items:
        if not isinstance(item, dict) or "value" not in item or not item.keys() <= _SCOPE_MEMBERS:
            raise BadRequestData(f"each instance of scope has a value and may have an observedAt, got {shown(item)}")
        sample = expand_instance({**item, "type": "Property", "value": ""}, Reading(context), 1)
        samples.append({**sample, "value": _scopes(item["value"], context)})
    return samples


def _scopes(given: Any, context: ActiveContext) -> list[str]:
    return expand_fragment({"scope": given}, context).scopes or []
