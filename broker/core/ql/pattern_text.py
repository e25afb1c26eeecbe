"""What a regular expression (`broker.core.ql.regex`) says without one: for stores that look texts up by comparison."""

import re

_PLAIN_START = re.compile(r"[^\\.+*?^$(){}\[\]|\0]+")


def literal_of(text: str) -> tuple[bool, str, bool] | None:
    """What a pattern without special characters says: (from the start?, characters, to the end?); else None."""
    body = text
    begins, ends = body.startswith("^"), body.endswith("$") and not body.endswith("\\$")
    body = body[1 if begins else 0 : len(body) - 1 if ends else None]
    while body.startswith(".*") and not body.startswith((".*?", ".*+", ".**", ".*{")):
        body, begins = body[2:], False
    while body.endswith(".*") and not body.endswith("\\.*"):
        body, ends = body[:-2], False
    plain = re.sub(r"\\([.+*?^$(){}\[\]|/-])", r"\1", body)
    special = re.sub(r"\\[.+*?^$(){}\[\]|/-]", "", body)
    return None if any(char in special for char in "\\.+*?^$(){}[]|") else (begins, plain, ends)


def prefix_of(text: str) -> str:
    """What every text in which a pattern is found begins with; empty where that is not plain to see."""
    if not text.startswith("^") or "|" in text:
        return ""
    plain = _PLAIN_START.match(text, 1)
    if plain is None:
        return ""
    found = plain.group()
    return found[:-1] if text[plain.end() : plain.end() + 1] in {"*", "?", "{"} else found
