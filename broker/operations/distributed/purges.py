"""Purging entities that are partly or wholly elsewhere (clause 5.6.21)."""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from broker.core.federate.match import attributes_of, matching, wanted_by
from broker.core.federate.plan import Asking, is_auxiliary, plan_questions
from broker.core.model.errors import Conflict, LoopDetected, NgsiLdError, ResourceNotFound
from broker.core.ql.ast import EntityQuery
from broker.operations.distributed.asking import Inquiry, Parameters
from broker.operations.distributed.writes import error_of
from broker.operations.federation import Forward

Names = frozenset[str]

_OPERATION = "purgeEntity"


@dataclass(frozen=True, slots=True)
class Purge:
    """What is to be deleted: entities that a query finds, or attributes of them. `given`: as the client wrote it."""

    query: EntityQuery
    given: Mapping[str, str]
    drop: Collection[str] | None = None
    keep: Collection[str] | None = None


@dataclass(slots=True)
class PurgeResult:
    """How many sources did as they were asked, and what became of the others, by registration."""

    done: int = 0
    errors: list[tuple[str, NgsiLdError]] = field(default_factory=list)


async def purge_elsewhere(inquiry: Inquiry, purge: Purge) -> PurgeResult:
    """Ask every source that matches, within what it is registered for.

    A source that can't be asked for exactly that, or does not offer purging, is left out; where it alone holds the data
    that is a Conflict.
    """
    result = PurgeResult()
    parameters = _parameters(inquiry, purge)
    wanted = wanted_by(purge.query)
    candidates = sorted(inquiry.index.candidates(wanted.selectors), key=lambda each: (each.created_at, each.id))
    for each in candidates:
        if each.is_proxied and _OPERATION not in each.operations and matching(each, wanted):
            result.errors.append((each.id, Conflict(f"The source of {each.id} holds entities and offers no purging.")))
    asked = plan_questions(candidates, wanted, frozenset(), (_OPERATION,), inquiry.journey)

    async def ask(question: Asking) -> None:
        registration = question.registration
        error = await _ask(inquiry, question, parameters, purge)
        if error is None:
            result.done += 1
        elif not isinstance(error, ResourceNotFound) and (registration.is_proxied or not isinstance(error, Conflict)):
            result.errors.append((registration.id, error))

    await asyncio.gather(*(ask(each) for each in asked if not is_auxiliary(each.registration)))
    return result


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
    """Whether the question deletes nothing that the query does not find."""
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
