"""Purging entities that are partly or wholly elsewhere (clause 5.6.21)."""

import asyncio
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from broker.core.federate.match import SourceFilter, attributes_of, matching, wanted_by
from broker.core.federate.plan import Asking, is_auxiliary, plan_questions
from broker.core.federate.registration import Registration
from broker.core.model.entity_map import EntityMap
from broker.core.model.errors import Conflict, LoopDetected, NgsiLdError, ResourceNotFound
from broker.core.ql.ast import EntityQuery
from broker.operations.distributed.asking import Inquiry, Parameters
from broker.operations.distributed.map_reads import holders_of
from broker.operations.distributed.reads import divided
from broker.operations.distributed.writes import error_of
from broker.operations.federation import Forward
from broker.operations.map_pages import candidates_of

Names = frozenset[str]

_OPERATION = "purgeEntity"


@dataclass(frozen=True, slots=True)
class Purge:
    """What is to be deleted: entities that a query finds, or attributes of them. `given`: as the client wrote it.

    `source_filter` chooses the registrations that count (`csf`).
    """

    query: EntityQuery
    given: Mapping[str, str]
    drop: Collection[str] | None = None
    keep: Collection[str] | None = None
    source_filter: SourceFilter | None = None


async def purge_elsewhere(
    inquiry: Inquiry, purge: Purge, entity_map: EntityMap | None = None
) -> list[tuple[str, NgsiLdError]]:
    """Ask every source that matches, within what it is registered for; what went wrong, by registration.

    With a map its sources are asked instead, each for those entities alone that the map lists for it (Table 6.4.3.3-2).
    A source that can't be asked for exactly that, or does not offer purging, is left out; where it alone holds the data
    that is a Conflict.
    """
    errors: list[tuple[str, NgsiLdError]] = []
    parameters = _parameters(inquiry, purge)
    asked: list[Asking] = []
    journey = inquiry.journey
    for registration, query in _concerned(inquiry, purge.query, entity_map):
        if registration.is_expired(journey.now):
            continue
        wanted = wanted_by(query, source_filter=purge.source_filter)
        if _OPERATION in registration.operations:
            asked += plan_questions([registration], wanted, frozenset(), (_OPERATION,), journey)
        elif registration.is_proxied and matching(registration, wanted):
            error = Conflict(f"The source of {registration.id} holds entities and offers no purging.")
            errors.append((registration.id, error))

    async def ask(question: Asking) -> None:
        registration = question.registration
        failed = await _ask(inquiry, question, parameters, purge)
        if failed is None or isinstance(failed, ResourceNotFound):
            return
        if registration.is_proxied or not isinstance(failed, Conflict):
            errors.append((registration.id, failed))

    await asyncio.gather(*(ask(each) for each in divided(asked) if not is_auxiliary(each.registration)))
    return errors


def _concerned(
    inquiry: Inquiry, query: EntityQuery, entity_map: EntityMap | None
) -> Iterable[tuple[Registration, EntityQuery]]:
    """The registrations to look at, each with the query for its source."""
    if entity_map is not None:
        return holders_of(inquiry.index, query, entity_map.sources, candidates_of(query, entity_map))
    candidates = sorted(inquiry.index.candidates(query.selectors), key=lambda each: (each.created_at, each.id))
    return ((each, query) for each in candidates)


async def _ask(inquiry: Inquiry, question: Asking, parameters: Parameters, purge: Purge) -> NgsiLdError | None:
    registration, context = question.registration, inquiry.context_for(question.registration)
    if question.is_loop:
        return LoopDetected(f"The request has passed the source of {registration.id}, or this broker, before.")
    pairs = parameters.of(question, context)
    attributes = _dropped(question, purge)
    if attributes == frozenset() or not _is_exact(question, pairs, purge):
        return Conflict(f"The source of {registration.id} can't be asked to purge exactly this.")
    pairs = tuple(pair for pair in pairs if pair[0] != "attrs")
    if attributes is not None:
        pairs = (*pairs, ("drop", ",".join(sorted(map(context.compact_iri, attributes)))))
    elif purge.keep is not None:
        pairs = (*pairs, ("keep", ",".join(sorted(map(context.compact_iri, purge.keep)))))
    answer = await inquiry.send(registration, Forward("DELETE", "/entities", pairs, context))
    return error_of(answer, registration.id, "purge")


def _dropped(question: Asking, purge: Purge) -> Names | None:
    """The attributes to delete at a source, which has more than those registered; None: as the client says."""
    registered = question.attributes
    if registered is None:
        return None if purge.drop is None else frozenset(purge.drop)
    if purge.drop is not None:
        return registered.intersection(purge.drop)
    return registered.difference(purge.keep or ())


def _is_exact(question: Asking, pairs: tuple[tuple[str, str], ...], purge: Purge) -> bool:
    """Whether the question deletes nothing that the query does not find, or that is not registered."""
    if question.registration.dataset_ids is not None:
        # Attributes are purged with all their instances.
        return False
    names = {name for name, _ in pairs}
    if purge.query.q is not None and "q" not in names:
        return False
    if purge.query.geo is not None and "georel" not in names:
        return False
    if purge.query.attributes:
        return False
    pattern = question.selector.id_pattern
    return all(each.id_pattern in (None, pattern) or question.selector.ids for each in purge.query.selectors)


def _parameters(inquiry: Inquiry, purge: Purge) -> Parameters:
    query, given = purge.query, purge.given
    filters: list[tuple[tuple[tuple[str, str], ...], Names]] = []
    if query.q is not None:
        filters.append(((("q", given["q"]),), attributes_of(query.q)))
    if query.geo is not None:
        names = ("georel", "geometry", "coordinates", "geoproperty")
        texts = tuple((name, given[name]) for name in names if name in given)
        filters.append((texts, frozenset((query.geo.geoproperty,))))
    common = tuple((name, given[name]) for name in ("scopeQ",) if name in given)
    return Parameters(common, tuple(filters), inquiry.client)
