"""Whose history is recorded, and how long it is kept: settings for all, for a tenant, for a type.

```
setting = rule *( "," rule )
rule    = [ [ tenant ] "/" type "=" ] answer        ; type: an IRI, the last part of one, or *; tenant *: any
```

Of the rules that concern a tenant and a type the last one holds. The default tenant has no name.
"""

import re
from dataclasses import dataclass
from typing import Generic, TypeVar

from broker.core.model.errors import BadRequestData
from broker.core.model.instant import Instant
from broker.core.temporal.aggregate import Period, parse_duration

T = TypeVar("T")
_LAST_PART = re.compile(r"[^/#]*$")
_REMEMBERED = 4096
"""Answers remembered, one for each tenant and set of types in use."""


@dataclass(frozen=True, slots=True)
class Rule(Generic[T]):
    """What holds for a tenant (None: each) and a type (`*`: each)."""

    tenant: str | None
    type: str
    answer: T

    def concerns(self, tenant: str, types: tuple[str, ...]) -> bool:
        """Whether it is about entities of these types of that tenant."""
        if self.tenant is not None and self.tenant != tenant:
            return False
        return self.type == "*" or any(self.type in (iri, _last(iri)) for iri in types)


class Policy(Generic[T]):
    """The rules of one setting."""

    def __init__(self, rules: list[Rule[T]], default: T) -> None:
        self.rules = rules
        self._default = default
        self._answers: dict[tuple[str, tuple[str, ...]], T] = {}

    def of(self, tenant: str, types: list[str]) -> T:
        """What holds for entities of these types."""
        key = (tenant, tuple(types))
        if key not in self._answers:
            if len(self._answers) >= _REMEMBERED:
                self._answers.clear()
            found = [rule.answer for rule in self.rules if rule.concerns(*key)]
            self._answers[key] = found[-1] if found else self._default
        return self._answers[key]


NOWHERE: Policy[bool] = Policy([], False)
"""No history is recorded."""


def parse_history(text: str) -> Policy[bool]:
    """Whether histories are recorded: `on`, `off`, or for example `on,aumetz/Vehicle=off`."""
    rules = []
    for tenant, kind, answer in _rules(text):
        if answer not in ("on", "off"):
            raise BadRequestData(f"history is on or off, for all or as in tenant/Type=off; got {answer[:60]!r}")
        rules.append(Rule(tenant, kind, answer == "on"))
    return Policy(rules, True)


def parse_retention(text: str) -> Policy[Period | None]:
    """How long histories are kept: `forever`, or durations as in `P2Y,/Vehicle=P30D`."""
    rules: list[Rule[Period | None]] = []
    for tenant, kind, answer in _rules(text):
        period = None if answer == "forever" else parse_duration(answer)
        if period is not None and not period:
            raise BadRequestData("retention is forever or a duration of more than nothing, such as P2Y")
        rules.append(Rule(tenant, kind, period))
    return Policy(rules, None)


def oldest_kept(period: Period, now: Instant) -> Instant:
    """The instant before which nothing is kept."""
    return period.after(now, -1)


def _rules(text: str) -> list[tuple[str | None, str, str]]:
    found: list[tuple[str | None, str, str]] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        who, equals, answer = part.rpartition("=")
        tenant, slash, kind = who.partition("/")
        if equals and not (slash and kind):
            raise BadRequestData(f"a rule looks like tenant/Type=…, /Type=… for the default tenant, got {part[:60]!r}")
        found.append((None if not equals or tenant == "*" else tenant, kind or "*", answer.strip()))
    return found


def _last(iri: str) -> str:
    match = _LAST_PART.search(iri)
    return match[0] if match else iri
