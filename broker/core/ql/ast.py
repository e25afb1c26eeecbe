"""The query AST. Parsers build it with every name already expanded; the evaluator and the stores read it.

Nodes are frozen, hashable where their content is, and know nothing of text or databases.
The detailed node types of `q` (4.9), geo (4.10), types (4.17) and scopes (4.19) stand beside their parsers.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from broker.core.ql.geo import GeoQuery
    from broker.core.ql.ordering import Ordering
    from broker.core.ql.q import QNode
    from broker.core.ql.scope import ScopeNode
    from broker.core.ql.types import TypeNode


@dataclass(frozen=True, slots=True)
class EntitySelector:
    """Clause 5.2.33: which entities by identity and type. Members that are given must all hold."""

    ids: tuple[str, ...] = ()
    id_pattern: str | None = None
    types: "TypeNode | None" = None


@dataclass(frozen=True, slots=True)
class EntityQuery:
    """What selects entities (clause 5.7.2). Selectors are alternatives; everything else must hold as well.

    `attributes`: the entity has at least one of these attribute IRIs.
    `dataset_ids`: `q` and `geo` look at instances of these datasets alone (`@none` is the default instance).
    """

    selectors: tuple[EntitySelector, ...] = ()
    attributes: tuple[str, ...] = ()
    q: "QNode | None" = None
    geo: "GeoQuery | None" = None
    scope: "ScopeNode | None" = None
    dataset_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which part of the results, in which order (clauses 4.12, 4.13, 4.23)."""

    limit: int
    offset: int = 0
    count: bool = False
    order: "tuple[Ordering, ...]" = ()
