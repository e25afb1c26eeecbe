"""What notifications have not reached their receivers: for operators, beside the standard's API."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit, urlunsplit

from broker.core.model.errors import ResourceNotFound
from broker.core.model.instant import Instant, format_instant
from broker.core.model.subscription import Stored
from broker.operations.ports import Ports
from broker.operations.tenancy import require_tenant

MOST_SUBSCRIPTIONS = 1_000
"""Failing subscriptions in one answer."""
MOST_CHANGES = 100
"""Changes that wait, in the answer about one subscription."""


@dataclass(frozen=True, slots=True)
class WaitingChange:
    """A committed change of an entity that a subscription has not been told yet."""

    entity_id: str
    trigger: str
    at: Instant


class FailingSubscriptions(Protocol):
    """The part of the store of subscriptions that knows what became of notifications."""

    async def get(self, tenant: str, subscription_id: str) -> Stored | None:
        """One, or None."""

    async def failing(self, tenant: str, limit: int) -> Sequence[Stored]:
        """Those whose last notification failed, in order of creation."""


class WaitingChanges(Protocol):
    """The part of the outbox that can be looked into. It may name changes delivered within the last seconds."""

    async def waiting(
        self, tenant: str, subscription_id: str, limit: int
    ) -> tuple[int, Instant | None, list[WaitingChange]]:
        """How many changes wait in all broker processes, since when the oldest does, and the oldest ones."""


async def list_deliveries(
    ports: Ports,
    subscriptions: FailingSubscriptions,
    outbox: WaitingChanges,
    tenant: str,
    subscription_id: str | None = None,
) -> list[dict[str, Any]]:
    """The subscriptions of a tenant whose receivers can't be reached, with what waits for them.

    With `subscription_id` that one alone, failing or not, and the oldest changes that wait. Raises NonexistentTenant,
    ResourceNotFound.
    """
    await require_tenant(ports, tenant)
    await ports.notifier.counted(tenant)
    found: Iterable[Stored]
    if subscription_id is None:
        found = await subscriptions.failing(tenant, MOST_SUBSCRIPTIONS)
    else:
        one = await subscriptions.get(tenant, subscription_id)
        if one is None:
            raise ResourceNotFound(f"There is no subscription {subscription_id[:200]} in this tenant.")
        found = (one,)
    listed = []
    for stored in found:
        limit = 0 if subscription_id is None else MOST_CHANGES
        count, oldest, changes = await outbox.waiting(tenant, stored["id"], limit)
        entry = _described(stored)
        entry["waiting"] = count
        if oldest is not None:
            entry["oldest"] = format_instant(oldest)
        if subscription_id is not None:
            entry["changes"] = [
                {"entity": each.entity_id, "trigger": each.trigger, "changedAt": format_instant(each.at)}
                for each in changes
            ]
        listed.append(entry)
    return listed


def _described(stored: Stored) -> dict[str, Any]:
    tally: Mapping[str, Any] = stored.get("tally") or {}
    entry: dict[str, Any] = {
        "subscription": stored["id"],
        "endpoint": _without_secrets(stored["document"]["notification"]["endpoint"]["uri"]),
        "status": tally.get("status") or "ok",
        "timesSent": tally.get("timesSent", 0),
        "timesFailed": tally.get("timesFailed", 0),
        "givenUp": tally.get("givenUp", 0),
    }
    if entry["status"] == "failed":
        entry["reason"] = tally.get("reason", "")
    for name in ("lastNotification", "lastSuccess", "lastFailure"):
        if tally.get(name) is not None:
            entry[name] = format_instant(tally[name])
    return entry


def _without_secrets(uri: str) -> str:
    """The URI without user name, password and query, which may be secrets."""
    parts = urlsplit(uri)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=""))
