"""For how long an answer may be kept, as its server says (RFC 9111, 4.2.1; clause 6.3.16)."""

from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime


def seconds_fresh(headers: Mapping[str, str]) -> int | None:
    """Seconds from `Cache-Control`, else `Expires`; None where the server says nothing. A wrong date means: stale."""
    directives = _directives(headers.get("Cache-Control", ""))
    if "no-store" in directives or "no-cache" in directives:
        return 0
    # The broker's copies serve many clients: what is said to shared caches comes first.
    for name in ("s-maxage", "max-age"):
        value = directives.get(name, "").strip('"')
        if value.isascii() and value.isdigit():
            return int(value[:9])
    expires = headers.get("Expires")
    if expires is None:
        return None
    end, start = _date(expires), _date(headers.get("Date", ""))
    return 0 if end is None or start is None else max(0, int((end - start).total_seconds()))


def _directives(text: str) -> dict[str, str]:
    pairs = (part.strip().partition("=") for part in text.lower().split(","))
    return {name.strip(): value.strip() for name, _, value in pairs}


def _date(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text)
    except ValueError:
        return None
