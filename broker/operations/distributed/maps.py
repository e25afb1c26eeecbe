"""Making entity maps of entities that are here and elsewhere, and what becomes of those of sources (clause 5.14)."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from broker.core.federate.loop import is_loop
from broker.core.federate.match import SourceFilter
from broker.core.federate.plan import Asking, plan_questions
from broker.core.model.entity_map import LOCAL, EntityMap
from broker.core.model.errors import TooManyResults
from broker.core.model.uri import segment
from broker.core.ql.ast import EntityQuery
from broker.operations.distributed.asking import Inquiry, SourceWarning
from broker.operations.distributed.listing import Holders, Listed, Listing, list_held
from broker.operations.distributed.reads import (
    MAX_CANDIDATES,
    divided,
    parameters_for,
    wanted_of,
)
from broker.operations.entity_maps import ids_here, keep_sources
from broker.operations.federation import Forward

_MAKING = "createEntityMapQueryEntity"
_QUERYING = ("queryEntity", "queryBatch")
_SECOND = 1_000_000
_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Asked:
    """A query as it reaches sources: `names` are the attributes shown (none: all), `given` its parameters as written.

    `signature` tells queries apart, ids and pages aside. `source_filter` chooses the registrations that count.
    """

    query: EntityQuery
    names: frozenset[str]
    given: Mapping[str, str]
    splits: bool
    signature: str = ""
    source_filter: SourceFilter | None = None

    @property
    def here(self) -> EntityQuery:
        """What this broker's own entities have to satisfy before they are put together with what sources have."""
        query = self.query
        return EntityQuery(selectors=query.selectors, dataset_ids=query.dataset_ids) if self.splits else query


async def map_distributed(inquiry: Inquiry, asked: Asked, wanted: int | None) -> tuple[EntityMap, list[SourceWarning]]:
    """Clause 5.14.4: a map of what is here and at sources. `wanted`: the lifetime suggested, in microseconds.

    Raises:
        TooManyResults: there are more entities than a map lists, or than one source may be asked for.
    """
    found = await find_holders(inquiry, asked, wanted)
    made = await keep_sources(inquiry.ports, inquiry.tenant, found.sources, found.linked, wanted, asked.signature)
    return made, found.warnings


async def find_holders(inquiry: Inquiry, asked: Asked, wanted: int | None) -> Holders:
    """Who holds the entities that a query may find. Raises as `map_distributed` does.

    Sources that keep no entity maps are asked for the entities themselves.
    """
    needs, projected = wanted_of(asked.query, asked.names, splits=asked.splits, source_filter=asked.source_filter)
    candidates = sorted(inquiry.index.candidates(needs.selectors), key=lambda each: (each.created_at, each.id))
    questions = divided(plan_questions(candidates, needs, projected, (_MAKING, *_QUERYING), inquiry.journey))
    parameters = parameters_for(inquiry, asked.query, asked.given, splits=asked.splits)

    async def query(question: Asking) -> Listed:
        heard = await inquiry.ask(question, parameters, MAX_CANDIDATES)
        if not heard.is_complete:
            raise TooManyResults(f"A source has more than {MAX_CANDIDATES} entities for the query; narrow it.")
        return Listed(question, [each.id for each in heard.entities], None, heard.warning)

    here = await ids_here(inquiry.ports, inquiry.tenant, asked.here, local=True)
    found = Holders({each: [LOCAL] for each in here})
    listing = Listing(_MAKING, "/entityMaps", _QUERYING, query)
    found.add(await list_held(inquiry, questions, parameters, listing, wanted))
    await _note_held_here(inquiry, found)
    return found


async def _note_held_here(inquiry: Inquiry, found: Holders) -> None:
    """Entities that only a source found to match may have a part here."""
    elsewhere = [each for each, holders in found.sources.items() if LOCAL not in holders]
    for start in range(0, len(elsewhere), _AT_ONCE):
        group = elsewhere[start : start + _AT_ONCE]
        for each in await inquiry.ports.entities.get_many(inquiry.tenant, group):
            found.sources[each].append(LOCAL)


async def follow(inquiry: Inquiry, entity_map: EntityMap, method: str, operation: str, body: Any = None) -> None:
    """Do with the maps that sources keep what was done with this one (clauses 4.20, 5.14.2, 5.14.3).

    What fails there changes nothing here: those maps end by themselves.
    """
    journey, asked = inquiry.journey, []
    for registration_id, map_id in entity_map.linked.items():
        registration = inquiry.index.get(registration_id)
        if registration is None or operation not in registration.operations:
            continue
        if is_loop(registration, journey.via, journey.alias):
            continue
        path = f"/entityMaps/{segment(map_id)}"
        asked.append(inquiry.send(registration, Forward(method, path, (), inquiry.origin.context, body)))
    await asyncio.gather(*asked)
