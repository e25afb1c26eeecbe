"""Instants (clause 4.6.3) as whole microseconds since 1970-01-01T00:00:00Z.

An int compares, stores and indexes exactly; ISO 8601 text exists only at the edges.
"""

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import TypeAlias

Instant: TypeAlias = int

_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(Z|[+-]\d\d:?\d\d)",
    re.ASCII,
)
_DATE_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:[.,](\d{1,6}))?(Z)", re.ASCII)
_SECOND = 1_000_000
_LONGEST = 35
"""Characters of the longest text that `_ISO` matches."""
_REMEMBERED = 4_096
"""Texts whose instant is remembered: the times of one entity's attributes are mostly the same."""


def parse_instant(text: str) -> Instant | None:
    """Read an ISO 8601 date and time with a zone; `None` where it is none. Digits below 1 µs are dropped."""
    return _iso(text) if len(text) <= _LONGEST else None


def parse_date_time(text: str) -> Instant | None:
    """Read what clause 4.6.3 has as a DateTime, which is stricter: complete, in UTC, six decimals at most."""
    return _date_time(text) if len(text) <= _LONGEST else None


@lru_cache(_REMEMBERED)
def _iso(text: str) -> Instant | None:
    return _instant(_ISO.fullmatch(text))


@lru_cache(_REMEMBERED)
def _date_time(text: str) -> Instant | None:
    return _instant(_DATE_TIME.fullmatch(text))


def _instant(match: re.Match[str] | None) -> Instant | None:
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    try:
        moment = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second or 0), tzinfo=UTC)
    except ValueError:
        return None
    micros = int((fraction or "").ljust(6, "0")[:6] or 0)
    return int(moment.timestamp()) * _SECOND + micros - _offset(zone)


def format_instant(instant: Instant) -> str:
    """Write an instant as `2026-11-23T20:22:00Z`, with 3 or 6 decimals where they are not zero."""
    seconds, micros = divmod(instant, _SECOND)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    if not micros:
        return text + "Z"
    if micros % 1000:
        return f"{text}.{micros:06d}Z"
    return f"{text}.{micros // 1000:03d}Z"


def _offset(zone: str) -> Instant:
    if zone == "Z":
        return 0
    hours, minutes = int(zone[1:3]), int(zone[-2:])
    offset = (hours * 60 + minutes) * 60 * _SECOND
    return -offset if zone[0] == "-" else offset
