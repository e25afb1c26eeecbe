"""What is asked of which source, and what stays here (clauses 4.3.6.1 to 4.3.6.3, 5.6, 5.7.1, 5.7.2).

Nothing planned goes beyond what a registration covers: neither ids, nor types, nor attributes.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from broker.core.federate.loop import is_loop
from broker.core.federate.match import Wanted, matching, selects
from broker.core.federate.registration import AUXILIARY, EXCLUSIVE, INCLUSIVE, REDIRECT, Information, Registration
from broker.core.model.entity import Entity
from broker.core.model.instant import Instant
from broker.core.ql.ast import EntitySelector
from broker.core.ql.types import TypeSelection

Names = frozenset[str]
_ANY = EntitySelector()


@dataclass(frozen=True, slots=True)
class Journey:
    """How a request came here: the aliases it has passed, this broker's own, and when."""

    via: tuple[str, ...]
    alias: str
    now: Instant


@dataclass(frozen=True, slots=True)
class Asking:
    """One question to one source: entities so selected, and of them these attributes (None: all that there are).

    `operation` is the one to ask with: the first of those preferred that the source supports.
    """

    registration: Registration
    selector: EntitySelector
    attributes: Names | None
    operation: str
    is_loop: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """What of a change goes to one source: these attributes, or the entity as a whole where `attributes` is None.

    A part that is not `is_supported`, or that `is_loop`, has to fail: nobody but the source may hold it.
    """

    registration: Registration
    attributes: Names | None
    is_supported: bool = True
    is_loop: bool = False


@dataclass(frozen=True, slots=True)
class Split:
    """A change as parts for sources, and the attributes that remain for this broker, if it `stays` here at all."""

    parts: tuple[Part, ...] = ()
    remaining: Names = field(default_factory=frozenset)
    stays: bool = True


def plan_questions(
    registrations: Iterable[Registration],
    wanted: Wanted,
    projected: Names,
    operations: Sequence[str],
    journey: Journey,
) -> list[Asking]:
    """The questions that a query, or a retrieval by id, makes necessary. `projected`: attributes to ask for; none: all.

    `operations` are those that answer such a question, the preferred one first. Sources that would lead in circles are
    among them where they alone hold the data, marked as loops.
    """
    questions: list[Asking] = []
    for registration in registrations:
        operation = next((each for each in operations if each in registration.operations), None)
        if operation is None or registration.is_expired(journey.now):
            continue
        looped = is_loop(registration, journey.via, journey.alias)
        if looped and not registration.is_proxied:
            continue
        for information in matching(registration, wanted):
            attributes = _asked(information, projected)
            if attributes is not None and not attributes:
                continue
            for selector in _narrowed(information, wanted):
                questions.append(Asking(registration, selector, attributes, operation, looped))
    return questions


def split(
    registrations: Iterable[Registration],
    entity_id: str,
    types: Iterable[str] | None,
    names: Names,
    operations: Sequence[str],
    journey: Journey,
    *,
    whole: bool = False,
    evolution: bool = False,
) -> Split:
    """Divide a change of some attributes of an entity; with `whole` a change of all of it, such as its deletion.

    With `evolution` it is the evolution in time that changes, and registrations of evolutions count as well.

    `types` None: they are not known. A source supports the change if it offers any of `operations`. Exclusive
    registrations come first, then redirect ones, and what both leave goes to inclusive ones as well as to this broker.
    """
    known = None if types is None else frozenset(types)
    found = [each for each in registrations if not each.is_expired(journey.now) and (evolution or not each.is_temporal)]
    parts: list[Part] = []
    remaining, stays = names, True
    for mode in (EXCLUSIVE, REDIRECT, INCLUSIVE):
        shares = []
        for registration in (each for each in found if each.mode == mode):
            covered = coverage(registration, entity_id, known)
            attributes = None if whole else _covered(covered, remaining)
            # A change that names no attribute, such as an entity without any, concerns those who hold all of it.
            if covered and (attributes is None or attributes or (not names and None in covered)):
                shares.append(_part(registration, attributes, operations, journey))
        if mode == INCLUSIVE:
            parts += [each for each in shares if each.is_supported and not each.is_loop]
            break
        parts += shares
        remaining = remaining.difference(*(each.attributes or () for each in shares))
        if shares and not whole and not names:
            stays = False
    if names and not remaining and not whole:
        stays = False
    return Split(tuple(parts), remaining, stays)


def _part(registration: Registration, attributes: Names | None, operations: Sequence[str], journey: Journey) -> Part:
    is_supported = not registration.operations.isdisjoint(operations)
    return Part(registration, attributes, is_supported, is_loop(registration, journey.via, journey.alias))


def coverage(registration: Registration, entity_id: str, types: Names | None) -> list[Names | None]:
    """What the registration covers of an entity: a set of attributes for each element that concerns it; None: all."""
    return [each.attributes for each in registration.information if _is_about(each, entity_id, types)]


def admitted(registration: Registration, entity: Entity) -> Entity | None:
    """What of an entity that a source sent is covered by its registration; None where nothing is."""
    covered = coverage(registration, entity.id, frozenset(entity.types))
    if not covered:
        return None
    attributes = entity.attributes
    if None not in covered:
        names = _covered(covered, frozenset(attributes))
        attributes = {name: instances for name, instances in attributes.items() if name in names}
    datasets = registration.dataset_ids
    if datasets is not None:
        kept = {
            name: [each for each in instances if each.get("datasetId", "@none") in datasets]
            for name, instances in attributes.items()
        }
        attributes = {name: instances for name, instances in kept.items() if instances}
    return entity if attributes is entity.attributes else entity.with_(attributes=attributes)


def registered_types(registration: Registration, entity_id: str) -> Names:
    """The types under which an entity of that id is registered; none where any would do."""
    types: set[str] = set()
    for information in registration.information:
        if not information.entities:
            return frozenset()
        types.update(*(info.types for info in information.entities if info.admits_id(entity_id)))
    return frozenset(types)


def is_auxiliary(registration: Registration) -> bool:
    """Whether its data only adds to what others have (clause 4.3.6.2)."""
    return registration.mode == AUXILIARY


def _covered(covered: list[Names | None], names: Names) -> Names:
    if None in covered:
        return names
    return names.intersection(frozenset[str]().union(*(each for each in covered if each is not None)))


def _is_about(information: Information, entity_id: str, types: Names | None) -> bool:
    if not information.entities:
        return True
    return any(info.admits_id(entity_id) and (types is None or info.types <= types) for info in information.entities)


def _asked(information: Information, projected: Names) -> Names | None:
    if information.attributes is None:
        return projected or None
    return information.attributes & projected if projected else information.attributes


def _narrowed(information: Information, wanted: Wanted) -> Iterator[EntitySelector]:
    """The selectors of a request, narrowed to the entities of an element. Ids of the same types share a question."""
    selectors = wanted.selectors or (_ANY,)
    if not information.entities:
        yield from selectors
        return
    by_type: dict[Names, dict[str, None]] = {}
    others: dict[tuple[Names, str | None], None] = {}
    for selector in selectors:
        for info in information.entities:
            if not selects(selector, info, wanted.patterns):
                continue
            ids = tuple(filter(info.admits_id, selector.ids)) if selector.ids else (info.id,) if info.id else ()
            if ids:
                by_type.setdefault(info.types, {}).update(dict.fromkeys(ids))
            else:
                others[info.types, info.id_pattern or selector.id_pattern] = None
    for types, found in by_type.items():
        yield EntitySelector(tuple(found), None, _types(types))
    for types, pattern in others:
        yield EntitySelector((), pattern, _types(types))


def _types(types: Names) -> TypeSelection:
    return TypeSelection((tuple(sorted(types)),))


def narrowed(information: Iterable[Information], wanted: Wanted) -> list[EntitySelector]:
    """The selectors of a request or subscription, narrowed to the entities of elements of a registration."""
    return list(dict.fromkeys(selector for each in information for selector in _narrowed(each, wanted)))
