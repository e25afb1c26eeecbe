"""Entity maps (clauses 4.3.6.7, 4.5.25, 5.2.39): which entities a series of requests is about, and who holds them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from broker.core.model.errors import BadRequestData
from broker.core.model.instant import Instant, format_instant, parse_instant

LOCAL = "@none"
"""Stands among the registrations of an entity for this broker itself."""

LONGEST = 24 * 3_600_000_000
"""Microseconds that an entity map lasts at most: a report that pages through a city's entities takes minutes."""

USUAL = 600_000_000
"""Microseconds that it lasts where nobody asks for more or less."""


@dataclass(frozen=True, slots=True)
class EntityMap:
    """`sources`: entity id to the ids of the registrations that hold it, or LOCAL, in the order in which they are met.

    `linked`: registration id to the id of the entity map that its source keeps for the same requests. `query` tells the
    filters that it was made with from others; empty: it was made for one entity. `owner` is the federation member for
    which it was made; empty: it is for all others.
    """

    id: str
    expires_at: Instant
    sources: Mapping[str, Sequence[str]]
    linked: Mapping[str, str] = field(default_factory=dict)
    query: str = ""
    owner: str = ""


def named_by(header: str) -> str:
    """The id of the map that a header NGSILD-EntityMap names, by its id or by its location."""
    _, found, name = header.partition("/entityMaps/")
    return unquote(name) if found else header


def lifetime(wanted: int | None) -> int:
    """How many microseconds a map lasts for which `wanted` are suggested (clause 6.4.3.2)."""
    return USUAL if wanted is None else min(wanted, LONGEST)


def render_entity_map(entity_map: EntityMap) -> dict[str, Any]:
    """As clients see it (Table 5.2.39-1 and -2)."""
    return {
        "id": entity_map.id,
        "type": "EntityMap",
        "expiresAt": format_instant(entity_map.expires_at),
        "entityMap": {entity_id: list(each) for entity_id, each in entity_map.sources.items()},
        "linkedMaps": dict(entity_map.linked),
    }


def read_expiry(fragment: Mapping[str, Any], map_id: str, now: Instant) -> Instant | None:
    """What an update (clause 5.14.2) changes: the expiry, never later than LONGEST from now. Others are ignored.

    Raises:
        BadRequestData: another id or type, or no DateTime.
    """
    if fragment.get("type", "EntityMap") != "EntityMap":
        raise BadRequestData('The type of the body shall be "EntityMap".')
    if fragment.get("id", map_id) != map_id:
        raise BadRequestData(f"The body is about another entity map than {map_id}; leave its id out.")
    if "expiresAt" not in fragment:
        return None
    given = fragment["expiresAt"]
    wanted = parse_instant(given) if isinstance(given, str) else None
    if wanted is None:
        raise BadRequestData("expiresAt is a DateTime such as 2026-01-31T12:00:00Z.")
    return min(wanted, now + LONGEST)
