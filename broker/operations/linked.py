"""Linked Entity retrieval (clause 4.5.23): the entities that relationships lead to, as far as they are stored here."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from broker.core.jsonld.context import ActiveContext
from broker.core.model.entity import Entity, Instance
from broker.core.model.errors import TooManyResults
from broker.core.model.expiry import live
from broker.core.represent import SIMPLIFIED, Representation, represent
from broker.operations.ports import Ports

MAX_LINKED = 5_000
"""Linked entities in one answer: five pages of the largest size."""

_TARGETS = {"Relationship": "object", "ListRelationship": "objectList"}
_SHOWN_AS = {"Relationship": "entity", "ListRelationship": "entityList"}


@dataclass(frozen=True, slots=True)
class Linking:
    """`mode`: `flat`, `inline`, or empty for none; `level`: how deep; `met`: ids not to be followed again."""

    mode: str = ""
    level: int = 0
    met: frozenset[str] = frozenset()


class Found(NamedTuple):
    """An entity that a relationship leads to, and what is asked of it there."""

    entity: Entity
    representation: Representation


async def reachable(
    ports: Ports, tenant: str, entities: Sequence[Entity], linking: Linking, representation: Representation
) -> dict[str, Found]:
    """The entities within `level` relationships of those given, by id, in the order in which they are met.

    Only relationships that the representation shows are followed. Neither the entities given nor those of
    `linking.met` are among the result; one that is met twice is shown as where it was met first. Raises
    TooManyResults beyond MAX_LINKED.
    """
    seen = {entity.id for entity in entities} | linking.met
    found: dict[str, Found] = {}
    frontier = [Found(entity, representation) for entity in entities]
    now = ports.clock.now()
    for _ in range(linking.level):
        wanted: dict[str, Representation] = {}
        for target, asked in _all_targets(frontier):
            if target not in seen:
                wanted.setdefault(target, asked)
        if not wanted:
            break
        if len(found) + len(wanted) > MAX_LINKED:
            raise TooManyResults(f"The relationships lead to more than {MAX_LINKED} entities; ask for fewer at a time.")
        seen.update(wanted)
        read = await ports.entities.get_many(tenant, list(wanted))
        fresh = {
            target: Found(entity, asked)
            for target, asked in wanted.items()
            if (entity := live(read.get(target), now)) is not None
        }
        found.update(fresh)
        frontier = list(fresh.values())
    return found


def leads_nowhere(entity: Entity, found: Mapping[str, Found], linking: Linking, representation: Representation) -> bool:
    """Whether the entity has relationships of which none is retrievable: no target is stored here (clause 4.5.23.1).

    A target met before counts as stored, so that asking again with it in `met` gets an answer of the same shape.
    """
    targets = {target for target, _ in _all_targets((Found(entity, representation),))}
    return bool(targets) and not found and targets.isdisjoint(linking.met | {entity.id})


def inline(
    entity: Entity,
    found: Mapping[str, Found],
    context: ActiveContext,
    representation: Representation,
    linking: Linking,
) -> dict[str, Any]:
    """The entity's JSON with each linked entity inside the relationship that leads to it (clause 4.5.23.2)."""
    return _inline(entity, found, context, representation, linking.level, linking.met | {entity.id})


def _inline(
    entity: Entity,
    found: Mapping[str, Found],
    context: ActiveContext,
    representation: Representation,
    level: int,
    met: frozenset[str],
) -> dict[str, Any]:
    document = represent(entity, context, representation)
    if not level:
        return document
    for iri, instances in entity.attributes.items():
        name = context.compact_iri(iri)
        if name not in document or not any(each["type"] in _TARGETS for each in instances):
            continue
        asked = representation.beyond(iri)

        def show(target: str, asked: Representation = asked) -> Any:
            if target in met or target not in found:
                return None
            return _inline(found[target].entity, found, context, asked, level - 1, met | {target}) or None

        document[name] = _with_linked(document[name], instances, show, representation)
    return document


def _with_linked(shown: Any, instances: list[Instance], show: Any, representation: Representation) -> Any:
    if representation.form == SIMPLIFIED:
        return _simplified(instances[0], show, shown) if len(instances) == 1 else shown
    if not isinstance(shown, list):
        return _annotated(shown, instances, show)
    return [_annotated(each, instances, show) for each in shown]


def _annotated(shown: dict[str, Any], instances: list[Instance], show: Any) -> dict[str, Any]:
    """The instance with the member `entity` or `entityList` added."""
    instance = next(each for each in instances if each.get("datasetId") == shown.get("datasetId"))
    kind = instance["type"]
    if kind not in _TARGETS:
        return shown
    linked = [document for target in _targets(instance) if (document := show(target)) is not None]
    if not linked:
        return shown
    single = kind == "Relationship" and isinstance(instance["object"], str)
    return {**shown, _SHOWN_AS[kind]: linked[0] if single else linked}


def _simplified(instance: Instance, show: Any, shown: Any) -> Any:
    """The linked entity in place of its URI (clause 4.5.4); the URI where it is not here."""
    if instance["type"] not in _TARGETS:
        return shown
    documents = [show(target) or target for target in _targets(instance)]
    single = instance["type"] == "Relationship" and isinstance(instance["object"], str)
    return documents[0] if single else documents


def _all_targets(frontier: Iterable[Found]) -> Iterable[tuple[str, Representation]]:
    for entity, representation in frontier:
        for iri, instances in entity.attributes.items():
            if not representation.shows(iri):
                continue
            for instance in instances:
                if instance["type"] in _TARGETS:
                    asked = representation.beyond(iri)
                    yield from ((target, asked) for target in _targets(instance))


def _targets(instance: Instance) -> list[str]:
    targets = instance[_TARGETS[instance["type"]]]
    if isinstance(targets, str):
        return [targets]
    return [each for each in targets if isinstance(each, str)]
