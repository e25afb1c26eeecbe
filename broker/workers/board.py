"""The subscriptions of one tenant in this process, kept in step with the store."""

import time

import structlog

from broker.core.model.errors import NgsiLdError
from broker.core.model.subscription import Stored
from broker.core.subscribe.index import SubscriptionIndex
from broker.core.subscribe.subscription import Subscription
from broker.operations.notify import SubscriptionRecords
from broker.operations.ports import ContextLoader
from broker.operations.subscriptions import load_subscription

_log = structlog.get_logger("eclor.notifications")

_PAGE = 1_000
_RETRY_AFTER = 10.0
"""Seconds after which subscriptions whose @context could not be had are tried again."""


class Board:
    """An index of a tenant's subscriptions, and the store's stamp up to which it is known to be complete."""

    def __init__(self, tenant: str, store: SubscriptionRecords, loader: ContextLoader) -> None:
        self.index = SubscriptionIndex()
        self._tenant = tenant
        self._store = store
        self._loader = loader
        self._stamp = -1
        self._own_changes = 0
        self._unread: set[str] = set()
        self._retry_at = 0.0

    def put(self, subscription: Subscription) -> None:
        """Know a subscription that this process stored."""
        self._own_changes += 1
        self._unread.discard(subscription.id)
        self.index.put(subscription)

    def remove(self, subscription_id: str) -> None:
        """Forget a subscription that this process deleted."""
        self._own_changes += 1
        self._unread.discard(subscription_id)
        self.index.remove(subscription_id)

    async def refresh(self) -> set[str]:
        """Learn what the store has that is not known here; the ids that differed. Raises what the store raises."""
        while True:
            own_changes = self._own_changes
            changes = await self._store.changes(self._tenant, self._stamp)
            by_id = changes.by_id
            fetched = dict(by_id) if by_id is not None else await self._all()
            read = await self._read(fetched)
            if own_changes == self._own_changes:
                break
            # What was read may be older than what this process stored meanwhile.
        self._stamp = changes.stamp
        gone = {each.id for each in self.index if each.id not in fetched} if by_id is None else set()
        return self._apply(read, gone)

    async def retry_unread(self) -> set[str]:
        """Try again those whose @context was not available, if it is time."""
        if not self._unread or time.monotonic() < self._retry_at:
            return set()
        own_changes = self._own_changes
        read = await self._read({each: await self._store.get(self._tenant, each) for each in list(self._unread)})
        return self._apply(read, set()) if own_changes == self._own_changes else set()

    def _apply(self, read: dict[str, Subscription | None], gone: set[str]) -> set[str]:
        differed = set()
        for subscription_id, subscription in {**read, **dict.fromkeys(gone)}.items():
            known = self.index.get(subscription_id)
            if subscription is not None:
                if known is None or known.modified_at != subscription.modified_at:
                    self.index.put(subscription)
                    differed.add(subscription_id)
            elif known is not None:
                self.index.remove(subscription_id)
                differed.add(subscription_id)
        return differed

    async def _all(self) -> dict[str, Stored | None]:
        found: dict[str, Stored | None] = {}
        offset, total = 0, 1
        while offset < total:
            page, total = await self._store.page(self._tenant, _PAGE, offset)
            found.update((each["id"], each) for each in page)
            offset += _PAGE
        return found

    async def _read(self, fetched: dict[str, Stored | None]) -> dict[str, Subscription | None]:
        """Parse what is not known already. What can't be parsed now is left as it is known, and tried again."""
        read: dict[str, Subscription | None] = {}
        for subscription_id, stored in fetched.items():
            known = self.index.get(subscription_id)
            self._unread.discard(subscription_id)
            if stored is None:
                read[subscription_id] = None
            elif known is not None and known.modified_at == stored["modifiedAt"]:
                read[subscription_id] = known
            else:
                try:
                    read[subscription_id] = await load_subscription(self._loader, stored)
                except NgsiLdError as error:
                    self._unread.add(subscription_id)
                    self._retry_at = time.monotonic() + _RETRY_AFTER
                    _log.warning(
                        "subscription can't be read yet",
                        tenant=self._tenant,
                        subscription=subscription_id,
                        reason=error.detail,
                    )
        return read
