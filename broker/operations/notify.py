"""What the delivery of notifications needs from outside (clauses 5.8.6, 6.3.8, 7)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from broker.core.model.change import Change
from broker.core.model.entity import Entity
from broker.core.model.errors import TooManyResults
from broker.core.model.instant import Instant
from broker.core.model.subscription import Endpoint, Tally
from broker.core.ql.ast import PageRequest
from broker.core.represent import feature, represent
from broker.core.subscribe.message import Message
from broker.core.subscribe.notification import (
    GEOJSON,
    known_entities,
    notification_message,
    shown_entities,
    told_entities,
)
from broker.core.subscribe.subscription import Subscription
from broker.operations.linked import Linking, inline, reachable
from broker.operations.ports import Ports, SubscriptionStore

_log = structlog.get_logger("eclor.notifications")

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

    async def adopt(self) -> list[WaitingMessage]:
        """Take over what processes that are gone left, in order."""


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


async def joined_message(
    ports: Ports, tenant: str, subscription: Subscription, changes: Sequence[Change], now: Instant, seed: str
) -> Message:
    """As `notification_of_changes`, with the linked entities that the subscription asks for (clause 4.5.23).

    They are told as they are when the notification is built. Raises what the store raises.
    """
    shown = await _shown(ports, tenant, subscription, told_entities(subscription, changes))
    return notification_message(subscription, shown, now, seed, tenant)


async def periodic_messages(ports: Ports, tenant: str, subscription: Subscription, now: Instant) -> list[Message]:
    """The notifications of a subscription with a timeInterval: all entities that match; none where none does."""
    messages = []
    offset, more = 0, True
    while more:
        page = await ports.entities.find(tenant, subscription.query, PageRequest(PAGE, offset))
        offset, more = offset + PAGE, page.more
        if page.entities:
            shown = await _shown(ports, tenant, subscription, known_entities(subscription, page.entities))
            seed = f"{now} {page.entities[0].id}"
            messages.append(notification_message(subscription, shown, now, seed, tenant))
    return messages


async def _shown(
    ports: Ports, tenant: str, subscription: Subscription, entities: Sequence[Entity]
) -> list[dict[str, Any]]:
    shown = shown_entities(subscription, entities)
    if not subscription.join:
        return shown
    linking = Linking(subscription.join, subscription.join_level)
    context, asked = subscription.context, subscription.representation
    is_geo = subscription.endpoint.accept == GEOJSON
    try:
        found = await reachable(ports, tenant, entities, linking, asked)
    except TooManyResults as error:
        _log.warning("linked entities left out", tenant=tenant, subscription=subscription.id, reason=error.detail)
        return shown
    if subscription.join == "flat":
        show = feature if is_geo else represent
        linked = known_entities(subscription, [each.entity for each in found.values()])
        asked_of = [each.representation for each in found.values()]
        return shown + [show(entity, context, form) for entity, form in zip(linked, asked_of, strict=True)]
    for target, each in found.items():
        (known,) = known_entities(subscription, [each.entity])
        found[target] = each._replace(entity=known)
    documents = [inline(entity, found, context, asked, linking) for entity in entities]
    if is_geo:
        return [{**each, "properties": document} for each, document in zip(shown, documents, strict=True)]
    return documents
