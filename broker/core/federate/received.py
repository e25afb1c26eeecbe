"""Entities as sources send them (clause 4.3.6.1: normalized, with or without system attributes)."""

from typing import Any

from broker.core.jsonld.context import ActiveContext
from broker.core.jsonld.expand import expand_entity
from broker.core.model.entity import Entity, Instance
from broker.core.model.instant import Instant, parse_instant

_TIMES = ("createdAt", "modifiedAt")


def received_entity(document: Any, context: ActiveContext) -> Entity:
    """A valid entity with the times that the source tells. Raises InvalidRequest or BadRequestData where it is none."""
    entity = expand_entity(document, context)
    for name, value in document.items():
        if isinstance(value, dict | list) and name not in ("id", "type", "scope", "@id", "@type"):
            _stamp(entity.attributes.get(context.expand_term(name), []), value)
    return entity.with_(created_at=_time(document, "createdAt") or 0, modified_at=_time(document, "modifiedAt") or 0)


def _stamp(instances: list[Instance], value: Any) -> None:
    """Give instances, just made and nobody else's, the times of the JSON that they come from."""
    given = value if isinstance(value, list) else [value]
    by_dataset = {_dataset(each): each for each in given if isinstance(each, dict)}
    for instance in instances:
        source = by_dataset.get(instance.get("datasetId"), {})
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
