"""Requests that other brokers and sources may have a part in (clauses 5.5.13, 6.3.17 to 6.3.19)."""

from collections.abc import Iterable, Mapping

from broker.core.federate.index import RegistrationIndex
from broker.core.federate.match import source_filter
from broker.core.jsonld.context import ActiveContext
from broker.core.model.draft import no_such_entity
from broker.core.model.entity import Entity
from broker.core.model.entity_map import EntityMap
from broker.core.ql.ast import PageRequest
from broker.core.ql.types import TypeSelection
from broker.http import params
from broker.http.display import Display
from broker.http.entity_maps import map_header
from broker.http.message import Header, HeaderName, Request
from broker.http.problems import Refusal
from broker.http.selection import Selection
from broker.operations.distributed import reads
from broker.operations.distributed.asking import Inquiry, SourceWarning
from broker.operations.distributed.map_reads import retrieve_mapped
from broker.operations.distributed.maps import Asked
from broker.operations.federation import Origin
from broker.operations.ports import EntityPage, Ports
from broker.operations.query import refuse_too_wide
from broker.operations.tenancy import require_tenant

WARNING = HeaderName(b"NGSILD-Warning")
_MEMBERS = frozenset(("id", "type", "scope"))


def sources_of(ports: Ports, request: Request) -> RegistrationIndex | None:
    """The registrations to look at for a request; None where there is none, or it asks this broker alone."""
    is_local = bool(request.query_string) and params.flag(request.parameters, "local")
    federation = ports.federation
    return None if federation is None or is_local else federation.registry.of(request.tenant)


async def inquiry_for(ports: Ports, request: Request, index: RegistrationIndex, context: ActiveContext) -> Inquiry:
    """What is needed to ask sources on behalf of a request."""
    if ports.federation is None:
        raise RuntimeError("registrations without a federation")
    await require_tenant(ports, request.tenant)
    nameable = context if context.link is not None else await ports.loader.load(None)
    origin = Origin(request.header(b"via"), request.headers, nameable)
    return Inquiry(ports, ports.federation, request.tenant, index, origin, context)


def warnings(found: Iterable[SourceWarning]) -> list[Header]:
    """The headers that tell of sources that did not answer as they should (clause 6.3.17)."""
    return [(WARNING, each.text.encode("latin-1", "replace")) for each in found]


async def retrieve_distributed(
    inquiry: Inquiry, entity_id: str, types: TypeSelection | None, display: Display
) -> tuple[Entity, list[Header]]:
    """5.7.1 with sources. Raises a 404 that tells what was wrong with sources where the entity is nowhere."""
    representation = display.representation
    datasets = sorted(representation.dataset_ids or ())
    entity, found = await reads.retrieve(inquiry, entity_id, types, _shown(representation.pick), datasets)
    told = warnings(found)
    if entity is None:
        raise Refusal(404, no_such_entity(entity_id), tuple(told))
    return entity, told


async def query_distributed(
    inquiry: Inquiry, selection: Selection, page: PageRequest, parameters: Mapping[str, str], display: Display
) -> tuple[EntityPage, list[Header]]:
    """5.7.2 with sources."""
    refuse_too_wide(selection.query, local=False)
    splits = _splits(inquiry, parameters)
    shown = _shown(display.representation.pick)
    chosen = source_filter(parameters.get("csf"), inquiry.client)
    found, told = await reads.query(
        inquiry, selection.query, page, shown, parameters, splits=splits, source_filter=chosen
    )
    return found, warnings(told)


async def retrieve_by_map(
    inquiry: Inquiry,
    entity_id: str,
    types: TypeSelection | None,
    display: Display,
    named: EntityMap | None,
    lifetime: int | None,
) -> tuple[Entity, list[Header]]:
    """5.7.1 with sources and an entity map, `named` by the request or made for it."""
    representation = display.representation
    datasets = sorted(representation.dataset_ids or ())
    entity, found, used = await retrieve_mapped(
        inquiry, entity_id, types, _shown(representation.pick), datasets, named, lifetime
    )
    told = warnings(found)
    if used is not None:
        told.append(map_header(used))
    if entity is None:
        raise Refusal(404, no_such_entity(entity_id), tuple(told))
    return entity, told


def asked_of(
    inquiry: Inquiry, selection: Selection, parameters: Mapping[str, str], display: Display, signature: str
) -> Asked:
    """A query as it reaches sources, for an entity map."""
    refuse_too_wide(selection.query, local=False)
    shown = _shown(display.representation.pick)
    chosen = source_filter(parameters.get("csf"), inquiry.client)
    return Asked(selection.query, shown, parameters, _splits(inquiry, parameters), signature, chosen)


def _splits(inquiry: Inquiry, parameters: Mapping[str, str]) -> bool:
    if "splitEntities" in parameters:
        return params.flag(parameters, "splitEntities")
    return inquiry.federation.splits_entities


def _shown(pick: frozenset[str] | None) -> frozenset[str]:
    return frozenset() if pick is None else pick - _MEMBERS
