"""The language filter (clause 4.15; RFC 3282, RFC 4647)."""

import re
from collections.abc import Mapping
from typing import Any

from broker.core.model.errors import BadRequestData

_RANGE = re.compile(r"(\*|[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)(?:\s*;\s*q\s*=\s*([01](?:\.\d{0,3})?))?", re.ASCII)

MAX_RANGES = 50
"""Language ranges in one filter: more than any browser sends."""


def parse_languages(text: str) -> tuple[str, ...]:
    """`fr-CH,fr;q=0.9,*;q=0.5` to the ranges in order of preference, in lower case. BadRequestData where it is none."""
    parts = text.split(",")
    if len(parts) > MAX_RANGES:
        raise BadRequestData(f"lang names more than {MAX_RANGES} languages")
    weighted: list[tuple[float, str]] = []
    for part in parts:
        match = _RANGE.fullmatch(part.strip())
        if match is None:
            raise BadRequestData(f"lang: {part.strip()[:40]!r} is no language; write for example lang=fr,en;q=0.8")
        weight = float(match[2] or 1)
        if weight > 0:
            weighted.append((weight, match[1].lower()))
    # Sorting is stable: equal weights stay in the order given.
    return tuple(tag for _, tag in sorted(weighted, key=lambda each: -each[0]))


def choose(texts: Mapping[str, Any], languages: tuple[str, ...]) -> tuple[str, Any]:
    """The best tag of a language map with its text; where none fits, the default `@none`, else the first."""
    by_tag = {tag.lower(): tag for tag in texts}
    for wanted in languages:
        if wanted == "*":
            break
        tag = by_tag.get(wanted) or next((by_tag[each] for each in by_tag if each.startswith(wanted + "-")), None)
        if tag is not None:
            return tag, texts[tag]
    tag = "@none" if "@none" in texts else next(iter(texts))
    return tag, texts[tag]
