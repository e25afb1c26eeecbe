"""Subscriptions to registrations (clause 5.11)."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from broker.core.federate.notification import RegistrationSubscription, subscription_to_registrations
from broker.core.jsonld.context import ActiveContext
from broker.core.jsonld.names import is_iri
from broker.core.model import stored_document
from broker.core.model.credentials import restored
from broker.core.model.errors import BadRequestData, ResourceNotFound, Unavailable
from broker.core.model.subscription import Stored
from broker.core.subscribe.patch import check_expiry, cleaned, patched
from broker.operations.ports import ContextLoader, Ports
from broker.operations.registrations import federation_of
from broker.operations.subscriptions import ATTEMPTS, load_subscription, rendered_subscription
from broker.operations.tenancy import require_tenant


async def create_registration_subscription(
    ports: Ports, tenant: str, document: Mapping[str, Any], context: ActiveContext, via: str | None = None
) -> str:
    """Clause 5.11.2; sources named in `via`, the Via header, do not match (6.3.18). Returns the id.

    Raises BadRequestData, AlreadyExists, LdContextNotAvailable.
    """
    federation = federation_of(ports)
    kept = dict(restored(cleaned(document), {}))
    kept.setdefault("id", f"urn:ngsi-ld:Subscription:{uuid4()}")
    now = ports.clock.now()
    check_expiry(kept, now)
    stored = stored_document.new(kept, context.reference, now, via)
    subscription = await load_registration_subscription(ports.loader, stored)
    await ports.tenants.ensure(tenant)
    await federation.subscriptions.create(tenant, stored)
    await federation.notifier.subscribed(tenant, subscription)
    return subscription.id


async def update_registration_subscription(
    ports: Ports, tenant: str, subscription_id: str, fragment: Mapping[str, Any], context: ActiveContext
) -> None:
    """Clause 5.11.3. Raises BadRequestData, ResourceNotFound, LdContextNotAvailable, Unavailable."""
    federation = federation_of(ports)
    for _ in range(ATTEMPTS):
        stored = await _stored(ports, tenant, subscription_id)
        changed = patched(stored, fragment, context.reference, ports.clock.now())
        subscription = await load_registration_subscription(ports.loader, changed)
        if await federation.subscriptions.replace(tenant, changed, stored["modifiedAt"]):
            await federation.notifier.subscribed(tenant, subscription)
            return
    raise Unavailable(f"Too many requests change {subscription_id} at once; try again.")


async def retrieve_registration_subscription(
    ports: Ports, tenant: str, subscription_id: str, context: ActiveContext
) -> tuple[dict[str, Any], Stored]:
    """Clause 5.11.4: the document without `@context`, and what is stored. Raises BadRequestData, ResourceNotFound."""
    stored = await _stored(ports, tenant, subscription_id)
    return await _rendered(ports, stored, context), stored


async def query_registration_subscriptions(
    ports: Ports, tenant: str, context: ActiveContext, limit: int, offset: int = 0
) -> tuple[list[tuple[dict[str, Any], Stored]], int]:
    """Clause 5.11.5: a page in order of creation, and how many there are."""
    federation = federation_of(ports)
    await require_tenant(ports, tenant)
    await federation.notifier.counted(tenant)
    page, total = await federation.subscriptions.page(tenant, limit, offset)
    return [(await _rendered(ports, stored, context), stored) for stored in page], total


async def delete_registration_subscription(ports: Ports, tenant: str, subscription_id: str) -> None:
    """Clause 5.11.6. Raises BadRequestData, ResourceNotFound."""
    federation = federation_of(ports)
    _check_id(subscription_id)
    await require_tenant(ports, tenant)
    await federation.subscriptions.delete(tenant, subscription_id)
    await federation.notifier.unsubscribed(tenant, subscription_id)


async def load_registration_subscription(loader: ContextLoader, stored: Stored) -> RegistrationSubscription:
    """Parse a stored subscription with its contexts. Raises BadRequestData, LdContextNotAvailable."""
    document = stored["document"]
    contexts = {
        name: await loader.load((stored.get("contexts") or {}).get(name, stored["context"]))
        for name in ("csf", "temporalQ")
    }
    subscription = await load_subscription(loader, stored)
    return subscription_to_registrations(subscription, document, lambda member: contexts[member])


async def _stored(ports: Ports, tenant: str, subscription_id: str) -> dict[str, Any]:
    federation = federation_of(ports)
    _check_id(subscription_id)
    await require_tenant(ports, tenant)
    await federation.notifier.counted(tenant)
    stored = await federation.subscriptions.get(tenant, subscription_id)
    if stored is None:
        raise ResourceNotFound(f"There is no subscription {subscription_id} to registrations in this tenant.")
    return stored


async def _rendered(ports: Ports, stored: Stored, context: ActiveContext) -> dict[str, Any]:
    document = await rendered_subscription(ports.loader, stored, context, ports.clock.now())
    if "notificationTrigger" not in stored["document"]:
        # It says which changes of entities matter, and has no default for registrations (Table 5.2.12-1).
        document.pop("notificationTrigger", None)
    return document


def _check_id(subscription_id: str) -> None:
    if not is_iri(subscription_id):
        raise BadRequestData(f"{subscription_id[:200]!r} is no subscription id: it has to be a URI.")
