"""When to send, and what may travel together (clauses 5.2.12 `throttling`, 5.2.15 `cooldown`, 5.8.6).

Times are seconds of a monotonic clock: a correction of the wall clock neither holds back nor lets through anything.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar

from broker.core.model.change import Change, Trigger
from broker.core.model.entity import Entity

LARGEST_NOTIFICATION = 100
"""Entities in one notification at most: some hundred kilobytes, which receivers take without special settings."""

_FIRST_DELAY = 1.0
_LONGEST_DELAY = 60.0


class Waiting(Protocol):
    """Something that waits to be sent and tells of one change."""

    @property
    def change(self) -> Change:
        """The change."""


W = TypeVar("W", bound=Waiting)


def retry_delay(failures: int, cooldown: float) -> float:
    """Seconds until the next attempt after that many failures in a row: doubling, never below the cooldown."""
    return max(min(_FIRST_DELAY * 2.0 ** min(failures - 1, 16), _LONGEST_DELAY), cooldown)


def travelling_together(waiting: Iterable[W]) -> list[W]:
    """The first of those that wait which may share one notification: in order, each of a different entity."""
    together: list[W] = []
    entities: set[str] = set()
    for each in waiting:
        if each.change.entity.id in entities or len(together) == LARGEST_NOTIFICATION:
            break
        entities.add(each.change.entity.id)
        together.append(each)
    return together


def newest_states(waiting: Sequence[W]) -> tuple[dict[tuple[str, str], tuple[W, Change]], list[W]]:
    """The newest of those that wait, with one change that tells all of it; and those made needless.

    By entity id and source: what one source says of an entity does not stand for what another one does.
    """
    newest: dict[tuple[str, str], tuple[W, Change]] = {}
    needless: list[W] = []
    for each in waiting:
        key = each.change.entity.id, each.change.source
        earlier = newest.pop(key, None)
        if earlier is None:
            newest[key] = (each, each.change)
        else:
            needless.append(earlier[0])
            newest[key] = (each, merged(earlier[1], each.change))
    return newest, needless


def brought_up_to_date(change: Change, current: Entity | None) -> Change:
    """The change with the entity as it is now, where that is later than what the change left."""
    if change.trigger is Trigger.ENTITY_DELETED or current is None or change.source:
        return change
    if current.modified_at <= change.entity.modified_at:
        return change
    return replace(change, entity=current)


def merged(earlier: Change, later: Change) -> Change:
    """Two changes of one entity as one: the later state, all that was touched, and how it was before both."""
    if Trigger.ENTITY_DELETED in (earlier.trigger, later.trigger):
        return later
    created = {name for name, what in earlier.attributes.items() if what is Trigger.ATTRIBUTE_CREATED}
    kept = {name: earlier.attributes[name] for name in created if later.entity.attributes.get(name)}
    return replace(
        later,
        trigger=earlier.trigger if earlier.trigger is Trigger.ENTITY_CREATED else later.trigger,
        attributes={**earlier.attributes, **later.attributes, **kept},
        previous={name: was for name, was in (later.previous | earlier.previous).items() if name not in created},
        before=earlier.before,
    )
