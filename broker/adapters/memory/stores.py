"""TenantStore, SubscriptionStore and ContextStore on dicts. What goes in and comes out is copied, as over a wire."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from broker.core.model.errors import AlreadyExists, ResourceNotFound
from broker.core.model.instant import Instant
from broker.core.model.subscription import Tally
from broker.operations.notify import SubscriptionChanges


class MemoryTenants:
    """Which tenants exist."""

    def __init__(self) -> None:
        self._tenants: set[str] = {""}

    async def exists(self, tenant: str) -> bool:
        """Whether it is the default tenant or was ensured before."""
        return tenant in self._tenants

    async def ensure(self, tenant: str) -> None:
        """Let it exist."""
        self._tenants.add(tenant)

    async def all(self) -> list[str]:
        """Every tenant, the default one first."""
        return sorted(self._tenants)

    async def remove(self, tenant: str) -> None:
        """Let it no longer exist."""
        self._tenants.discard(tenant)


class MemorySubscriptions:
    """Subscriptions by tenant and id, in order of creation."""

    def __init__(self) -> None:
        self._tenants: dict[str, dict[str, dict[str, Any]]] = {}
        self._stamps: dict[str, int] = {}
        self._claims: dict[tuple[str, str], Instant] = {}

    async def create(self, tenant: str, subscription: Mapping[str, Any]) -> None:
        """Store a new one; AlreadyExists if its id is taken."""
        if subscription["id"] in self._of(tenant):
            raise AlreadyExists(f"Subscription {subscription['id']} exists already. Update it, or choose another id.")
        self._keep(tenant, subscription)

    async def replace(self, tenant: str, subscription: Mapping[str, Any], since: Instant | None = None) -> bool:
        """Store a new state, if its `modifiedAt` is still `since`; ResourceNotFound if it is gone."""
        self._require(tenant, subscription["id"])
        if since is not None and self._of(tenant)[subscription["id"]]["modifiedAt"] != since:
            return False
        self._keep(tenant, subscription)
        return True

    async def delete(self, tenant: str, subscription_id: str) -> None:
        """Remove; ResourceNotFound if it is not there."""
        self._require(tenant, subscription_id)
        del self._of(tenant)[subscription_id]
        self._advance(tenant)

    async def get(self, tenant: str, subscription_id: str) -> dict[str, Any] | None:
        """One, or None."""
        return deepcopy(self._of(tenant).get(subscription_id))

    async def page(
        self, tenant: str, limit: int, offset: int, *, member: str | None = None
    ) -> tuple[list[dict[str, Any]], int]:
        """A page in order of creation, and how many there are; with `member`, of those of that federation member."""
        every = [each for each in self._of(tenant).values() if member is None or each.get("member") == member]
        return deepcopy(every[offset : offset + limit]), len(every)

    async def stamp(self, tenant: str) -> int:
        """Grows with every create, replace and delete."""
        return self._stamps.get(tenant, 0)

    async def changes(self, tenant: str, since: int) -> SubscriptionChanges:
        """What happened after the stamp `since`: told only as "read all again"."""
        stamp = await self.stamp(tenant)
        return SubscriptionChanges(stamp, {} if stamp == since else None)

    async def count(self, tenant: str, tallies: Mapping[str, Tally]) -> None:
        """Add what is tallied; unknown ids are passed over."""
        subscriptions = self._of(tenant)
        for subscription_id, tally in tallies.items():
            if subscription_id in subscriptions:
                stored = subscriptions[subscription_id]
                stored["tally"] = _counted(stored.get("tally", {}), tally)

    async def failing(self, tenant: str, limit: int) -> list[dict[str, Any]]:
        """Those whose last notification failed, in order of creation."""
        every = self._of(tenant).values()
        return deepcopy([each for each in every if each.get("tally", {}).get("status") == "failed"][:limit])

    async def claim(self, tenant: str, subscription_id: str, now: Instant, until: Instant) -> bool:
        """Whether it was free at `now`; if so it is taken until `until`."""
        key = (tenant, subscription_id)
        if subscription_id not in self._of(tenant) or self._claims.get(key, now) > now:
            return False
        self._claims[key] = until
        return True

    def _of(self, tenant: str) -> dict[str, dict[str, Any]]:
        return self._tenants.setdefault(tenant, {})

    def _require(self, tenant: str, subscription_id: str) -> None:
        if subscription_id not in self._of(tenant):
            raise ResourceNotFound(f"There is no subscription {subscription_id} in this tenant.")

    def _keep(self, tenant: str, subscription: Mapping[str, Any]) -> None:
        former = self._of(tenant).get(subscription["id"], {})
        kept = {"tally": former["tally"]} if "tally" in former else {}
        self._of(tenant)[subscription["id"]] = {**deepcopy(dict(subscription)), **kept}
        self._advance(tenant)

    def _advance(self, tenant: str) -> None:
        self._stamps[tenant] = self._stamps.get(tenant, 0) + 1


class MemoryContexts:
    """Contexts kept by the broker, by `_id`."""

    def __init__(self) -> None:
        self._entries: dict[str, dict[str, Any]] = {}

    async def put(self, entry: Mapping[str, Any]) -> None:
        """Store or replace an entry by its `_id`."""
        self._entries[entry["_id"]] = deepcopy(dict(entry))

    async def get(self, context_id: str) -> dict[str, Any] | None:
        """An entry by its local identifier or URL."""
        by_url = (entry for entry in self._entries.values() if entry.get("url") == context_id)
        return deepcopy(self._entries.get(context_id) or next(by_url, None))

    async def delete(self, context_id: str) -> bool:
        """Remove; whether it was there."""
        return self._entries.pop(context_id, None) is not None

    async def all(self) -> list[dict[str, Any]]:
        """All entries."""
        return deepcopy(list(self._entries.values()))

    async def use(self, context_id: str, hits: int, at: Instant) -> None:
        """Add to an entry's `hits` and set its `lastUsage`; nothing where it is gone."""
        entry = self._entries.get(context_id)
        if entry is not None:
            entry["hits"] = entry.get("hits", 0) + hits
            entry["lastUsage"] = at


def _counted(stored: Mapping[str, Any], tally: Tally) -> dict[str, Any]:
    newer = {
        "lastNotification": tally.last_notification,
        "lastSuccess": tally.last_success,
        "lastFailure": tally.last_failure,
        "status": tally.status,
        "reason": tally.reason,
    }
    return {
        **stored,
        "timesSent": stored.get("timesSent", 0) + tally.times_sent,
        "timesFailed": stored.get("timesFailed", 0) + tally.times_failed,
        "givenUp": stored.get("givenUp", 0) + tally.given_up,
        **{name: value for name, value in newer.items() if value is not None},
    }
