"""What a subscription asks to be sent, and what became of it (clauses 5.2.12, 5.2.14, 5.2.15, 5.2.22).

A subscription is kept as the client gave it, so that it can be given back; a *stored subscription* is this mapping:

==============  ===================================================================================================
member          holds
==============  ===================================================================================================
`id`            its IRI
`document`      the API document, without `@context` and without what the broker generates
`context`       the reference (URL, list or object) of the @context that its names are to be read with
`contexts`      first-level member to reference, for members that an update gave under another @context
`createdAt`     Instant
`modifiedAt`    Instant of the last create or update
`via`           the Via header that it came with: the brokers that passed it on; absent where there were none
`member`        the federation member that subscribed (ADR 14); absent where it was none
`offer`         what that member is offered, as JSON text: what the subscription is kept within
`tally`         what became of its notifications: see `Tally`; absent until the first one
==============  ===================================================================================================
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from broker.core.model.change import Trigger
from broker.core.model.credentials import hidden
from broker.core.model.instant import Instant, format_instant, parse_instant

Stored: TypeAlias = Mapping[str, Any]

GENERATED = ("status", "createdAt", "modifiedAt")
"""Members that clients may send back and the broker ignores (Table 5.2.12-2)."""
GENERATED_IN_NOTIFICATION = ("status", "timesSent", "timesFailed", "lastNotification", "lastSuccess", "lastFailure")
"""The same within `notification` (Table 5.2.14.2-1)."""

DEFAULT_TRIGGERS = (Trigger.ATTRIBUTE_CREATED, Trigger.ATTRIBUTE_UPDATED)
"""The `notificationTrigger` of a subscription that names none."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where notifications go (clause 5.2.15). `timeout` and `cooldown` are in seconds."""

    uri: str
    accept: str = "application/json"
    receiver_info: tuple[tuple[str, str], ...] = ()
    notifier_info: tuple[tuple[str, str], ...] = ()
    timeout: float | None = None
    cooldown: float = 0.0


@dataclass(slots=True)
class Tally:
    """Counts and times of notifications since the tally was last written down; clause 5.2.14.2."""

    times_sent: int = 0
    times_failed: int = 0
    last_notification: Instant | None = None
    last_success: Instant | None = None
    last_failure: Instant | None = None
    status: str | None = None
    reason: str | None = None
    given_up: int = 0

    def sent(self, now: Instant) -> None:
        """A notification is on its way. Until an answer says otherwise the first one counts as delivered."""
        self.times_sent += 1
        self.last_notification = now

    def succeeded(self, now: Instant) -> None:
        """The receiver took it."""
        self.last_success = now
        self.status = "ok"

    def failed(self, now: Instant, reason: str = "") -> None:
        """The receiver refused it, or could not be reached in time: `reason` is for operators."""
        self.reason = reason
        self.times_failed += 1
        self.last_failure = now
        self.status = "failed"

    def plus(self, later: "Tally") -> "Tally":
        """Both as one."""
        return Tally(
            self.times_sent + later.times_sent,
            self.times_failed + later.times_failed,
            later.last_notification or self.last_notification,
            later.last_success or self.last_success,
            later.last_failure or self.last_failure,
            later.status or self.status,
            later.reason if later.reason is not None else self.reason,
            self.given_up + later.given_up,
        )


def status_of(document: Mapping[str, Any], now: Instant) -> str:
    """`active`, `paused` or `expired` (clauses 5.2.12, 5.8.1)."""
    expires = document.get("expiresAt")
    if isinstance(expires, str) and (parse_instant(expires) or 0) <= now:
        return "expired"
    return "active" if document.get("isActive", True) else "paused"


def render_subscription(document: Mapping[str, Any], tally: Mapping[str, Any], now: Instant) -> dict[str, Any]:
    """The document that clients retrieve: as given but for credentials, with the members that the broker generates."""
    document = hidden(document)
    rendered = {**document, "status": status_of(document, now)}
    if "timeInterval" not in rendered:
        rendered.setdefault("notificationTrigger", [trigger.value for trigger in DEFAULT_TRIGGERS])
    rendered["notification"] = {**document["notification"], **_rendered_tally(tally)}
    return rendered


def _rendered_tally(tally: Mapping[str, Any]) -> dict[str, Any]:
    rendered: dict[str, Any] = {name: tally[name] for name in ("timesSent", "timesFailed") if tally.get(name)}
    for name in ("lastNotification", "lastSuccess", "lastFailure"):
        if tally.get(name) is not None:
            rendered[name] = format_instant(tally[name])
    if rendered:
        # Read before the first answer: nothing has failed.
        rendered["status"] = tally.get("status") or "ok"
    return rendered
