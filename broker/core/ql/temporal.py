"""Parser of temporal queries (clause 4.11).

```
timerel = "before" / "after" / "between"        ; before: exclusive, after: inclusive, between: from included, to not
```
"""

from dataclasses import dataclass

from broker.core.model.errors import BadRequestData
from broker.core.model.instant import Instant, parse_instant

_PROPERTIES = {"observedAt", "createdAt", "modifiedAt", "deletedAt", "expiresAt"}


@dataclass(frozen=True, slots=True)
class TemporalQuery:
    """Instants from `start` (included) to before `end` of a Temporal Property; None leaves that side open."""

    start: Instant | None
    end: Instant | None
    timeproperty: str = "observedAt"


def parse_temporal(
    timerel: str, time_at: str | None, end_time_at: str | None = None, timeproperty: str = "observedAt"
) -> TemporalQuery:
    """Parse a temporal query. Raises BadRequestData where a part is missing or wrong."""
    if timerel not in {"before", "after", "between"}:
        raise BadRequestData(f"timerel {timerel!r}: expected before, after or between.")
    if timeproperty not in _PROPERTIES:
        raise BadRequestData(f"timeproperty {timeproperty!r}: expected one of {', '.join(sorted(_PROPERTIES))}.")
    at = _instant("timeAt", time_at)
    if timerel == "before":
        return TemporalQuery(None, at, timeproperty)
    if timerel == "after":
        return TemporalQuery(at, None, timeproperty)
    return TemporalQuery(at, _instant("endTimeAt", end_time_at), timeproperty)


def _instant(name: str, text: str | None) -> Instant:
    instant = parse_instant(text) if text is not None else None
    if instant is None:
        raise BadRequestData(f"{name} {text!r}: a date and time such as 2026-11-23T20:22:00Z is expected.")
    return instant
