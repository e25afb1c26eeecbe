"""The nodes of `q` (clause 4.9), names expanded.

A path leads from an entity over attributes to a target: `attributes` are the dotted names, `member` a final system
attribute (`observedAt`, `unitCode`, …; with no attributes: a member of the entity), `trail` what stands in brackets.
"""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

ValueKind: TypeAlias = Literal["number", "string", "boolean", "dateTime", "date", "time"]
Operator: TypeAlias = Literal["==", "!=", ">", ">=", "<", "<="]

INSTANT_MEMBERS = frozenset({"observedAt", "createdAt", "modifiedAt", "expiresAt", "deletedAt"})
"""Members that hold an Instant: in paths to them, values are numbers of microseconds."""

INSTANCE_MEMBERS = INSTANT_MEMBERS | {"datasetId", "unitCode", "objectType", "valueType"}
"""Members of an instance that the last name of a dotted path may address."""

ENTITY_MEMBERS = frozenset({"id", "type", "scope", "createdAt", "modifiedAt", "expiresAt"})
"""Members of an entity that a path of one name may address."""

ANY_LANGUAGE = ("*",)
"""The trail `[*]`: any language of a LanguageProperty."""


@dataclass(frozen=True, slots=True)
class Path:
    """Where the target of a term is."""

    attributes: tuple[str, ...]
    member: str | None = None
    trail: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Value:
    """A value of a term: microseconds since 1970 for `dateTime`, microseconds since midnight for `time`.

    URIs and expanded names are of kind `string`.
    """

    kind: ValueKind
    value: Any


@dataclass(frozen=True, slots=True)
class Range:
    """All values from `low` to `high`, both included and of the same kind."""

    low: Value
    high: Value


@dataclass(frozen=True, slots=True)
class Exists:
    """The target exists."""

    path: Path


@dataclass(frozen=True, slots=True)
class Compare:
    """The target stands in this relation to the values; several only with `==` and `!=`."""

    path: Path
    operator: Operator
    values: tuple[Value | Range, ...]


@dataclass(frozen=True, slots=True)
class Match:
    """The target is a string in which the pattern is found (or is not, where negated)."""

    path: Path
    pattern: str
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Linked:
    """An entity that the relationship leads to, of one of the types where any are given, satisfies the term."""

    relationship: str
    types: tuple[str, ...]
    term: "Term"


@dataclass(frozen=True, slots=True)
class Not:
    """The term does not hold."""

    term: "QNode"


@dataclass(frozen=True, slots=True)
class And:
    """All terms hold."""

    terms: "tuple[QNode, ...]"


@dataclass(frozen=True, slots=True)
class Or:
    """At least one of the terms holds."""

    terms: "tuple[QNode, ...]"


Term: TypeAlias = Exists | Compare | Match | Linked
QNode: TypeAlias = Exists | Compare | Match | Linked | Not | And | Or


def link_depth(node: QNode | None) -> int:
    """How many relationships the query follows one after the other (clause 4.9)."""
    match node:
        case And(terms) | Or(terms):
            return max(map(link_depth, terms))
        case Not(term):
            return link_depth(term)
        case Linked():
            return 1 + link_depth(node.term)
        case _:
            return 0
