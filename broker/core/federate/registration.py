"""A Context Source Registration ready for matching: names expanded, patterns compiled (clauses 5.2.8 to 5.2.11)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from broker.core.federate.names import DEFAULT
from broker.core.jsonld.context import ActiveContext
from broker.core.model.entity import Entity
from broker.core.model.instant import Instant
from broker.core.ql.geo import Geometry
from broker.core.ql.regex import Pattern
from broker.core.represent.conformance import Version

INCLUSIVE, EXCLUSIVE, REDIRECT, AUXILIARY = "inclusive", "exclusive", "redirect", "auxiliary"
MODES = (INCLUSIVE, EXCLUSIVE, REDIRECT, AUXILIARY)


@dataclass(frozen=True, slots=True)
class EntityInfo:
    """Clause 5.2.8: entities of these types, of one id or of ids that a pattern finds, else of any."""

    types: frozenset[str]
    id: str | None = None
    id_pattern: str | None = None
    pattern: Pattern | None = None

    def admits_id(self, entity_id: str) -> bool:
        """Whether an entity of that id is meant, types apart. An id goes before a pattern."""
        if self.id is not None:
            return self.id == entity_id
        return self.pattern is None or bool(self.pattern.search(entity_id))


@dataclass(frozen=True, slots=True)
class Information:
    """Clause 5.2.10: which attributes of which entities. No entities: of any; `attributes` None: any attribute.

    `place` is the element's index in the registration's `information`.
    """

    place: int
    entities: tuple[EntityInfo, ...] = ()
    attributes: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Interval:
    """Clause 5.2.11; without an end it is open."""

    start: Instant
    end: Instant | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Registration:
    """One registration of one tenant. `timeout` and `cooldown` are in seconds.

    `geometries` holds `location`, `observationSpace` and `operationSpace` by their IRIs; `tenant` is the tenant at the
    source; `context` what its requests are to be written with and `version` the version of the specification that it
    knows, each where the registration says so; `described` has the registration's members as attributes, for the
    context source filter (clause 4.9). `modified_at` tells two states of one registration apart. `context_of` tells the
    @context that the names in a member of `document` were given with.
    """

    id: str
    endpoint: str
    information: tuple[Information, ...]
    document: Mapping[str, Any]
    context_of: Callable[[str], ActiveContext]
    described: Entity
    mode: str = INCLUSIVE
    operations: frozenset[str] = DEFAULT
    dataset_ids: frozenset[str] | None = None
    geometries: Mapping[str, Geometry] | None = None
    scopes: tuple[str, ...] = ()
    observation_interval: Interval | None = None
    management_interval: Interval | None = None
    tenant: str = ""
    alias: str | None = None
    source_info: tuple[tuple[str, str], ...] = ()
    context: ActiveContext | None = None
    version: Version | None = None
    expires_at: Instant | None = None
    timeout: float | None = None
    cooldown: float = 0.0
    is_local_only: bool = False
    created_at: Instant = 0
    modified_at: Instant = 0

    @property
    def is_temporal(self) -> bool:
        """Whether it offers the evolution of entities in time, and nothing of their latest state (clause 5.9.1)."""
        return self.observation_interval is not None or self.management_interval is not None

    @property
    def is_proxied(self) -> bool:
        """Whether this broker itself holds nothing of what is registered (clause 4.3.6.3)."""
        return self.mode in (EXCLUSIVE, REDIRECT)

    def is_expired(self, now: Instant) -> bool:
        """Whether `expiresAt` has passed."""
        return self.expires_at is not None and self.expires_at <= now
