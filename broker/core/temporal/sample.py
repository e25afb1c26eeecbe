"""One recorded instance of an attribute, and what a committed change leaves behind of them (clauses 4.5.6, 4.5.7).

An instance's identity within its entity and attribute is the instant at which it was recorded and a tie number, so
that its `instanceId` is computed instead of stored.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from broker.core.model.change import Change, Trigger
from broker.core.model.draft import SCOPE
from broker.core.model.entity import NGSILD_NULL, VALUE_MEMBER, Attributes, Instance
from broker.core.model.instant import Instant

_PREFIX = "urn:ngsi-ld:Instance:"
_NULLS = {"languageMap": {"@none": NGSILD_NULL}, "valueList": [NGSILD_NULL], "objectList": [NGSILD_NULL]}


@dataclass(frozen=True, slots=True)
class Sample:
    """An instance with the instant at which it was recorded and its tie number among those of that instant."""

    at: Instant
    tie: int
    instance: Instance

    @property
    def key(self) -> tuple[Instant, int]:
        """What tells it from all other instances of its attribute."""
        return self.at, self.tie


def instance_id(at: Instant, tie: int) -> str:
    """The `instanceId` (a URI) of the instance recorded then."""
    return f"{_PREFIX}{at:x}-{tie:x}"


def parse_instance_id(text: str) -> tuple[Instant, int] | None:
    """The key behind an `instanceId`; None for one that this broker never gave."""
    if not text.startswith(_PREFIX) or len(text) > len(_PREFIX) + 32:
        return None
    at, _, tie = text.removeprefix(_PREFIX).partition("-")
    try:
        key = int(at, 16), int(tie, 16)
    except ValueError:
        return None
    return key if instance_id(*key) == text else None


def time_of(sample: Sample, timeproperty: str) -> Instant | None:
    """The instant that a Temporal Property has in the sample; None where it has none (clause 4.11)."""
    instant: Instant | None = sample.instance.get(timeproperty)
    return instant


def recorded(change: Change) -> Attributes:
    """What the change adds to the history: new instances, and a deletion marker for each that is gone."""
    at = change.at
    gone = change.trigger is Trigger.ENTITY_DELETED
    now: Attributes = {} if gone else change.entity.attributes
    previous = change.previous
    found: Attributes = {}
    for iri in change.attributes:
        former = previous.get(iri)
        instances = now.get(iri, []) if former is None else _changed(now.get(iri, ()), former, at)
        if instances:
            found[iri] = instances
    before = change.before.scopes if change.before is not None else None
    after = None if gone else change.entity.scopes
    if before != after:
        found[SCOPE] = [scope_instance(after, at)]
    return found


def deleted(instance: Instance, at: Instant) -> Instance:
    """The marker that an instance leaves when it is deleted (clauses 4.5.7, 4.5.8)."""
    member = VALUE_MEMBER[instance["type"]]
    marker = {"type": instance["type"], member: _NULLS.get(member, NGSILD_NULL)}
    if "datasetId" in instance:
        marker["datasetId"] = instance["datasetId"]
    return {**marker, "createdAt": instance.get("createdAt", at), "modifiedAt": at, "deletedAt": at}


def scope_instance(scopes: list[str] | None, at: Instant) -> Instance:
    """The scopes as an instance (clause 4.5.6); none any more are an empty list with the time of deletion."""
    instance: Instance = {"type": "Property", "value": scopes or [], "createdAt": at, "modifiedAt": at}
    if scopes:
        instance["observedAt"] = at
    else:
        instance["deletedAt"] = at
    return instance


def tied(instances: Iterable[Instance], first: int = 0) -> list[Instance]:
    """Instances of one attribute recorded at one instant, with their tie numbers (but 0) as member `tie`."""
    return [{**instance, "tie": tie} if tie else instance for tie, instance in enumerate(instances, first)]


def _changed(now: Sequence[Instance], former: Sequence[Instance], at: Instant) -> list[Instance]:
    if len(now) == 1 and len(former) == 1 and now[0].get("datasetId") == former[0].get("datasetId"):
        # By far the most: worth a way of its own, as each write passes here.
        return [] if now[0] is former[0] else [now[0]]
    known = {id(old) for old in former}
    instances = [each for each in now if id(each) not in known]
    datasets = {each.get("datasetId") for each in now}
    return instances + [deleted(old, at) for old in former if old.get("datasetId") not in datasets]
