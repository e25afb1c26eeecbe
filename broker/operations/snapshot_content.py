"""What is put into a snapshot (clause 5.16.1): entities and histories that its queries find, here and at sources."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from broker.core.model.change import Change, Trigger
from broker.core.model.entity import Entity
from broker.core.model.errors import NgsiLdError, TooManyResults
from broker.core.model.instant import Instant
from broker.core.model.snapshot import EMPTY, FAILURE, SUCCESS
from broker.core.ql.ast import EntityQuery, PageRequest
from broker.core.temporal.evolution import Demand, Evolution, excerpt
from broker.operations.distributed.asking import Inquiry, SourceWarning
from broker.operations.distributed.map_reads import MappedReading
from broker.operations.distributed.maps import Asked, find_holders
from broker.operations.distributed.temporal_maps import map_histories, page_of_map
from broker.operations.distributed.temporal_reads import History
from broker.operations.ports import EntityWrite, Ports
from broker.operations.query import query_entities
from broker.operations.temporal import store_of
from broker.operations.temporal_queries import matching

_AT_ONCE = 500
_HISTORIES_AT_ONCE = 20
"""Histories are asked for in small groups: each may be a year of samples."""


@dataclass(frozen=True, slots=True)
class WantedEntities:
    """One query of a snapshot: `keeps` says which attributes are wanted, `local` whether any query will do.

    `asked` is how it reaches sources; None: they have no part in it.
    """

    query: EntityQuery
    keeps: Callable[[str], bool]
    local: bool = False
    asked: Asked | None = None


@dataclass(frozen=True, slots=True)
class WantedHistories:
    """One temporal query of a snapshot, in the same way."""

    query: EntityQuery
    keeps: Callable[[str], bool]
    demand: Demand
    asked: History | None = None


async def gather(run: Callable[[], Coroutine[Any, Any, tuple[int, list[SourceWarning]]]]) -> dict[str, Any]:
    """The details of one query's execution (clause 5.2.42).

    What sources did wrong is told in any case; it is a failure where nothing was found.
    """
    try:
        count, warnings = await run()
    except NgsiLdError as error:
        return {"resultStatus": FAILURE, "problemDetails": problem_of(error)}
    if not warnings:
        return {"resultStatus": SUCCESS if count else EMPTY}
    told = "; ".join(each.text for each in warnings)
    problem = {"type": "about:blank", "title": "Context sources did not answer as they should.", "detail": told}
    return {"resultStatus": SUCCESS if count else FAILURE, "problemDetails": problem}


def problem_of(error: NgsiLdError) -> dict[str, Any]:
    """The ProblemDetails of an error, without the status that it would have over HTTP."""
    return {"type": error.type, "title": error.title, "detail": error.detail}


async def entities_of(
    ports: Ports, tenant: str, place: str, wanted: WantedEntities, inquiry: Inquiry | None
) -> tuple[int, list[SourceWarning]]:
    """Put what a query finds into the place: how many entities, and what sources did wrong. Raises as a query does."""
    if inquiry is not None and wanted.asked is not None:
        return await _entities_everywhere(ports, place, wanted, wanted.asked, inquiry)
    count = 0
    more = True
    while more:
        request = PageRequest(_AT_ONCE, count)
        page = await query_entities(ports, tenant, wanted.query, request, local=wanted.local)
        await _write(ports, place, page.entities, wanted)
        count += len(page.entities)
        more = page.more and bool(page.entities)
        await asyncio.sleep(0)
    return count, []


async def _entities_everywhere(
    ports: Ports, place: str, wanted: WantedEntities, asked: Asked, inquiry: Inquiry
) -> tuple[int, list[SourceWarning]]:
    """First who holds what, then the entities, some at a time: more may be found than one page of a query has."""
    held = await find_holders(inquiry, asked, None)
    reading = MappedReading(inquiry, asked, held.sources, held.linked)
    ids = list(held.sources)
    count = 0
    for start in range(0, len(ids), _AT_ONCE):
        looked = await reading.look(ids[start : start + _AT_ONCE])
        await _write(ports, place, list(looked.entities.values()), wanted)
        count += len(looked.entities)
    return count, list(dict.fromkeys([*held.warnings, *reading.warnings]))


async def _write(ports: Ports, place: str, entities: Sequence[Entity], wanted: WantedEntities) -> None:
    now = ports.clock.now()
    writes = [EntityWrite(each.id, partial(_put, entity=_narrowed(each, wanted), now=now)) for each in entities]
    for outcome in await ports.entities.write_many(place, writes):
        if isinstance(outcome, NgsiLdError):
            raise outcome


async def histories_of(
    ports: Ports, tenant: str, place: str, wanted: WantedHistories, inquiry: Inquiry | None
) -> tuple[int, list[SourceWarning]]:
    """The same for what a temporal query finds."""
    if inquiry is not None and wanted.asked is not None:
        return await _histories_everywhere(ports, place, wanted, wanted.asked, inquiry)
    demand = replace(wanted.demand, page=None)
    count = 0
    async for each in matching(ports, tenant, wanted.query, demand):
        await _keep(ports, place, each, wanted, demand)
        count += 1
    return count, []


async def _histories_everywhere(
    ports: Ports, place: str, wanted: WantedHistories, asked: History, inquiry: Inquiry
) -> tuple[int, list[SourceWarning]]:
    """As for entities. Raises TooManyResults where a source has more of a range than it may be asked for."""
    asked = replace(asked, demand=replace(asked.demand, page=None))
    made, warnings = await map_histories(inquiry, asked, None)
    count = 0
    for start in range(0, len(made.sources), _HISTORIES_AT_ONCE):
        found = await page_of_map(inquiry, made, asked, limit=_HISTORIES_AT_ONCE, offset=start, count=False)
        if found.edge is not None:
            raise TooManyResults("A source has more instances in this range than can be asked for; ask for less time.")
        for each in found.evolutions:
            await _keep(ports, place, each, wanted, asked.demand)
        count += len(found.evolutions)
        warnings += found.warnings
    return count, list(dict.fromkeys(warnings))


async def _keep(ports: Ports, place: str, evolution: Evolution, wanted: WantedHistories, demand: Demand) -> None:
    """Add what is demanded of an evolution to those of the place."""
    found = excerpt(evolution, demand).samples
    attributes = {iri: [one.instance for one in samples] for iri, samples in found.items() if wanted.keeps(iri)}
    await store_of(ports).add(place, Entity(evolution.id, evolution.types, attributes), ports.clock.now())


def _narrowed(entity: Entity, wanted: WantedEntities) -> Entity:
    return entity.with_(attributes={iri: each for iri, each in entity.attributes.items() if wanted.keeps(iri)})


def _put(current: Entity | None, *, entity: Entity, now: Instant) -> Change:
    """The entity as it was found, its times included, beside what another query of the snapshot found of it."""
    triggers = dict.fromkeys(entity.attributes, Trigger.ATTRIBUTE_CREATED)
    if current is None:
        return Change(Trigger.ENTITY_CREATED, entity, now, triggers, {}, None)
    both = entity.with_(attributes={**current.attributes, **entity.attributes})
    return Change(Trigger.ENTITY_UPDATED, both, now, triggers, {}, current)
