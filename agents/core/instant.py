"""Instants of devices and networks: ISO 8601 text on the outside, whole microseconds inside."""

import re
from datetime import UTC, datetime, timedelta

from agents.core.model import Instant

_ISO = re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(Z|[+-]\d\d:?\d\d)?", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FUTURE = 86_400 * 1_000_000  # µs a device's clock may be ahead
_EARLIEST = 946_684_800 * 1_000_000  # µs, the year 2000: a clock that was never set


def parse_instant(text: object) -> Instant | None:
    """Read an ISO 8601 date and time; without a zone it is UTC, digits below 1 µs are dropped; else `None`."""
    match = _ISO.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None
    minutes, seconds, fraction, zone = match.groups()
    try:
        moment = datetime.fromisoformat(f"{minutes}:{seconds or '00'}{zone or 'Z'}")
        return (moment - _EPOCH) // _MICROSECOND + int((fraction or "").ljust(6, "0")[:6])
    except (ValueError, OverflowError):
        return None


def format_instant(instant: Instant) -> str:
    """Write an instant as `2026-11-23T20:22:00Z`, with as many milliseconds or microseconds as there are.

    Whole, because two readings of one instant are one to a history (5.6.12).
    """
    moment = _EPOCH + timedelta(microseconds=instant)
    digits = "seconds" if not moment.microsecond else "microseconds" if moment.microsecond % 1000 else "milliseconds"
    return moment.replace(tzinfo=None).isoformat(timespec=digits) + "Z"


def plausible(said: Instant | None, otherwise: Instant, now: Instant) -> Instant:
    """The time a device or network said, unless no clock that was set can have said so; then the other one."""
    return otherwise if said is None or not _EARLIEST <= said <= now + _FUTURE else said
