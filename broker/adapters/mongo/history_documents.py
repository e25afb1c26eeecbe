"""Histories as MongoDB documents (ADR 11).

```
history     {_id: {e: entity, t: µs, v: str}, types: [iri], attributes: {<escaped iri>: [instance]}, escaped: true?}
chunks      {e: entity, a: iri, d: dataset?, types: [iri], n: samples, first, last, from, to: µs, data: bytes,
             created: {first, last: µs}?, modified: {first, last: µs}?, deleted: {first, last: µs}?}
evolutions  {_id: entity, types: [iri], createdAt: µs, modifiedAt: µs, deletedAt: µs?}
```

`history` takes what was just committed, one document for each change of an entity. Compaction moves it into `chunks`,
where `first` and `last` bound the times of observation (of recording, where there are none), `from` and `to` those
of recording, `created` and `modified` the system's times where all samples have them, and `deleted` those of deletions;
early chunks lack these. `evolutions` knows the entities that have a history without being current.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from bson import Binary
from bson.max_key import MaxKey

from broker.adapters.mongo.documents import stored_attributes, to_document, to_entity
from broker.core.model.change import Change
from broker.core.model.entity import Attributes, Entity, Instance
from broker.core.model.instant import Instant
from broker.core.temporal.chunk import Chunk, pack
from broker.core.temporal.sample import Sample, recorded, tied
from broker.core.temporal.series import natural_time

Document = dict[str, Any]
Ties: TypeAlias = defaultdict[tuple[Instant, str], int]
"""For an instant and an attribute, how many instances were recorded of it."""

LARGEST_RECORD = 2_000
"""Instances in one document of `history`: of usual ones a few hundred kilobytes."""
BOUNDS = {"createdAt": "created", "modifiedAt": "modified", "deletedAt": "deleted"}
"""Temporal Properties to the members of a chunk's document that bound them."""

LARGEST_CHUNK = 1_000
"""Samples in one chunk: enough that its columns pack well, few enough that to change one costs milliseconds."""


def of_change(
    change: Change, version: str, ties: Ties | None = None, *, plain: bool = False, encoded: Any = None
) -> Document | None:
    """What a committed change adds to the history; None where it touched nothing that has one.

    `ties` is needed where the group changes the entity more than once. `plain`: no name in a value begins with `$`.
    `encoded`: all attributes of the entity as they are stored, which then need not be encoded again.
    """
    attributes = recorded(change)
    if not attributes:
        return None
    if ties is not None or not plain:
        return of_attributes(change.entity.id, change.entity.types, attributes, change.at, version, ties)
    if encoded is None or not _is_all(attributes, change.entity.attributes):
        several = {iri: tied(each) if len(each) > 1 else each for iri, each in attributes.items()}
        encoded = stored_attributes(several)
    document_id = {"e": change.entity.id, "t": change.at, "v": version}
    return {"_id": document_id, "types": change.entity.types, "attributes": encoded}


def _is_all(recorded_: Attributes, attributes: Attributes) -> bool:
    """Whether what is recorded are the attributes as they are, one instance of each."""
    if len(recorded_) != len(attributes):
        return False
    for iri, instances in attributes.items():
        found = recorded_.get(iri)
        if found is None or len(found) != 1 or len(instances) != 1 or found[0] is not instances[0]:
            return False
    return True


def of_attributes(
    entity_id: str, types: list[str], attributes: Attributes, at: Instant, version: str, ties: Ties | None = None
) -> Document:
    """Instances recorded together. `ties` counts what was recorded before of the same entity by the same group."""
    several: Attributes = {}
    for iri, instances in attributes.items():
        taken = ties[at, iri] if ties is not None else 0
        several[iri] = tied(instances, taken) if taken or len(instances) > 1 else instances
        if ties is not None:
            ties[at, iri] = taken + len(instances)
    stored = to_document(Entity("", types, several), "")
    document = {
        "_id": {"e": entity_id, "t": at, "v": version},
        "types": types,
        "attributes": stored["attributes"],
    }
    if "escaped" in stored:
        document["escaped"] = True
    return document


def of_import(entity_id: str, types: list[str], attributes: Attributes, at: Instant, version: str) -> list[Document]:
    """Instances recorded together, however many, in documents of at most `LARGEST_RECORD`."""
    if sum(map(len, attributes.values())) <= LARGEST_RECORD:
        return [of_attributes(entity_id, types, attributes, at, version)]
    documents: list[Document] = []
    ties: Ties = defaultdict(int)
    for iri, instances in attributes.items():
        for start in range(0, len(instances), LARGEST_RECORD):
            part = {iri: instances[start : start + LARGEST_RECORD]}
            documents.append(of_attributes(entity_id, types, part, at, f"{version}.{len(documents)}", ties))
    return documents


def attributes_of(document: Document) -> Attributes:
    """The instances of a freshly decoded document of `history`, which are taken over."""
    return to_entity({"_id": "", "types": [], "createdAt": 0, "modifiedAt": 0, **_content(document)}).attributes


def samples_of(document: Document) -> dict[str, list[Sample]]:
    """The same as samples."""
    at = document["_id"]["t"]
    return {
        iri: [Sample(at, each.get("tie", 0), _untied(each)) for each in instances]
        for iri, instances in attributes_of(document).items()
    }


def whole_range(entity_id: str) -> Document:
    """The filter for all documents of `history` of an entity."""
    return {"_id": {"$gte": {"e": entity_id}, "$lt": {"e": entity_id, "t": MaxKey()}}}


def one_instant(entity_id: str, at: Instant) -> Document:
    """The filter for what was recorded of an entity at one instant."""
    return {"_id": {"$gte": {"e": entity_id, "t": at}, "$lt": {"e": entity_id, "t": at, "v": MaxKey()}}}


def chunk_document(entity_id: str, iri: str, types: list[str], samples: Iterable[Sample]) -> Document:
    """A chunk of samples of one dataset, without its `_id`."""
    listed = list(samples)
    times = [natural_time(each) for each in listed]
    recorded_at = [each.at for each in listed]
    document = {
        "e": entity_id,
        "a": iri,
        "types": types,
        "n": len(listed),
        "first": min(times),
        "last": max(times),
        "from": min(recorded_at),
        "to": max(recorded_at),
        "data": Binary(pack(listed)),
        **_bounds(listed),
    }
    dataset = listed[0].instance.get("datasetId")
    return {**document, "d": dataset} if dataset is not None else document


def _bounds(samples: list[Sample]) -> Document:
    bounds: Document = {}
    for timeproperty, name in BOUNDS.items():
        times = [each.instance[timeproperty] for each in samples if timeproperty in each.instance]
        if times and (len(times) == len(samples) or name == "deleted"):
            bounds[name] = {"first": min(times), "last": max(times)}
    return bounds


def chunk_of(document: Mapping[str, Any]) -> Chunk:
    """The chunk in a document of `chunks`."""
    return Chunk(document["data"], document["n"])


def _content(document: Document) -> Document:
    return {name: document[name] for name in ("attributes", "escaped") if name in document}


def _untied(instance: Instance) -> Instance:
    return {name: value for name, value in instance.items() if name != "tie"} if "tie" in instance else instance


def rewritten(document: Document, attributes: Attributes) -> Document:
    """A document of `history` with other attributes, whose instances have their tie numbers already."""
    stored = to_document(Entity("", [], attributes), "")
    other = {"_id": document["_id"], "types": document["types"], "attributes": stored["attributes"]}
    return {**other, "escaped": True} if "escaped" in stored else other
