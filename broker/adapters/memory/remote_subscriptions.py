"""RemoteStore on a dict. What goes in and comes out is copied, as over a wire."""

from copy import deepcopy
from dataclasses import replace

from broker.core.model.instant import Instant
from broker.operations.distributed.subscriptions import RemoteSubscription


class MemoryRemoteSubscriptions:
    """Subscriptions at other sources by key."""

    def __init__(self) -> None:
        self._by_key: dict[str, RemoteSubscription] = {}
        self._claims: dict[str, Instant] = {}

    async def put(self, remote: RemoteSubscription) -> None:
        """Store a new one, or what is wanted of the one with its key."""
        known = self._by_key.get(remote.key)
        kept = remote
        if known is not None:
            kept = replace(
                remote,
                remote_id=known.remote_id,
                token=known.token,
                sent=known.sent,
                is_attempted=known.is_attempted,
            )
        self._by_key[remote.key] = deepcopy(kept)

    async def get(self, key: str) -> RemoteSubscription | None:
        """One, or None."""
        return deepcopy(self._by_key.get(key))

    async def by_token(self, token: str) -> RemoteSubscription | None:
        """The one that the source sends to by this token, or None."""
        return next((deepcopy(each) for each in self._by_key.values() if each.token == token), None)

    async def of_subscription(self, tenant: str, subscription_id: str) -> list[RemoteSubscription]:
        """Those of one subscription here."""
        return [each for each in await self.of_tenant(tenant) if each.subscription == subscription_id]

    async def subscribers_of(self, tenant: str, registration_id: str) -> list[str]:
        """The subscriptions here for which the source of a registration was subscribed to."""
        return [
            each.subscription for each in await self.of_tenant(tenant) if each.registration["id"] == registration_id
        ]

    async def of_tenant(self, tenant: str) -> list[RemoteSubscription]:
        """Those of one tenant."""
        return [deepcopy(each) for each in self._by_key.values() if each.tenant == tenant]

    async def tenants(self) -> list[str]:
        """The tenants that have some."""
        return sorted({each.tenant for each in self._by_key.values()})

    async def claim(self, key: str, now: Instant, until: Instant) -> RemoteSubscription | None:
        """The one of that key for this process alone, until then; None where another has it or it is gone."""
        if key not in self._by_key or self._claims.get(key, 0) > now:
            return None
        self._claims[key] = until
        known = deepcopy(self._by_key[key])
        self._by_key[key].is_attempted = True
        return known

    async def settle(self, remote: RemoteSubscription, was: RemoteSubscription) -> None:
        """Give back a claimed one with what was done; `due` only where what is wanted is still as it `was`."""
        self._claims.pop(remote.key, None)
        now = self._by_key.get(remote.key)
        if now is None:
            return
        done = replace(now, remote_id=remote.remote_id, sent=remote.sent, is_attempted=remote.is_attempted)
        if (now.desired, now.registration, now.is_wanted) == (was.desired, was.registration, was.is_wanted):
            done = replace(done, failures=remote.failures, due=remote.due)
        self._by_key[remote.key] = deepcopy(done)

    async def remove(self, key: str) -> bool:
        """Forget a claimed one, unless it is wanted again meanwhile; whether it is gone."""
        known = self._by_key.get(key)
        if known is None or known.is_wanted:
            return False
        del self._by_key[key]
        self._claims.pop(key, None)
        return True

    async def due(self, now: Instant, limit: int) -> list[str]:
        """Keys of those of which something is due and that nobody has claimed."""
        found = [key for key, each in self._by_key.items() if each.due is not None and each.due <= now]
        return [key for key in found if self._claims.get(key, 0) <= now][:limit]
