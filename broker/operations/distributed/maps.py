"""Making entity maps of entities that are here and elsewhere, and what becomes of those of sources (clause 5.14)."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from broker.core.federate.loop import is_loop
from broker.core.federate.match import SourceFilter
from broker.core.federate.plan import Asking, plan_questions
from broker.core.federate.registration import Registration
from broker.core.model.entity_map import LOCAL, EntityMap, lifetime
from broker.core.model.errors import TooManyResults
from broker.core.ql.ast import EntityQuery
from broker.operations.distributed.asking import Inquiry, Parameters, SourceWarning
from broker.operations.distributed.reads import (
    MAX_CANDIDATES,
    divided,
    parameters_for,
    wanted_of,
)
from broker.operations.entity_maps import MAX_ENTITIES, ids_here, keep_sources, too_many
from broker.operations.federation import Answer, Failure, Forward

_MAKING = "createEntityMapQueryEntity"
_QUERYING = ("queryEntity", "queryBatch")
_SECOND = 1_000_000
_AT_ONCE = 1_000
_SAFE = ":@!$&'()*+,;=~-._"


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


@dataclass(slots=True)
class Found:
    """Who holds which entities, in the order in which they are met, and the maps that sources keep of theirs."""

    sources: dict[str, list[str]]
    linked: dict[str, str]
    warnings: list[SourceWarning]


async def map_distributed(inquiry: Inquiry, asked: Asked, wanted: int | None) -> tuple[EntityMap, list[SourceWarning]]:
    """Clause 5.14.4: a map of what is here and at sources. `wanted`: the lifetime suggested, in microseconds.

    Raises:
        TooManyResults: there are more entities than a map lists, or than one source may be asked for.
    """
    found = await find_holders(inquiry, asked, wanted)
    made = await keep_sources(inquiry.ports, inquiry.tenant, found.sources, found.linked, wanted, asked.signature)
    return made, found.warnings


async def find_holders(inquiry: Inquiry, asked: Asked, wanted: int | None) -> Found:
    """Who holds the entities that a query may find. Raises as `map_distributed` does.

    Sources that keep no entity maps are asked for the entities themselves.
    """
    needs, projected = wanted_of(asked.query, asked.names, splits=asked.splits, source_filter=asked.source_filter)
    candidates = sorted(inquiry.index.candidates(needs.selectors), key=lambda each: (each.created_at, each.id))
    planned = plan_questions(candidates, needs, projected, (_MAKING, *_QUERYING), inquiry.journey)
    questions = divided(planned)
    parameters = parameters_for(inquiry, asked.query, asked.given, splits=asked.splits)
    seconds = lifetime(wanted) // _SECOND
    alone = Counter(each.registration.id for each in questions)
    here = await ids_here(inquiry.ports, inquiry.tenant, asked.here, local=True)
    found = Found({each: [LOCAL] for each in here}, {}, [])
    listed = await asyncio.gather(
        *(_list(inquiry, each, parameters, seconds, single=alone[each.registration.id] == 1) for each in questions)
    )
    for each in listed:
        _note(found, each)
    if len(found.sources) > MAX_ENTITIES:
        raise too_many()
    await _note_held_here(inquiry, found)
    return found


@dataclass(slots=True)
class _Listed:
    registration: Registration
    ids: Sequence[str] = ()
    entity_map: str | None = None
    warning: SourceWarning | None = None


async def _list(inquiry: Inquiry, question: Asking, parameters: Parameters, seconds: int, *, single: bool) -> _Listed:
    """The ids that one source has, out of the map that it makes if it can, else out of what it finds."""
    registration = question.registration
    if question.is_loop:
        return _Listed(registration, warning=SourceWarning(199, registration.id))
    if question.operation == _MAKING:
        querying = next((each for each in _QUERYING if each in registration.operations), None)
        if single or querying is None:
            answer = await _make(inquiry, question, parameters, seconds)
            listed = _read(question, answer)
            if listed is not None:
                return listed if single else replace(listed, entity_map=None)
            if answer.failure in (Failure.TIMEOUT, Failure.UNREACHABLE):
                return _Listed(registration, warning=SourceWarning(199, registration.id))
        if querying is None:
            return _Listed(registration, warning=SourceWarning(299, registration.id))
        question = replace(question, operation=querying)
    heard = await inquiry.ask(question, parameters, MAX_CANDIDATES)
    if not heard.is_complete:
        raise TooManyResults(f"A source has more than {MAX_CANDIDATES} entities for the query; narrow it.")
    return _Listed(registration, [each.id for each in heard.entities], None, heard.warning)


async def _make(inquiry: Inquiry, question: Asking, parameters: Parameters, seconds: int) -> Answer:
    context = inquiry.context_for(question.registration)
    pairs = tuple(pair for pair in parameters.of(question, context) if pair[0] != "options")
    pairs = (*pairs, ("entityMapLifetime", f"PT{seconds}S"))
    return await inquiry.send(question.registration, Forward("GET", "/entityMaps", pairs, context))


def _read(question: Asking, answer: Answer) -> _Listed | None:
    """What a source's entity map lists of what was asked for; None where the answer is no map."""
    body: Any = answer.body
    if not answer.is_success or not isinstance(body, dict):
        return None
    listed, map_id = body.get("entityMap"), body.get("id")
    if not isinstance(listed, dict) or not isinstance(map_id, str) or len(listed) > MAX_ENTITIES:
        return None
    ids = frozenset(question.selector.ids)
    elements = question.registration.information
    infos = (
        None if any(not each.entities for each in elements) else [info for each in elements for info in each.entities]
    )
    kept = [
        each
        for each in listed
        if (not ids or each in ids) and (infos is None or any(info.admits_id(each) for info in infos))
    ]
    return _Listed(question.registration, kept, map_id)


def _note(found: Found, listed: _Listed) -> None:
    registration_id = listed.registration.id
    for each in listed.ids:
        holders = found.sources.setdefault(each, [])
        if registration_id not in holders:
            holders.append(registration_id)
    if listed.entity_map is not None:
        found.linked[registration_id] = listed.entity_map
    if listed.warning is not None and listed.warning not in found.warnings:
        found.warnings.append(listed.warning)


async def _note_held_here(inquiry: Inquiry, found: Found) -> None:
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
        path = f"/entityMaps/{quote(map_id, safe=_SAFE)}"
        asked.append(inquiry.send(registration, Forward(method, path, (), inquiry.origin.context, body)))
    await asyncio.gather(*asked)
