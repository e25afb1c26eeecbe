"""Entities as sources send them (clause 4.3.6.1: normalized, with or without system attributes)."""

from collections.abc import Mapping
from typing import Any

import orjson

from broker.core.jsonld.context import ActiveContext
from broker.core.jsonld.expand import expand_entity
from broker.core.model.entity import Entity
from broker.core.model.instant import Instant, parse_instant

_MOST = 4 * 1024 * 1024
"""Octets of JSON: some four thousand entities of five attributes, which take about five times as much."""


class Readings:
    """What was read lately, with the JSON that it was read from.

    An entity that a source sends again, unchanged to the octet, is not checked and expanded again. Which source sent it
    makes no difference. `most` bounds the octets of JSON; when half of that is new, what is older is forgotten.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._half = most // 2
        self._new, self._old = _Generation(), _Generation()

    @property
    def octets(self) -> int:
        """Octets of JSON remembered."""
        return self._new.octets + self._old.octets

    def entity(self, document: Any, context: ActiveContext) -> Entity:
        """As `received_entity`; others may hold the same entity."""
        try:
            text = orjson.dumps(document)
        except orjson.JSONEncodeError:
            # Nested deeper than any entity may be.
            return received_entity(document, context)
        known = self._new.read.get(text)
        if known is None or known[0] is not context:
            known = self._old.read.get(text)
            if known is None or known[0] is not context:
                known = context, received_entity(document, context)
            self._keep(text, known)
        return known[1]

    def _keep(self, text: bytes, reading: tuple[ActiveContext, Entity]) -> None:
        size = len(text)
        if size > self._half:
            return
        if self._new.octets + size > self._half:
            self._old, self._new = self._new, _Generation()
        if text not in self._new.read:
            self._new.octets += size
        self._new.read[text] = reading


class _Generation:
    """Readings by their JSON, each with the @context that it was read in."""

    def __init__(self) -> None:
        self.read: dict[bytes, tuple[ActiveContext, Entity]] = {}
        self.octets = 0


def received_entity(document: Any, context: ActiveContext) -> Entity:
    """A valid entity with the times that the source tells. Raises InvalidRequest or BadRequestData where it is none."""
    entity = expand_entity(document, context, told=True)
    # Just made, and nobody else's yet.
    entity.created_at = time_told(document, "createdAt") or 0
    entity.modified_at = time_told(document, "modifiedAt") or 0
    return entity


def time_told(source: Mapping[str, Any], name: str) -> Instant | None:
    """The time that a source tells in a member, None where it tells none that could be read."""
    given = source.get(name)
    return parse_instant(given) if isinstance(given, str) else None
