"""What may not stand beside a proxied registration (clauses 4.3.6.3, 5.9.2.4)."""

from broker.core.federate.registration import EXCLUSIVE, EntityInfo, Information, Registration
from broker.core.ql.ast import EntityQuery, EntitySelector
from broker.core.ql.types import TypeSelection


def conflicting(one: Registration, other: Registration) -> bool:
    """Whether two proxied registrations exclude each other: both hold some attribute of one entity, one exclusively.

    Redirect registrations among themselves may overlap, and so may one of the latest state and one of its evolution
    (clause 5.9.1).
    """
    if one.is_temporal != other.is_temporal:
        return False
    if not one.is_proxied or not other.is_proxied or EXCLUSIVE not in (one.mode, other.mode):
        return False
    exclusive, second = (one, other) if one.mode == EXCLUSIVE else (other, one)
    return any(_overlap(first, each) for first in exclusive.information for each in second.information)


def local_queries(registration: Registration) -> list[EntityQuery]:
    """The queries that find entities of this broker with something of what the registration holds elsewhere."""
    queries = []
    for information in registration.information:
        selectors = tuple(_selector(info) for info in information.entities)
        queries.append(EntityQuery(selectors=selectors, attributes=tuple(sorted(information.attributes or ()))))
    return queries


def _overlap(exclusive: Information, other: Information) -> bool:
    names = exclusive.attributes or frozenset()
    if other.attributes is not None and other.attributes.isdisjoint(names):
        return False
    if not other.entities:
        return True
    ids = [info.id for info in exclusive.entities if info.id is not None]
    return any(info.admits_id(each) for each in ids for info in other.entities)


def _selector(info: EntityInfo) -> EntitySelector:
    ids = () if info.id is None else (info.id,)
    pattern = info.id_pattern if info.id is None else None
    return EntitySelector(ids, pattern, TypeSelection((tuple(sorted(info.types)),)))
