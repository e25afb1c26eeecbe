"""Entities in a requested order (clause 4.23).

Types of values come in the order of 4.23.2; null and missing values are last in either direction. Of several values
of one target the first counts. Texts are ordered as `collation` says.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

from broker.core.model.entity import Entity
from broker.core.model.instant import parse_instant
from broker.core.ql.collation import Collation
from broker.core.ql.geometry import distance
from broker.core.ql.nodes import INSTANT_MEMBERS
from broker.core.ql.ordering import Ordering
from broker.core.ql.terms import targets_of
from broker.core.ql.values import is_date, time_of_day

_Key: TypeAlias = tuple[Any, ...]

_NUMBER, _STRING, _OBJECT, _ARRAY, _BOOLEAN, _TIME, _DATE, _DATE_TIME = range(8)
_LAST: _Key = (8,)
_NONE: _Key = (9,)


def ordered(entities: Sequence[Entity], order: Sequence[Ordering]) -> list[Entity]:
    """The entities in this order; those that are equal in it, by id."""
    found = sorted(entities, key=lambda entity: entity.id)
    for ordering in reversed(order):
        keyed = [(order_key(entity, ordering), entity) for entity in found]
        present = [pair for pair in keyed if pair[0] < _LAST]
        present.sort(key=lambda pair: pair[0], reverse=ordering.descending)
        absent = sorted((pair for pair in keyed if pair[0] >= _LAST), key=lambda pair: pair[0])
        found = [entity for _, entity in present + absent]
    return found


def order_key(entity: Entity, ordering: Ordering) -> _Key:
    """What an entity is ordered by."""
    targets = targets_of(ordering.path, entity)
    if not targets:
        return _NONE
    target = targets[0]
    if ordering.distance_from is not None:
        if isinstance(target, dict) and "coordinates" in target:
            return (-1, distance(target, ordering.distance_from))
    elif ordering.path.member in INSTANT_MEMBERS:
        return (_DATE_TIME, target)
    return _value_key(target, ordering.collation)


def _value_key(value: Any, texts: Collation) -> _Key:
    if isinstance(value, dict) and isinstance(value.get("@value"), str):
        value = value["@value"]
    if isinstance(value, str):
        return _text_key(value, texts)
    if value is None:
        return _LAST
    if isinstance(value, bool):
        return (_BOOLEAN, value)
    if isinstance(value, int | float):
        return (_NUMBER, value)
    if isinstance(value, list):
        return (_ARRAY, tuple(_value_key(each, texts) for each in value))
    return (_OBJECT, tuple((name, _value_key(value[name], texts)) for name in sorted(value)))


def _text_key(text: str, texts: Collation) -> _Key:
    if (instant := parse_instant(text)) is not None:
        return (_DATE_TIME, instant)
    if is_date(text):
        return (_DATE, text)
    if (micros := time_of_day(text)) is not None:
        return (_TIME, micros)
    return (_STRING, texts.key(text))
