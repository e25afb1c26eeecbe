"""What a context source tells in a notification, as changes (clauses 5.3.1, 5.8.6).

A source is always asked for the normalized form. What it deleted it names with NGSI-LD Null; `previous…` members tell
how things were, where that was asked for.
"""

from collections.abc import Mapping
from typing import Any

from broker.core.federate.received import received_entity
from broker.core.jsonld.context import ActiveContext
from broker.core.model.change import Change, Trigger
from broker.core.model.entity import NGSILD_NULL, VALUE_MEMBER, Attributes, Entity, Instance
from broker.core.model.instant import Instant, parse_instant

_MEMBERS = frozenset(("id", "@id", "type", "@type", "scope", "expiresAt", "@context"))
_TIMES = frozenset(("createdAt", "modifiedAt", "deletedAt"))
_VALUES = ("value", "object", "languageMap", "vocab", "json", "valueList", "objectList")
_PREVIOUS = {f"previous{name[0].upper()}{name[1:]}": name for name in _VALUES}
_NULLS: tuple[Any, ...] = (NGSILD_NULL, [NGSILD_NULL], {"@none": NGSILD_NULL}, [{"object": NGSILD_NULL}])


def told_change(document: Mapping[str, Any], context: ActiveContext, now: Instant, source: str) -> Change:
    """One entity of a notification as a change that the source of that registration tells of.

    Raises InvalidRequest or BadRequestData where it is no entity.
    """
    current: dict[str, Any] = {}
    former: dict[str, Any] = {}
    deleted: Attributes = {}
    for name, value in document.items():
        if name in _MEMBERS or name in _TIMES:
            continue
        kept = []
        for each in value if _is_several(value) else [value]:
            if _is_null(each):
                deleted.setdefault(context.expand_term(name), []).append(_remnant(each))
            else:
                kept.append(_without_former(each))
            was = _former(each)
            if was is not None:
                former.setdefault(name, []).append(was)
        if kept:
            current[name] = kept if _is_several(value) else kept[0]
    head = {name: value for name, value in document.items() if name in _MEMBERS}
    times = {name: document[name] for name in ("createdAt", "modifiedAt") if name in document}
    entity = received_entity({**head, **times, **current}, context)
    previous = _previous(received_entity({**head, **former}, context).attributes if former else {}, deleted)
    if "deletedAt" in document:
        gone = parse_instant(str(document["deletedAt"])) or now
        return Change(Trigger.ENTITY_DELETED, entity.with_(attributes=previous, deleted_at=gone), now, source=source)
    happened = dict.fromkeys(entity.attributes, Trigger.ATTRIBUTE_UPDATED)
    happened.update({name: Trigger.ATTRIBUTE_DELETED for name in deleted if name not in happened})
    return Change(Trigger.ENTITY_UPDATED, entity, now, happened, previous, source=source)


def restricted(change: Change, names: frozenset[str]) -> Change:
    """The change without attributes other than these."""

    def only(attributes: Attributes) -> Attributes:
        return {name: instances for name, instances in attributes.items() if name in names}

    entity: Entity = change.entity.with_(attributes=only(change.entity.attributes))
    happened = {name: what for name, what in change.attributes.items() if name in names}
    return Change(change.trigger, entity, change.at, happened, only(change.previous), source=change.source)


def _is_several(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, dict) for each in value)


def _is_null(instance: Any) -> bool:
    if isinstance(instance, dict):
        return any(instance.get(name) in _NULLS for name in _VALUES if name in instance)
    return bool(instance == NGSILD_NULL)


def _remnant(instance: Any) -> Instance:
    """An instance that is gone, with nothing told of what it held."""
    given = instance if isinstance(instance, dict) else {}
    kind = str(given.get("type"))
    kind = kind if kind in VALUE_MEMBER else "Property"
    remnant: Instance = {"type": kind, VALUE_MEMBER[kind]: NGSILD_NULL}
    if isinstance(given.get("datasetId"), str) and given["datasetId"] != "@none":
        remnant["datasetId"] = given["datasetId"]
    return remnant


def _without_former(instance: Any) -> Any:
    if not isinstance(instance, dict):
        return instance
    return {name: value for name, value in instance.items() if name not in _PREVIOUS and name != "deletedAt"}


def _former(instance: Any) -> dict[str, Any] | None:
    """The instance as it was; None where that is not told."""
    if not isinstance(instance, dict):
        return None
    told = {_PREVIOUS[name]: value for name, value in instance.items() if name in _PREVIOUS}
    if not told:
        return None
    return {**told, **{name: instance[name] for name in ("type", "datasetId") if name in instance}}


def _previous(former: Attributes, deleted: Attributes) -> Attributes:
    """What was before: as told, and of what was deleted at least that it was."""
    previous = {name: list(instances) for name, instances in former.items()}
    for name, remnants in deleted.items():
        instances = previous.setdefault(name, [])
        known = {each.get("datasetId") for each in instances}
        instances += [each for each in remnants if each.get("datasetId") not in known]
    return previous
