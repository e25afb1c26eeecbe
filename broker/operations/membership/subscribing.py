"""Subscriptions of members: their own alone, kept within what they are offered, and sent to their brokers only."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import orjson

from broker.core.federate.offer import read_offer
from broker.core.federate.offered import View
from broker.core.model.errors import AccessDenied, NgsiLdError, ResourceNotFound
from broker.core.model.instant import Instant
from broker.core.subscribe.subscription import Subscription
from broker.operations.membership.ports import Member, MemberStore
from broker.operations.ports import ContextLoader, Notifier, Ports, SubscriptionStore
from broker.operations.subscriptions import delete_subscription, load_subscription

MOST = 1_000
"""Subscriptions of one member: a city's broker passes on those of its own subscribers, some dozens."""

_KEPT = ("member", "offer")


class MembersSubscriptions:
    """SubscriptionStore of one member: those that it made, in front of the store of all.

    The member is looked up with each write: what it was offered or whether it left may have changed just now. `view` is
    that of the offer that was found last.
    """

    def __init__(
        self, store: SubscriptionStore, members: MemberStore, loader: ContextLoader, member_id: str, view: View
    ) -> None:
        self._store = store
        self._members = members
        self._loader = loader
        self._id = member_id
        self.view = view

    async def create(self, tenant: str, subscription: Mapping[str, Any]) -> None:
        """Store a new one. Raises AlreadyExists; AccessDenied where it goes beyond what is offered."""
        _, count = await self._store.page(tenant, 0, 0, member=self._id)
        if count >= MOST:
            raise AccessDenied(f"You have {MOST} subscriptions here, and no more are kept for one broker.")
        guarded = await self._guarded(subscription)
        await self._store.create(tenant, guarded)
        # Whoever changed the offer meanwhile did not find it yet.
        if _text((await self._member()).given) != guarded["offer"]:
            await self._store.delete(tenant, subscription["id"])
            raise AccessDenied("What this broker offers you has just changed; try again.")

    async def replace(self, tenant: str, subscription: Mapping[str, Any], since: Instant | None = None) -> bool:
        """Store a new state. Raises ResourceNotFound; AccessDenied as `create` does."""
        await self._require(tenant, subscription["id"])
        return await self._store.replace(tenant, await self._guarded(subscription), since)

    async def delete(self, tenant: str, subscription_id: str) -> None:
        """Remove; ResourceNotFound if the member has no such one."""
        await self._require(tenant, subscription_id)
        await self._store.delete(tenant, subscription_id)

    async def get(self, tenant: str, subscription_id: str) -> dict[str, Any] | None:
        """One of the member's, or None."""
        found = await self._store.get(tenant, subscription_id)
        if found is None or found.get("member") != self._id:
            return None
        return {name: value for name, value in found.items() if name not in _KEPT}

    async def page(
        self, tenant: str, limit: int, offset: int, *, member: str | None = None
    ) -> tuple[list[dict[str, Any]], int]:
        """A page of the member's own, whichever `member` is named."""
        return await self._store.page(tenant, limit, offset, member=self._id)

    async def stamp(self, tenant: str) -> int:
        """A number that grows with every change."""
        return await self._store.stamp(tenant)

    async def _guarded(self, subscription: Mapping[str, Any]) -> dict[str, Any]:
        member = await self._member()
        self.view = View(read_offer(member.given or {}, await self._loader.load(None, counts=False)))
        guarded = {**subscription, "member": self._id, "offer": _text(member.given)}
        loaded = await load_subscription(self._loader, guarded)
        place = member.party.url + "/"
        if not loaded.endpoint.uri.startswith(place):
            raise AccessDenied(f"What this broker offers you is told to your broker alone: at a URI below {place}.")
        return guarded

    async def _member(self) -> Member:
        member = await self._members.get(self._id)
        if member is None or member.is_leaving or member.given is None:
            raise AccessDenied("This broker offers you nothing any more.")
        return member

    async def _require(self, tenant: str, subscription_id: str) -> None:
        if await self.get(tenant, subscription_id) is None:
            raise ResourceNotFound(f"You have no subscription {subscription_id} here.")


class MembersNotifier:
    """Notifier that knows a member's subscriptions as they are kept."""

    def __init__(self, notifier: Notifier, subscriptions: MembersSubscriptions) -> None:
        self._notifier = notifier
        self._subscriptions = subscriptions
        self.match = notifier.match
        self.refresh = notifier.refresh
        self.dispatch = notifier.dispatch
        self.unsubscribed = notifier.unsubscribed
        self.counted = notifier.counted

    def subscribed(self, tenant: str, subscription: Subscription) -> None:
        """A subscription was created or updated: the next `match` knows it."""
        self._notifier.subscribed(tenant, self._subscriptions.view.limited(subscription))


async def end_subscriptions(ports: Ports, tenant: str, member: Member) -> None:
    """Remove all that a member subscribed to in a tenant."""
    for each in await _ids(ports, tenant, member):
        with suppress(ResourceNotFound):
            await delete_subscription(ports, tenant, each)


async def renew_subscriptions(ports: Ports, member: Member, former: Mapping[str, Any]) -> None:
    """Keep a member's subscriptions within what it is offered now instead of the `former` offer; others end."""
    given, tenant = member.given or {}, former.get("tenant", "")
    if "createSubscription" not in given.get("operations", ()) or given.get("tenant", "") != tenant:
        await end_subscriptions(ports, tenant, member)
        return
    offer = _text(given)
    for each in await _ids(ports, tenant, member):
        with suppress(ResourceNotFound):
            await _renew(ports, tenant, each, offer)


async def _renew(ports: Ports, tenant: str, subscription_id: str, offer: str) -> None:
    while (stored := await ports.subscriptions.get(tenant, subscription_id)) is not None:
        changed = {**stored, "offer": offer, "modifiedAt": max(ports.clock.now(), stored["modifiedAt"] + 1)}
        try:
            subscription = await load_subscription(ports.loader, changed, counts=False)
        except NgsiLdError:
            # What can't be kept within the offer must not go on under the former one.
            await delete_subscription(ports, tenant, subscription_id)
            return
        if await ports.subscriptions.replace(tenant, changed, stored["modifiedAt"]):
            ports.notifier.subscribed(tenant, subscription)
            return


async def _ids(ports: Ports, tenant: str, member: Member) -> list[str]:
    if not await ports.tenants.exists(tenant):
        return []
    found, _ = await ports.subscriptions.page(tenant, MOST, 0, member=member.id)
    return [each["id"] for each in found]


def _text(given: Mapping[str, Any] | None) -> str:
    return orjson.dumps(given, option=orjson.OPT_SORT_KEYS).decode()
