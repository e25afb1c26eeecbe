"""Entities as sources send them (clause 4.3.6.1: normalized, with or without system attributes)."""

from typing import Any

from broker.core.jsonld.context import ActiveContext
from broker.core.jsonld.expand import expand_entity
from broker.core.model.entity import Entity, Instance
from broker.core.model.instant import Instant, parse_instant

_TIMES = ("createdAt", "modifiedAt")
_LISTS = frozenset(("type", "scope", "@type"))


def received_entity(document: Any, context: ActiveContext) -> Entity:
    """A valid entity with the times that the source tells. Raises InvalidRequest or BadRequestData where it is none."""
    entity = expand_entity(document, context)
    for name, value in document.items():
        if isinstance(value, dict):
            # One instance, as nearly all have, is its own dataset.
            if "createdAt" in value or "modifiedAt" in value:
                for instance in entity.attributes.get(context.expand_term(name), ()):
                    _stamp(instance, value)
        elif isinstance(value, list) and name not in _LISTS:
            by_dataset = {_dataset(each): each for each in value if isinstance(each, dict)}
            for instance in entity.attributes.get(context.expand_term(name), ()):
                _stamp(instance, by_dataset.get(instance.get("datasetId"), {}))
    # Just made, and nobody else's yet.
    entity.created_at = _time(document, "createdAt") or 0
    entity.modified_at = _time(document, "modifiedAt") or 0
    return entity


def _stamp(instance: Instance, source: dict[str, Any]) -> None:
    """Give an instance, just made and nobody else's, the times of the JSON that it comes from."""
    for name in _TIMES:
        time = _time(source, name)
        if time is not None:
            instance[name] = time


def _dataset(instance: dict[str, Any]) -> str | None:
    given = instance.get("datasetId")
    return given if isinstance(given, str) and given != "@none" else None


def _time(source: dict[str, Any], name: str) -> Instant | None:
    given = source.get(name)
    return parse_instant(given) if isinstance(given, str) else None
