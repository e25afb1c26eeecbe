"""What sources shall have of one subscription: a copy for each registration that it concerns (clause 5.8.1.4)."""

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any
from uuid import uuid4

import structlog

from broker.core.federate.match import Wanted
from broker.core.federate.passing import concerned, wanted_of
from broker.core.federate.registration import Information, Registration
from broker.core.subscribe.subscription import Subscription
from broker.operations.distributed.copies import Copy, copy_for
from broker.operations.distributed.remote_requests import SourceRequests
from broker.operations.distributed.subscriptions import RemoteStore, RemoteSubscription
from broker.operations.federation import Registry
from broker.operations.notify import SubscriptionRecords
from broker.operations.ports import Clock, ContextLoader, TenantStore

_log = structlog.get_logger("eclor.remote")

_MAX_SOURCES = 100
"""Sources that one subscription is passed on to, in the order of their registrations' creation."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What subscriptions at sources are worked out from, and what tells the sources.

    `find` gives a subscription as the store has it, `about` those of a tenant that may be about entities of some types
    (None: of any).
    """

    store: RemoteStore
    requests: SourceRequests
    registry: Registry
    registrations: SubscriptionRecords
    subscriptions: SubscriptionRecords
    tenants: TenantStore
    loader: ContextLoader
    clock: Clock
    find: Callable[[str, str], Any]
    about: Callable[[str, Iterable[str] | None], Iterable[Subscription]]
    alias_of: Callable[[str], str]


async def wanted_remotes(
    around: Surroundings, tenant: str, subscription: Subscription, there: Mapping[str, RemoteSubscription]
) -> dict[str, RemoteSubscription]:
    """What sources shall have by key; what they have or shall have already as it is in `there`."""
    found: dict[str, RemoteSubscription] = {}
    wanted, stored = wanted_of(subscription), None
    for registration, information in _concerned(around, tenant, subscription, wanted):
        if len(found) == _MAX_SOURCES:
            _log.warning("too many sources", tenant=tenant, subscription=subscription.id, most=_MAX_SOURCES)
            break
        key, made_of = _key(tenant, subscription.id, registration), _made_of(subscription, registration)
        known = there.get(key)
        if known is not None and known.is_wanted and known.made_of == made_of:
            found[key] = known
            continue
        stored = stored or await around.subscriptions.get(tenant, subscription.id)
        of_source = await around.registrations.get(tenant, registration.id)
        if stored is not None and of_source is not None:
            copy = await copy_for(around.loader, stored, subscription, registration, wanted, information)
            found[key] = _remote(key, tenant, subscription.id, of_source, copy, made_of)
    return found


def _concerned(
    around: Surroundings, tenant: str, subscription: Subscription, wanted: Wanted
) -> Iterator[tuple[Registration, tuple[Information, ...]]]:
    """The registrations that a subscription which has not expired concerns, the oldest first, each with what of it."""
    index, now = around.registry.of(tenant), around.clock.now()
    if index is None or (subscription.expires_at is not None and subscription.expires_at <= now):
        return
    alias = around.alias_of(tenant)
    for registration in sorted(index.candidates(wanted.selectors), key=lambda each: (each.created_at, each.id)):
        information = concerned(registration, subscription, wanted, alias, now)
        if information:
            yield registration, information


def _remote(
    key: str, tenant: str, subscription_id: str, of_source: Mapping[str, Any], copy: Copy, made_of: str
) -> RemoteSubscription:
    return RemoteSubscription(
        key=key,
        tenant=tenant,
        subscription=subscription_id,
        registration={name: value for name, value in of_source.items() if name != "tally"},
        remote_id=f"urn:ngsi-ld:Subscription:{uuid4()}",
        token=secrets.token_urlsafe(24),
        desired=copy.document,
        context=copy.context.reference,
        filters_here=copy.filters_here,
        made_of=made_of,
    )


def _key(tenant: str, subscription_id: str, registration: Registration) -> str:
    """Another endpoint, or another tenant there, is another source."""
    parts = (tenant, subscription_id, registration.id, registration.endpoint, registration.tenant)
    return blake2b("\n".join(parts).encode(), digest_size=20).hexdigest()


def _made_of(subscription: Subscription, registration: Registration) -> str:
    return f"{subscription.modified_at} {registration.modified_at} {subscription.whole is not None}"
