"""Create, update, retrieve, query and delete subscriptions (clauses 5.8.1 to 5.8.5)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import uuid4

import orjson

from broker.core.federate.loop import read_via
from broker.core.federate.offer import read_offer
from broker.core.federate.offered import View
from broker.core.jsonld.context import ActiveContext
from broker.core.jsonld.names import is_iri
from broker.core.model import stored_document
from broker.core.model.credentials import restored
from broker.core.model.errors import (
    BadRequestData,
    LdContextNotAvailable,
    LoopDetected,
    ResourceNotFound,
    Unavailable,
)
from broker.core.model.instant import Instant
from broker.core.model.subscription import Stored, render_subscription
from broker.core.subscribe.parse import parse_subscription
from broker.core.subscribe.patch import check_expiry, cleaned, patched
from broker.core.subscribe.rename import renamed
from broker.core.subscribe.subscription import Subscription
from broker.operations.contexts import PATH, host_implicitly
from broker.operations.ports import ContextLoader, Ports
from broker.operations.tenancy import require_tenant

ATTEMPTS = 50
"""Times that an update is computed anew because of others at the same subscription."""


async def create_subscription(
    ports: Ports,
    tenant: str,
    document: Mapping[str, Any],
    context: ActiveContext,
    base_url: str | None = None,
    via: str | None = None,
) -> str:
    """Clause 5.8.1. `document` is the request's body, `context` the @context it came with. Returns the id.

    `via` is the Via header of the request: the brokers that the subscription came through, which do not get it again.

    A @context without a URL of its own is hosted below `base_url`, where receivers find it (clause 5.13.1); where
    that is None, notifications in plain JSON have whole IRIs for names.

    Raises BadRequestData, AlreadyExists, LdContextNotAvailable, LoopDetected.
    """
    if via and ports.federation is not None and ports.federation.alias_of(tenant) in read_via(via):
        raise LoopDetected("This broker has passed the subscription on itself; it does not take it back.")
    kept = dict(restored(cleaned(document), {}))
    kept.setdefault("id", f"urn:ngsi-ld:Subscription:{uuid4()}")
    if context.link is not None:
        kept.setdefault("jsonldContext", context.link)
    now = ports.clock.now()
    check_expiry(kept, now)
    stored = stored_document.new(kept, context.reference, now, via)
    subscription = await load_subscription(ports.loader, stored, {_key(context.reference): context})
    if base_url is not None and "jsonldContext" not in kept:
        hosted = base_url + PATH + await host_implicitly(ports, context.reference)
        kept["jsonldContext"] = hosted
        subscription = replace(subscription, context=context.named(hosted))
    await ports.tenants.ensure(tenant)
    await ports.subscriptions.create(tenant, stored)
    ports.notifier.subscribed(tenant, subscription)
    _pass_on(ports, tenant, subscription.id)
    return subscription.id


async def update_subscription(
    ports: Ports, tenant: str, subscription_id: str, fragment: Mapping[str, Any], context: ActiveContext
) -> None:
    """Clause 5.8.2: first-level members of the fragment replace those of the subscription.

    Raises BadRequestData, ResourceNotFound, LdContextNotAvailable, Unavailable.
    """
    for _ in range(ATTEMPTS):
        stored = await _stored(ports, tenant, subscription_id)
        changed = patched(stored, fragment, context.reference, ports.clock.now())
        subscription = await load_subscription(ports.loader, changed, {_key(context.reference): context})
        # Somebody else may have changed it since it was read: then this change is made to what they left.
        if await ports.subscriptions.replace(tenant, changed, stored["modifiedAt"]):
            ports.notifier.subscribed(tenant, subscription)
            _pass_on(ports, tenant, subscription_id)
            return
    raise Unavailable(f"Too many requests change {subscription_id} at once; try again.")


async def retrieve_subscription(
    ports: Ports, tenant: str, subscription_id: str, context: ActiveContext
) -> dict[str, Any]:
    """Clause 5.8.3: the document with names as `context` has them, without `@context`.

    Raises BadRequestData, ResourceNotFound.
    """
    await require_tenant(ports, tenant)
    await ports.notifier.counted(tenant)
    stored = await _stored(ports, tenant, subscription_id)
    return await rendered_subscription(ports.loader, stored, context, ports.clock.now())


async def query_subscriptions(
    ports: Ports, tenant: str, context: ActiveContext, limit: int, offset: int = 0
) -> tuple[list[dict[str, Any]], int]:
    """Clause 5.8.4: a page in order of creation, and how many subscriptions there are."""
    await require_tenant(ports, tenant)
    await ports.notifier.counted(tenant)
    page, total = await ports.subscriptions.page(tenant, limit, offset)
    now = ports.clock.now()
    return [await rendered_subscription(ports.loader, stored, context, now) for stored in page], total


async def delete_subscription(ports: Ports, tenant: str, subscription_id: str) -> None:
    """Clause 5.8.5: nothing more is sent for it once this returns. Raises BadRequestData, ResourceNotFound."""
    _check_id(subscription_id)
    await require_tenant(ports, tenant)
    await ports.subscriptions.delete(tenant, subscription_id)
    ports.notifier.unsubscribed(tenant, subscription_id)
    _pass_on(ports, tenant, subscription_id)


async def load_subscription(
    loader: ContextLoader, stored: Stored, known: Mapping[str, ActiveContext] | None = None, *, counts: bool = True
) -> Subscription:
    """Parse a stored subscription with its contexts, of which those in `known` need no loading.

    `counts`: whether this is a use of the contexts by a client, or the broker's own.

    That of a federation member is kept within what the member is offered.

    Raises BadRequestData, LdContextNotAvailable; AccessDenied where it asks about what is not offered.
    """
    loaded: dict[str, ActiveContext] = dict(known or {})
    document = stored["document"]
    by_member: Mapping[str, Any] = stored.get("contexts") or {}
    notified = document.get("jsonldContext", stored["context"])
    for reference in (stored["context"], notified, *by_member.values()):
        if _key(reference) not in loaded:
            loaded[_key(reference)] = await loader.load(reference, counts=counts)

    def context_of(member: str) -> ActiveContext:
        return loaded[_key(by_member.get(member, stored["context"]))]

    subscription = parse_subscription(document, context_of, loaded[_key(notified)], modified_at=stored["modifiedAt"])
    if stored.get("via"):
        subscription = replace(subscription, via=stored["via"])
    if stored.get("offer"):
        offer = read_offer(orjson.loads(stored["offer"]), await loader.load(None, counts=False))
        subscription = View(offer).limited(subscription)
    if subscription.context.link is None and subscription.endpoint.accept != "application/ld+json":
        # A Link header can't name an @context without a URL: with the core one alone, names are sent as whole IRIs.
        return replace(subscription, context=await loader.load(None))
    return subscription


async def rendered_subscription(
    loader: ContextLoader, stored: Stored, context: ActiveContext, now: Instant
) -> dict[str, Any]:
    """The document of a stored subscription, with names as `context` has them and without `@context`."""
    document = stored["document"]
    by_member = stored.get("contexts") or {}
    for member in document:
        reference = by_member.get(member, stored["context"])
        if reference != context.reference:
            try:
                document = renamed(document, member, await loader.load(reference), context)
            except LdContextNotAvailable:
                # Its names stay as they were given: better than to hide a subscription from whoever owns it.
                continue
    return render_subscription(document, stored.get("tally") or {}, now)


def _pass_on(ports: Ports, tenant: str, subscription_id: str) -> None:
    """Let sources that have something of what is subscribed to know, soon (clauses 5.8.1.4, 5.8.2.4, 5.8.5.4)."""
    if ports.federation is not None and ports.federation.relay is not None:
        ports.federation.relay.worker.subscription_changed(tenant, subscription_id)


def _key(reference: Any) -> str:
    return repr(reference)


def _check_id(subscription_id: str) -> None:
    if not is_iri(subscription_id):
        raise BadRequestData(f"{subscription_id[:200]!r} is no subscription id: it has to be a URI.")


async def _stored(ports: Ports, tenant: str, subscription_id: str) -> dict[str, Any]:
    _check_id(subscription_id)
    await require_tenant(ports, tenant)
    stored = await ports.subscriptions.get(tenant, subscription_id)
    if stored is None:
        raise ResourceNotFound(f"There is no subscription {subscription_id} in this tenant.")
    return stored
