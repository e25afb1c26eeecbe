"""What the delivery of notifications needs from outside (clauses 5.8.6, 6.3.8, 7)."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from broker.core.model.instant import Instant
from broker.core.model.subscription import Endpoint, Tally
from broker.core.subscribe.message import Message
from broker.operations.ports import SubscriptionStore


class DeliveryError(Exception):
    """The receiver did not take the notification: what it answered, or why it could not be reached."""


class Sink(Protocol):
    """One binding: where messages leave the broker."""

    async def send(self, endpoint: Endpoint, message: Message) -> None:
        """Return once the receiver has the message; raise DeliveryError where it has not, within a bounded time."""

    async def close(self) -> None:
        """End all connections."""


class Timer(Protocol):
    """Time that only grows, in seconds."""

    def monotonic(self) -> float:
        """Seconds since some moment."""

    async def sleep(self, seconds: float) -> None:
        """Come back after that long."""


@dataclass(frozen=True, slots=True)
class WaitingMessage:
    """A message that its receiver has not got yet."""

    key: str
    tenant: str
    subscription: str
    message: Message


class MessageOutbox(Protocol):
    """Messages about registrations until their receivers have them (at least once, over any crash)."""

    async def add(self, tenant: str, subscription_id: str, message: Message) -> str:
        """Keep a message; its key."""

    async def remove(self, key: str) -> None:
        """The receiver has it, or it is given up."""

    async def remove_all(self, tenant: str, subscription_id: str) -> None:
        """Nobody wants what waits for a subscription any more."""

    def adopt(self) -> AsyncIterator[list[WaitingMessage]]:
        """Take over all that processes that are gone left, in order, part by part."""


@dataclass(frozen=True, slots=True)
class SubscriptionChanges:
    """What happened to a tenant's subscriptions after a stamp: id to the stored subscription, None for a deleted one.

    `by_id` is None where it is too long ago to tell.
    """

    stamp: int
    by_id: Mapping[str, Mapping[str, Any] | None] | None


class SubscriptionRecords(SubscriptionStore, Protocol):
    """The store of subscriptions as the delivery of notifications needs it."""

    async def changes(self, tenant: str, since: int) -> SubscriptionChanges:
        """What happened after the stamp `since`."""

    async def count(self, tenant: str, tallies: Mapping[str, Tally]) -> None:
        """Add what is tallied to what the subscriptions of these ids have; unknown ids are passed over."""

    async def claim(self, tenant: str, subscription_id: str, now: Instant, until: Instant) -> bool:
        """Whether this process is the one to send a periodic notification now; nobody else is before `until`."""
