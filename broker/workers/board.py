"""The subscriptions or registrations of one tenant in this process, kept in step with the store."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Generic, Protocol, TypeVar

import structlog

from broker.core.model.errors import NgsiLdError
from broker.core.model.instant import Instant
from broker.core.model.subscription import Stored
from broker.operations.notify import SubscriptionRecords

_log = structlog.get_logger("eclor.notifications")

_PAGE = 1_000
_PARSED_AT_ONCE = 50
"""Subscriptions parsed before others have their turn: some 5 ms."""
_APPLIED_AT_ONCE = 200
"""Put into the index before others have their turn: some 5 ms."""
_RETRY_AFTER = 10.0
"""Seconds after which subscriptions whose @context could not be had are tried again."""


class Posted(Protocol):
    """What a board holds: something with an id, of which two states differ in when they were made."""

    @property
    def id(self) -> str:
        """Its IRI."""

    @property
    def modified_at(self) -> Instant:
        """When this state was made."""


P = TypeVar("P", bound=Posted)


class Index(Protocol[P]):
    """Where a board keeps what it knows."""

    def __iter__(self) -> Iterator[P]:
        """All."""

    def get(self, posted_id: str, /) -> P | None:
        """One, or None."""

    def put(self, posted: P, /) -> None:
        """Add one, or replace the one with its id."""

    def remove(self, posted_id: str, /) -> object:
        """Take one out, if it is there."""


I = TypeVar("I", bound=Index)  # type: ignore[type-arg]  # noqa: E741  # of the same P, which can't be said before 3.12


class Board(Generic[P, I]):
    """An index of what a tenant has of one kind, and the store's stamp up to which it is known to be complete.

    `load` makes of a stored one what the index takes.
    """

    def __init__(
        self, tenant: str, store: SubscriptionRecords, index: I, load: Callable[[Stored], Awaitable[P]]
    ) -> None:
        self.index = index
        self._tenant = tenant
        self._store = store
        self._load = load
        self._stamp = -1
        self._moves = 0
        self._unread: set[str] = set()
        self._noted: tuple[set[str], set[str]] = (set(), set())
        self._removed: set[str] = set()
        self._retry_at = 0.0

    def put(self, subscription: P) -> None:
        """Know one that this process stored; of several at once, whoever comes last, the newest."""
        self._moves += 1
        self._unread.discard(subscription.id)
        known = self.index.get(subscription.id)
        if known is None or known.modified_at <= subscription.modified_at:
            self.index.put(subscription)

    def remove(self, subscription_id: str) -> None:
        """Forget one that this process deleted."""
        self._moves += 1
        self._unread.discard(subscription_id)
        self._removed.add(subscription_id)
        self.index.remove(subscription_id)

    def is_gone(self, subscription_id: str) -> bool:
        """Whether there is certainly none of that id: neither here nor, unread yet, in the store."""
        if self.index.get(subscription_id) is not None or subscription_id in self._unread:
            return False
        return self._stamp >= 0 or subscription_id in self._removed

    async def refresh(self) -> set[str]:
        """Learn what the store has that is not known here; the ids that differed. Raises what the store raises."""
        differed: set[str] = set()
        while True:
            moves = self._moves
            changes = await self._store.changes(self._tenant, self._stamp)
            by_id = changes.by_id
            fetched = dict(by_id) if by_id is not None else await self._all()
            read = await self._read(fetched)
            # What was read may be older than what this process stored, or another refresh read, meanwhile.
            if moves == self._moves and await self._apply_all(read, fetched, by_id is None, differed):
                break
        if changes.stamp != self._stamp:
            self._moves += 1
        self._stamp = changes.stamp
        self._noted[1].update(by_id or ())
        self._removed.clear()
        return differed

    async def _apply_all(
        self, read: dict[str, P | None], fetched: dict[str, Stored | None], is_complete: bool, differed: set[str]
    ) -> bool:
        """Apply what was read, letting others have their turn; whether nothing moved before it was all applied."""
        moves = self._moves
        gone = [each.id for each in self.index if each.id not in fetched] if is_complete else []
        whole = [*read.items(), *((each, None) for each in gone)]
        for start in range(0, len(whole), _APPLIED_AT_ONCE):
            if start:
                await asyncio.sleep(0)
                if moves != self._moves:
                    return False
            differed |= self._apply(dict(whole[start : start + _APPLIED_AT_ONCE]))
        return True

    async def look_again(self) -> set[str]:
        """Read once more what was noted a while ago, and what could not be read, if it is time; the ids that differed.

        A writer notes what it is going to write, and may have been slow, or died after it.
        """
        settled, recent = self._noted
        wanted = set(settled)
        if self._unread and time.monotonic() >= self._retry_at:
            wanted |= self._unread
        moves = self._moves
        read = await self._read({each: await self._store.get(self._tenant, each) for each in wanted}) if wanted else {}
        if moves != self._moves:
            return set()
        self._noted = (recent, settled)
        settled.clear()
        return self._apply(read)

    def _apply(self, read: dict[str, P | None]) -> set[str]:
        differed = set()
        for subscription_id, subscription in read.items():
            self._unread.discard(subscription_id)
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

    async def _read(self, fetched: dict[str, Stored | None]) -> dict[str, P | None]:
        """Parse what is not known already. What can't be parsed now is left as it is known, and tried again."""
        read: dict[str, P | None] = {}
        for subscription_id, stored in fetched.items():
            known = self.index.get(subscription_id)
            if stored is None:
                read[subscription_id] = None
            elif known is not None and known.modified_at == stored["modifiedAt"]:
                read[subscription_id] = known
            else:
                if not len(read) % _PARSED_AT_ONCE:
                    await asyncio.sleep(0)
                # Until it is applied: what is being read is not gone.
                self._unread.add(subscription_id)
                try:
                    read[subscription_id] = await self._load(stored)
                except NgsiLdError as error:
                    self._retry_at = time.monotonic() + _RETRY_AFTER
                    _log.warning(
                        "stored document can't be read yet",
                        tenant=self._tenant,
                        id=subscription_id,
                        reason=error.detail,
                    )
        return read
