"""Subscriptions at context sources on behalf of subscribers here, and what they tell (clauses 5.8.1.4, 5.8.6)."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import structlog

from broker.core.federate.plan import admitted
from broker.core.federate.registration import Registration
from broker.core.federate.told import restricted, told_change
from broker.core.jsonld.context import ActiveContext
from broker.core.model.change import Change, Trigger
from broker.core.model.errors import BadRequestData, NgsiLdError, ResourceNotFound
from broker.core.model.instant import Instant
from broker.core.ql.ast import EntityQuery
from broker.core.ql.evaluate import compile_query
from broker.core.subscribe.subscription import Subscription
from broker.operations.ports import Ports
from broker.operations.registrations import load_registration

_log = structlog.get_logger("eclor.remote")

_READ_AT_ONCE = 100
"""Entities read before other requests have their turn: some 5 ms."""
MAX_TOLD = 10_000
"""Entities in one notification of a source: ten times what brokers commonly send at once."""


@dataclass(slots=True)
class RemoteSubscription:
    """The subscription that this broker has, or is to have, at the source of one registration for one subscriber.

    `key` names subscription, registration and source together. `remote_id` is its id at the source, `token` the
    unguessable part of the URL to which the source sends. `registration` is the stored registration as it was last
    used: a source has to be told of an end also after its registration is gone. `desired` is the body that the source
    shall have, in names of the @context `context`, and `made_of` tells states of what it was made of apart; `sent` is
    the one it has, None where it is not known to have any, and `is_attempted`, whether it may have got one. `due`: when
    something is to be done, None where nothing is.
    """

    key: str
    tenant: str
    subscription: str
    registration: Mapping[str, Any]
    remote_id: str
    token: str
    desired: Mapping[str, Any]
    context: Any
    filters_here: bool
    made_of: str = ""
    is_wanted: bool = True
    is_attempted: bool = False
    sent: Mapping[str, Any] | None = None
    failures: int = 0
    due: Instant | None = 0


class RemoteStore(Protocol):
    """What this broker has at other sources, for all tenants, durable."""

    async def put(self, remote: RemoteSubscription) -> None:
        """Store a new one, or what is wanted of the one with its key: `registration`, `desired`, `due` and the like.

        `remote_id`, `token`, `sent`, `is_attempted` of one that is there stay.
        """

    async def get(self, key: str) -> RemoteSubscription | None:
        """One, or None."""

    async def by_token(self, token: str) -> RemoteSubscription | None:
        """The one that the source sends to by this token, or None."""

    async def of_subscription(self, tenant: str, subscription_id: str) -> list[RemoteSubscription]:
        """Those of one subscription here."""

    async def subscribers_of(self, tenant: str, registration_id: str) -> list[str]:
        """The subscriptions here for which the source of a registration was subscribed to."""

    async def of_tenant(self, tenant: str) -> list[RemoteSubscription]:
        """Those of one tenant."""

    async def tenants(self) -> list[str]:
        """The tenants that have some."""

    async def claim(self, key: str, now: Instant, until: Instant) -> RemoteSubscription | None:
        """The one of that key for this process alone, until then; None where another has it or it is gone."""

    async def settle(self, remote: RemoteSubscription, was: RemoteSubscription) -> None:
        """Give back a claimed one with what was done; `due` only where what is wanted is still as it `was`."""

    async def remove(self, key: str) -> bool:
        """Forget a claimed one, unless it is wanted again meanwhile; whether it is gone."""

    async def due(self, now: Instant, limit: int) -> list[str]:
        """Keys of those of which something is due and that nobody has claimed."""


class RemoteSubscriptions(Protocol):
    """Keeps the subscriptions at sources in step with those here and with registrations."""

    def subscription_changed(self, tenant: str, subscription_id: str) -> None:
        """A subscription was created, updated or deleted by this process."""

    def registration_changed(self, tenant: str, registration_id: str) -> None:
        """A registration was created, updated or deleted by this process."""


@dataclass(frozen=True, slots=True)
class Relay:
    """What taking in notifications needs: the store, subscriptions in memory, and the way into the outbox."""

    store: RemoteStore
    worker: RemoteSubscriptions
    find: Callable[[str, str], Awaitable[Subscription | None]]
    tell: Callable[[str, str, Sequence[Change]], Awaitable[None]]


async def take_in(ports: Ports, relay: Relay, token: str, body: Mapping[str, Any], context: ActiveContext) -> None:
    """A notification of a source, for the subscriber on whose behalf the source was subscribed to (clause 5.8.6).

    Once this returns, what it tells is kept until the subscriber has it. `context` is the @context beside the body.
    Raises ResourceNotFound where nobody here wants it any more, BadRequestData where it is no notification.
    """
    remote = await relay.store.by_token(token)
    subscription = None
    if remote is not None and remote.is_wanted:
        subscription = await relay.find(remote.tenant, remote.subscription)
    if remote is None or subscription is None:
        raise ResourceNotFound("Nobody here has subscribed to this; the subscription can be deleted.")
    now = ports.clock.now()
    entities = _entities(body)
    if not subscription.is_sending(now) or subscription.is_local_only:
        return
    registration = await load_registration(ports.loader, remote.registration)
    selects = compile_query(EntityQuery(selectors=subscription.query.selectors))
    changes = []
    for number, document in enumerate(entities):
        if number % _READ_AT_ONCE == _READ_AT_ONCE - 1:
            await asyncio.sleep(0)
        change = await _change(ports, document, context, now, registration)
        if change is None or not selects(change.entity):
            continue
        if not remote.filters_here or subscription.whole is not None or _satisfied(subscription, change):
            changes.append(change)
    if changes:
        await relay.tell(remote.tenant, subscription.id, changes)


def _entities(body: Mapping[str, Any]) -> list[Any]:
    data = body.get("data")
    if body.get("type") != "Notification" or not isinstance(data, list):
        raise BadRequestData("A Notification with an array of entities as its 'data' was expected (clause 5.3.1).")
    if len(data) > MAX_TOLD:
        raise BadRequestData(f"'data' has {len(data)} entities; at most {MAX_TOLD} are taken.")
    return data


def _satisfied(subscription: Subscription, change: Change) -> bool:
    return change.trigger is Trigger.ENTITY_DELETED or subscription.satisfied(change.entity)


async def _change(
    ports: Ports, document: Any, context: ActiveContext, now: Instant, registration: Registration
) -> Change | None:
    """What a source tells of one entity, as far as it is registered; None where it is not, or is no entity."""
    try:
        if isinstance(document, dict) and "@context" in document:
            context = await ports.loader.load(document["@context"])
        change = told_change(document if isinstance(document, dict) else {}, context, now, registration.id)
    except NgsiLdError as error:
        _log.warning("what a source told is passed over", registration=registration.id, reason=error.detail)
        return None
    covered = admitted(registration, change.entity)
    if covered is None:
        return None
    names = frozenset((*change.attributes, *change.previous, *change.entity.attributes))
    instances = [{"datasetId": each} for each in registration.dataset_ids or ("@none",)]
    known = admitted(registration, change.entity.with_(attributes=dict.fromkeys(names, instances)))
    change = restricted(change, frozenset(known.attributes if known is not None else ()))
    return change if change.trigger is Trigger.ENTITY_DELETED else replace(change, entity=covered)
