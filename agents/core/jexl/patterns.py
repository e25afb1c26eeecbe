r"""Regular expressions in transforms, with a bound on the work a device's text can cause.

Python's engine backtracks. What it can cost is at most the length of the text times, for each part that can match in
several ways, the number of ways; where that product stays small the pattern is harmless on that text.
"""

import re
from functools import lru_cache
from typing import Any

from agents.core.jexl.values import NotEvaluable, bounded

_PATTERN_LIMIT = 256
_WORK_LIMIT = 2_000_000
"""Steps, some tens of milliseconds at worst."""
_NAMED = re.compile(r"\(\?<(?=[A-Za-z_])")
_REFERENCE = re.compile(r"\$(?:(\$)|(&)|(\d{1,2})|<([A-Za-z_]\w*)>)")


def replace(whole: str, pattern: str, new: str, *, all_of_them: bool) -> str:
    """Replace the first match or all of them; `$1`, `$&`, `$<name>` in `new` as in JavaScript.

    Raises:
        NotEvaluable: The pattern cannot be read, or could take too long on a text of this length.
    """
    compiled, ways, unbounded = _compiled(pattern)
    if (len(whole) + 1) ** (unbounded + 1) * ways > _WORK_LIMIT:
        raise NotEvaluable(f"the pattern {pattern[:40]!r} could take too long on {len(whole)} characters")
    if len(new) * (len(whole) + 1) > 2**24:
        raise NotEvaluable("the replacement makes too long a text")
    return bounded(
        compiled.sub(lambda match: _REFERENCE.sub(lambda r: _referred(match, r), new), whole, int(not all_of_them))
    )


def _referred(match: re.Match[str], reference: re.Match[str]) -> str:
    if reference[1]:
        return "$"
    try:
        return match[0] if reference[2] else (match[int(reference[3])] if reference[3] else match[reference[4]]) or ""
    except IndexError:
        return reference[0]


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> tuple[re.Pattern[str], int, int]:
    if len(pattern) > _PATTERN_LIMIT:
        raise NotEvaluable(f"a pattern has at most {_PATTERN_LIMIT} characters")
    try:
        compiled = re.compile(_NAMED.sub("(?P<", pattern))
    except (re.error, OverflowError, RecursionError) as problem:
        raise NotEvaluable(f"the pattern {pattern[:40]!r} cannot be read: {problem}") from None
    ways, unbounded = _ways(re._parser.parse(_NAMED.sub("(?P<", pattern)), False)  # type: ignore[attr-defined]
    return compiled, ways, unbounded


def _ways(parsed: Any, repeated: bool) -> tuple[int, int]:
    """In how many ways a pattern can match at a place, and how many of its parts may be of any length.

    Raises:
        NotEvaluable: A repetition holds something that can itself match in several ways.
    """
    ways, unbounded = 1, 0
    for operation, argument in parsed:
        name = str(operation)
        if name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            least, most, inner = argument
            if repeated and least != most:
                raise NotEvaluable("the pattern repeats a repetition; write it without")
            inside = _ways(inner, repeated or most > 1)
            endless = most >= 64
            ways *= inside[0] * (1 if endless else most - least + 1)
            unbounded += inside[1] + (1 if endless else 0)
        elif name == "BRANCH":
            if repeated:
                raise NotEvaluable("the pattern repeats alternatives; write it without")
            parts = [_ways(branch, repeated) for branch in argument[1]]
            ways *= sum(part[0] for part in parts)
            unbounded += max(part[1] for part in parts)
        elif name == "SUBPATTERN":
            inside = _ways(argument[3], repeated)
            ways, unbounded = ways * inside[0], unbounded + inside[1]
        elif name not in ("LITERAL", "NOT_LITERAL", "ANY", "IN", "AT", "CATEGORY", "RANGE"):
            raise NotEvaluable("the pattern has look-around or back-references, which are not supported")
    return ways, unbounded
