"""Parser of the scope query language (clause 4.19).

```
query       = alternative *( ( "|" / "," ) alternative )
alternative = "(" scope *( ";" scope ) ")" / scope *( ";" scope )
scope       = [ "/" ] level *( "/" level ) [ "/#" ] / "/#"
level       = name / "+"                                          ; + stands for one level
```

The clause's own example leaves out a leading slash: both are read.
"""

import re
from dataclasses import dataclass
from typing import TypeAlias

from broker.core.model.errors import BadRequestData
from broker.core.ql import limits
from broker.core.ql.types import split_alternatives

_LEVEL = re.compile(r"[^\W\d_][\w-]*|\+")


@dataclass(frozen=True, slots=True)
class ScopePattern:
    """Levels of a scope, `+` for any one; `below`: everything beneath matches too. No levels: any scope."""

    levels: tuple[str, ...]
    below: bool = False

    def matches(self, scope: str) -> bool:
        """Whether a scope such as `/Madrid/Gardens` is meant."""
        levels = scope.strip("/").split("/")
        wanted = self.levels
        if len(levels) != len(wanted) and not (self.below and len(levels) > len(wanted)):
            return False
        return all(want in ("+", level) for want, level in zip(wanted, levels, strict=False))


@dataclass(frozen=True, slots=True)
class ScopeQuery:
    """Alternatives, each a conjunction of patterns: for every pattern the entity has a scope that matches."""

    alternatives: tuple[tuple[ScopePattern, ...], ...]

    def matches(self, scopes: list[str] | None) -> bool:
        """Whether an entity with these scopes is selected."""
        if not scopes:
            return False
        return any(
            all(any(pattern.matches(scope) for scope in scopes) for pattern in patterns)
            for patterns in self.alternatives
        )


ScopeNode: TypeAlias = ScopeQuery


def parse_scope(text: str) -> ScopeQuery:
    """Parse a scope query. Raises BadRequestData where it is none, TooComplexQuery beyond a bound of `limits`."""
    limits.check_length(text, "scopeQ")
    alternatives = split_alternatives(text, "scope query")
    return ScopeQuery(tuple(tuple(_pattern(each.strip()) for each in part.split(";")) for part in alternatives))


def _pattern(text: str) -> ScopePattern:
    if text == "/#":
        return ScopePattern((), below=True)
    below = text.endswith("/#")
    levels = tuple(text.removesuffix("/#").removeprefix("/").split("/"))
    limits.check_count(len(levels), "levels of a scope", limits.SELECTION_ITEMS)
    if not all(_LEVEL.fullmatch(level) for level in levels):
        raise BadRequestData(
            f"{text!r} is no scope: /Level/Level, with + for one level and /# at the end, is expected."
        )
    return ScopePattern(levels, below)
