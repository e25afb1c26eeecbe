"""Parser of the attribute projection language of `pick` and `omit` (clause 4.21).

```
projection = item *( ( "," / "|" ) item )
item       = name [ "{" projection "}" ]        ; in braces: what to take of the linked entity
```
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from broker.core.model.errors import BadRequestData
from broker.core.ql import limits

_TOKEN = re.compile(r"\s*([{},|]|[A-Za-z][A-Za-z0-9+.-]*:[^\s{},|]+|[^\W\d_]\w*(?::[^\W\d_]\w*)?)\s*")
_MEMBERS = frozenset({"id", "type", "scope"})
"""Entity members that stand for themselves in a projection (clause 6.4.3.2)."""


@dataclass(frozen=True, slots=True)
class Projection:
    """The members `id`, `type`, `scope` and attribute IRIs that are named, with what is named of linked entities."""

    names: frozenset[str]
    linked: "Mapping[str, Projection]" = field(default_factory=dict)


def parse_projection(text: str, expand: Callable[[str], str]) -> Projection:
    """Parse `pick` or `omit`. Raises BadRequestData where it is none, TooComplexQuery beyond a bound of `limits`."""
    limits.check_length(text, "The projection")
    tokens: list[str] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise BadRequestData(f"pick or omit {text!r}: a name is expected at character {at + 1}.")
        tokens.append(match[1])
        at = match.end()
    limits.check_count(len(tokens), "items of pick or omit", 2 * limits.SELECTION_ITEMS)
    tokens.reverse()
    projection = _items(tokens, expand, 0)
    if tokens:
        raise _unexpected(tokens)
    return projection


def _items(tokens: list[str], expand: Callable[[str], str], depth: int) -> Projection:
    limits.check_count(depth, "nested braces in pick or omit", limits.QUERY_DEPTH)
    names: set[str] = set()
    linked: dict[str, Projection] = {}
    while True:
        if not tokens or tokens[-1] in "{},|":
            raise _unexpected(tokens)
        written = tokens.pop()
        name = written if written in _MEMBERS else expand(written)
        names.add(name)
        if tokens and tokens[-1] == "{":
            tokens.pop()
            linked[name] = _items(tokens, expand, depth + 1)
            if not tokens or tokens.pop() != "}":
                raise BadRequestData("pick or omit: a closing brace is missing.")
        if not tokens or tokens[-1] not in ",|":
            return Projection(frozenset(names), linked)
        tokens.pop()


def _unexpected(tokens: list[str]) -> BadRequestData:
    found = repr(tokens[-1]) if tokens else "the end"
    return BadRequestData(f"pick or omit: found {found} where a name was expected; write a,b or a{{b,c}}.")
