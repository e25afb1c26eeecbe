"""Parser of the entity type selection language (clause 4.17).

```
selection   = alternative *( ( "|" / "," ) alternative )
alternative = "(" type *( ";" type ) ")" / type *( ";" type )   ; without parentheses: beyond the clause, same meaning
selection   =/ "(" selection ")"                                ; around all of it: beyond the clause, same meaning
type        = name / prefixed name / URI                        ; a URI without the characters , ; | ( )
```

`*` alone selects entities of any type.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from broker.core.model.errors import BadRequestData
from broker.core.ql import limits

_ALTERNATIVE = re.compile(r"\s*(?:\(([^()|,]*)\)|([^()|,]*))\s*([|,]|$)")
_PARENTHESIS = re.compile(r"[()]")
_TYPE = re.compile(r"[^\W\d_]\w*(?::[^\W\d_]\w*)?|[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}\\^`]+")


@dataclass(frozen=True, slots=True)
class TypeSelection:
    """Alternatives, each a conjunction of type IRIs. An empty conjunction selects every entity."""

    alternatives: tuple[tuple[str, ...], ...]

    @property
    def selects_all(self) -> bool:
        """Whether entities of every type are selected."""
        return () in self.alternatives


TypeNode: TypeAlias = TypeSelection


def parse_types(text: str, expand: Callable[[str], str]) -> TypeSelection:
    """Parse a type selection; `expand` maps a type name to its IRI. Raises BadRequestData or TooComplexQuery."""
    limits.check_length(text, "The type selection")
    if text.strip() == "*":
        return TypeSelection(((),))
    alternatives = [
        tuple(expand(_type(name)) for name in alternative.split(";"))
        for alternative in split_alternatives(text, "type selection")
    ]
    return TypeSelection(tuple(alternatives))


def split_alternatives(text: str, what: str) -> list[str]:
    """The alternatives of a disjunction, without their parentheses: conjunctions joined by `;`."""
    found: list[str] = []
    text = _without_outer_parentheses(text)
    at = 0
    while True:
        match = _ALTERNATIVE.match(text, at)
        if match is None or not (match[1] or match[2]):
            raise BadRequestData(f"The {what} {text!r} is not of the form A|B or (A;B)|C (character {at + 1}).")
        found.append(match[1] or match[2])
        limits.check_count(len(found) + found[-1].count(";"), f"items of the {what}", limits.SELECTION_ITEMS)
        at = match.end()
        if not match[3]:
            return found


def _without_outer_parentheses(text: str) -> str:
    inner = text.strip()
    if inner.startswith("(") and inner.endswith(")") and not _PARENTHESIS.search(inner, 1, len(inner) - 1):
        return inner[1:-1]
    return text


def _type(name: str) -> str:
    name = name.strip()
    if _TYPE.fullmatch(name) is None:
        raise BadRequestData(f"{name!r} is no entity type: a name of letters, digits and _, or a URI, is expected.")
    return name
