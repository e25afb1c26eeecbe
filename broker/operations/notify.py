"""What the delivery of notifications needs from outside (clauses 5.8.6, 6.3.8, 7)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from broker.core.model.entity import Entity
from broker.core.model.instant import Instant
from broker.core.model.subscription import Endpoint, Tally
from broker.core.ql.ast import PageRequest
from broker.core.subscribe.message import Message
from broker.core.subscribe.notification import notification_of_entities
from broker.core.subscribe.subscription import Subscription
from broker.operations.ports import EntityStore, SubscriptionStore

PAGE = 1_000
"""Entities in one notification of a timeInterval subscription at most, about a megabyte; more go in further ones."""


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


async def periodic_messages(
    entities: EntityStore, tenant: str, subscription: Subscription, now: Instant
) -> list[Message]:
    """The notifications of a subscription with a timeInterval: all entities that match; none where none does."""
    messages = []
    offset, more = 0, True
    while more:
        page = await entities.find(tenant, subscription.query, PageRequest(PAGE, offset))
        offset, more = offset + PAGE, page.more
        found: list[Entity] = page.entities
        if found:
            messages.append(notification_of_entities(subscription, found, now))
    return messages
