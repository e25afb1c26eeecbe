"""Registering context sources, and finding registrations (clauses 5.9, 5.10)."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

from broker.core.federate.conflicts import conflicting, local_queries
from broker.core.federate.documents import cleaned, patched, rendered
from broker.core.federate.match import Wanted, matching
from broker.core.federate.parse import expiry, parse_registration, read_source_info
from broker.core.federate.registration import Registration
from broker.core.jsonld.context import ActiveContext
from broker.core.jsonld.names import is_iri
from broker.core.model import stored_document
from broker.core.model.credentials import restored
from broker.core.model.errors import BadRequestData, Conflict, OperationNotSupported, ResourceNotFound, Unavailable
from broker.core.model.instant import Instant
from broker.core.model.subscription import Stored
from broker.core.ql.ast import PageRequest
from broker.operations.federation import Federation
from broker.operations.ports import ContextLoader, Ports
from broker.operations.subscriptions import ATTEMPTS
from broker.operations.tenancy import require_tenant


async def create_registration(ports: Ports, tenant: str, document: Mapping[str, Any], context: ActiveContext) -> str:
    """Clause 5.9.2. `document` is the request's body, `context` the @context it came with. Returns the id.

    Raises BadRequestData, AlreadyExists, Conflict, LdContextNotAvailable.
    """
    federation = federation_of(ports)
    kept = dict(restored(cleaned(document), {}))
    kept.setdefault("id", f"urn:ngsi-ld:ContextSourceRegistration:{uuid4()}")
    now = ports.clock.now()
    _check_expiry(kept, now)
    stored = stored_document.new(kept, context.reference, now)
    registration = await load_registration(ports.loader, stored, {repr(context.reference): context})
    await ports.tenants.ensure(tenant)
    await _refuse_conflicts(ports, federation, tenant, registration)
    await federation.registrations.create(tenant, stored)
    await federation.registry.changed(tenant, registration.id, None, registration)
    return registration.id


async def update_registration(
    ports: Ports, tenant: str, registration_id: str, fragment: Mapping[str, Any], context: ActiveContext
) -> None:
    """Clause 5.9.3: first-level members of the fragment replace those of the registration.

    Raises BadRequestData, ResourceNotFound, Conflict, LdContextNotAvailable, Unavailable.
    """
    federation = federation_of(ports)
    for _ in range(ATTEMPTS):
        stored = await _stored(ports, tenant, registration_id)
        now = ports.clock.now()
        changed = patched(stored, fragment, context.reference, now)
        if "expiresAt" in fragment:
            _check_expiry(changed["document"], now)
        registration = await load_registration(ports.loader, changed, {repr(context.reference): context})
        await _refuse_conflicts(ports, federation, tenant, registration)
        before = await _known(federation, tenant, registration_id)
        # Somebody else may have changed it since it was read: then this change is made to what they left.
        if await federation.registrations.replace(tenant, changed, stored["modifiedAt"]):
            await federation.registry.changed(tenant, registration_id, before, registration)
            return
    raise Unavailable(f"Too many requests change {registration_id} at once; try again.")


async def delete_registration(ports: Ports, tenant: str, registration_id: str) -> None:
    """Clause 5.9.4. Raises BadRequestData, ResourceNotFound."""
    federation = federation_of(ports)
    _check_id(registration_id)
    await require_tenant(ports, tenant)
    before = await _known(federation, tenant, registration_id)
    await federation.registrations.delete(tenant, registration_id)
    await federation.registry.changed(tenant, registration_id, before, None)


async def retrieve_registration(
    ports: Ports, tenant: str, registration_id: str, context: ActiveContext
) -> tuple[dict[str, Any], Stored]:
    """Clause 5.10.1: the document with names as `context` has them, without `@context`, and the stored registration.

    Raises BadRequestData, ResourceNotFound.
    """
    stored = await _stored(ports, tenant, registration_id)
    registration = await load_registration(ports.loader, stored, {repr(context.reference): context})
    return rendered(registration, context, stored.get("tally") or {}), stored


async def query_registrations(
    ports: Ports, tenant: str, wanted: Wanted, context: ActiveContext, limit: int, offset: int = 0
) -> tuple[list[tuple[dict[str, Any], Registration]], int]:
    """Clause 5.10.2: a page in order of creation, and how many there are.

    Each comes with all of its information: who changes a registration replaces `information` as a whole.

    Raises BadRequestData where neither types nor attributes are wanted.
    """
    federation = federation_of(ports)
    if not wanted.attributes and (not wanted.selectors or any(each.types is None for each in wanted.selectors)):
        raise BadRequestData("The query is too wide. Give at least one of type, attrs, q, or georel with a geometry.")
    await require_tenant(ports, tenant)
    await federation.registry.refresh(tenant)
    index = federation.registry.of(tenant)
    now = ports.clock.now()
    found = []
    for registration in index.candidates(wanted.selectors) if index is not None else ():
        if matching(registration, wanted) and not registration.is_expired(now):
            found.append(registration)
    found.sort(key=lambda each: (each.created_at, each.id))
    await federation.registry.counted(tenant)
    page = []
    for registration in found[offset : offset + limit]:
        stored = await federation.registrations.get(tenant, registration.id) or {}
        page.append((rendered(registration, context, stored.get("tally") or {}), registration))
    return page, len(found)


async def load_registration(
    loader: ContextLoader, stored: Stored, known: Mapping[str, ActiveContext] | None = None
) -> Registration:
    """Parse a stored registration with its contexts, of which those in `known` need no loading.

    Raises BadRequestData, LdContextNotAvailable.
    """
    loaded: dict[str, ActiveContext] = dict(known or {})
    document = stored["document"]
    by_member: Mapping[str, Any] = stored.get("contexts") or {}
    source_reference = dict(read_source_info(document)).get("jsonldContext")
    for reference in (stored["context"], *by_member.values()):
        if repr(reference) not in loaded:
            loaded[repr(reference)] = await loader.load(reference)
    return parse_registration(
        document,
        _context_of(stored["context"], by_member, loaded),
        source_context=None if source_reference is None else await loader.load(source_reference),
        created_at=stored["createdAt"],
        modified_at=stored["modifiedAt"],
    )


def federation_of(ports: Ports) -> Federation:
    """The federation. Raises OperationNotSupported for a broker that has none."""
    if ports.federation is None:
        raise OperationNotSupported("This broker keeps no registrations.")
    return ports.federation


def _context_of(
    reference: Any, by_member: Mapping[str, Any], loaded: Mapping[str, ActiveContext]
) -> Callable[[str], ActiveContext]:
    default = loaded[repr(reference)]
    others = {name: loaded[repr(each)] for name, each in by_member.items()}
    return lambda member: others.get(member, default)


def _check_id(registration_id: str) -> None:
    if not is_iri(registration_id):
        raise BadRequestData(f"{registration_id[:200]!r} is no registration id: it has to be a URI.")


def _check_expiry(document: Mapping[str, Any], now: Instant) -> None:
    expires_at = expiry(document)
    if expires_at is not None and expires_at <= now:
        raise BadRequestData(f"'expiresAt' is {document['expiresAt']}, which has passed already.")


async def _stored(ports: Ports, tenant: str, registration_id: str) -> dict[str, Any]:
    federation = federation_of(ports)
    _check_id(registration_id)
    await require_tenant(ports, tenant)
    await federation.registry.counted(tenant)
    stored = await federation.registrations.get(tenant, registration_id)
    expires_at = None if stored is None else expiry(stored["document"])
    if stored is None or (expires_at is not None and expires_at <= ports.clock.now()):
        raise ResourceNotFound(f"There is no registration {registration_id} in this tenant.")
    return stored


async def _known(federation: Federation, tenant: str, registration_id: str) -> Registration | None:
    """A registration as it is in front of a change."""
    await federation.registry.catch_up(tenant)
    index = federation.registry.of(tenant)
    return None if index is None else index.get(registration_id)


async def _refuse_conflicts(ports: Ports, federation: Federation, tenant: str, registration: Registration) -> None:
    """What proxied registrations exclude: each other, and data of this broker (clauses 4.3.6.3, 5.9.2.4)."""
    if not registration.is_proxied:
        return
    await federation.registry.refresh(tenant)
    now = ports.clock.now()
    for other in federation.registry.of(tenant) or ():
        if other.id != registration.id and not other.is_expired(now) and conflicting(registration, other):
            raise Conflict(f"The registration {other.id} has some of these attributes of the same entities already.")
    for query in local_queries(registration):
        page = await ports.entities.find(tenant, query, PageRequest(1))
        if page.entities:
            raise Conflict(
                f"The entity {page.entities[0].id} is here already, with something of what the registration is to "
                "hold elsewhere. Delete it first."
            )
