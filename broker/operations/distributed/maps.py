"""Entity maps of entities that are here and elsewhere (clauses 4.3.6.7, 5.5.14, 5.7.1.4, 5.7.2.4, 5.14)."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from broker.core.federate.loop import is_loop
from broker.core.federate.match import SourceFilter, wanted_by
from broker.core.federate.plan import Asking, plan_questions
from broker.core.federate.registration import Registration
from broker.core.model.entity import Entity
from broker.core.model.entity_map import LOCAL, EntityMap, lifetime
from broker.core.model.errors import TooManyResults
from broker.core.ql.ast import EntityQuery, EntitySelector, PageRequest
from broker.operations.distributed.asking import Heard, Inquiry, Parameters, SourceWarning
from broker.operations.distributed.reads import (
    MAX_CANDIDATES,
    SYSTEM_ATTRIBUTES,
    decides,
    divided,
    merge,
    once_each,
    parameters_for,
    selected,
    wanted_of,
)
from broker.operations.entity_maps import MAX_ENTITIES, ids_here, keep_sources, link_maps, too_many
from broker.operations.federation import Answer, Failure, Forward
from broker.operations.map_pages import Look, Looked, candidates_of, limited_to, page_of
from broker.operations.ports import EntityPage

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


class MappedReading:
    """Reads entities of a map from those who hold them; notes what sources did wrong, and the maps that they use."""

    def __init__(
        self, inquiry: Inquiry, asked: Asked, sources: Mapping[str, Sequence[str]], linked: Mapping[str, str]
    ) -> None:
        self._inquiry = inquiry
        self._asked = asked
        self._sources = sources
        self._parameters = parameters_for(inquiry, asked.query, asked.given, splits=asked.splits)
        self.linked = dict(linked)
        self.warnings: list[SourceWarning] = []

    async def look(self, entity_ids: Sequence[str]) -> Looked:
        """Those that satisfy the query."""
        inquiry, asked = self._inquiry, self._asked
        questions = self._questions(entity_ids)
        parameters = replace(self._parameters, maps=self.linked)
        here = [each for each in entity_ids if LOCAL in self._sources[each]]
        held, heard = await asyncio.gather(
            self._held(here), inquiry.ask_all(questions, parameters, max(len(entity_ids), 2))
        )
        self._unlink(heard)
        known = {each.id for each in held}
        missing = {entity.id for each in heard for entity in each.entities}.intersection(here) - known
        if missing:
            held += (await inquiry.ports.entities.get_many(inquiry.tenant, sorted(missing))).values()
        merged = merge(inquiry, held, heard)
        self.warnings += [each for each in merged.warnings if each not in self.warnings]
        decided = not asked.splits and all(decides(each, parameters, inquiry) for each in questions)
        query = EntityQuery(selectors=asked.query.selectors) if decided else asked.query
        wanted = frozenset(entity_ids)
        unsure = frozenset(one for each in heard if each.warning is not None for one in each.question.selector.ids)
        return Looked({each.id: each for each in selected(merged, query) if each.id in wanted}, unsure)

    async def _held(self, entity_ids: Sequence[str]) -> list[Entity]:
        limited = limited_to(self._asked.here, entity_ids)
        if limited is None:
            return []
        found = await self._inquiry.ports.entities.find(self._inquiry.tenant, limited, PageRequest(len(entity_ids)))
        return found.entities

    def _questions(self, entity_ids: Sequence[str]) -> list[Asking]:
        """Only those who hold an entity are asked for it (clause 5.5.14)."""
        held: dict[str, list[str]] = {}
        for entity_id in entity_ids:
            for holder in self._sources[entity_id]:
                if holder != LOCAL:
                    held.setdefault(holder, []).append(entity_id)
        questions: list[Asking] = []
        for holder, ids in held.items():
            registration = self._inquiry.index.get(holder)
            limited = limited_to(self._asked.query, ids)
            if registration is None or limited is None:
                continue
            wanted, projected = wanted_of(limited, self._asked.names, splits=self._asked.splits)
            questions += plan_questions([registration], wanted, projected, _QUERYING, self._inquiry.journey)
        return divided(questions)

    def _unlink(self, heard: Sequence[Heard]) -> None:
        """A source that answers with another map lost ours: its new one lists only what it was asked for just now."""
        for each in heard:
            registration_id = each.question.registration.id
            linked = self.linked.get(registration_id)
            if linked is not None and each.entity_map is not None and each.entity_map != linked:
                del self.linked[registration_id]


async def page_distributed(
    inquiry: Inquiry, entity_map: EntityMap, asked: Asked, page: PageRequest
) -> tuple[EntityPage, list[SourceWarning]]:
    """A page of what a map lists, from those who hold it. Raises TooManyResults where too much is to be counted."""
    reading = MappedReading(inquiry, asked, entity_map.sources, entity_map.linked)
    candidates = candidates_of(asked.query, entity_map)
    look: Look = reading.look
    total = None
    if page.count and asked.splits:
        if len(candidates) > MAX_CANDIDATES:
            raise TooManyResults(f"Of split entities at most {MAX_CANDIDATES} can be counted; leave count out.")
        everything = await reading.look(candidates) if candidates else Looked({})
        total = len(everything.entities)

        async def looked(_: Sequence[str]) -> Looked:
            return everything

        look = looked

    same = bool(asked.signature) and asked.signature == entity_map.query
    found = await page_of(inquiry.ports, inquiry.tenant, entity_map, candidates, page, look, same=same)
    await link_maps(inquiry.ports, inquiry.tenant, entity_map, reading.linked)
    return EntityPage(found.entities, found.total if total is None else total, found.more), reading.warnings


async def retrieve_mapped(
    inquiry: Inquiry,
    entity_id: str,
    names: frozenset[str],
    datasets: Sequence[str],
    named: EntityMap | None,
    wanted: int | None,
) -> tuple[Entity | None, list[SourceWarning], EntityMap | None]:
    """Clause 5.7.1 with an entity map: that which the request names, or a new one where the entity is found."""
    needs = wanted_by(EntityQuery(selectors=(EntitySelector((entity_id,)),)), attributes=names)
    needs = replace(needs, dataset_ids=frozenset(datasets))
    registrations = [each for each in inquiry.index if named is None or each.id in named.sources.get(entity_id, ())]
    questions = once_each(plan_questions(registrations, needs, names, ("retrieveEntity", *_QUERYING), inquiry.journey))
    maps = {} if named is None else dict(named.linked)
    parameters = Parameters((SYSTEM_ATTRIBUTES,), maps=maps, wants_maps=True)
    local = await inquiry.ports.entities.get(inquiry.tenant, entity_id)
    heard = await inquiry.ask_all(questions, parameters, 1)
    merged = merge(inquiry, [local] if local is not None else [], heard)
    for each in heard:
        if each.entity_map is not None:
            maps[each.question.registration.id] = each.entity_map
    entity = merged.entities.get(entity_id)
    if named is not None:
        await link_maps(inquiry.ports, inquiry.tenant, named, maps)
    elif entity is not None:
        holders = [LOCAL] if local is not None else []
        holders += dict.fromkeys(each.question.registration.id for each in heard if each.entities)
        named = await keep_sources(inquiry.ports, inquiry.tenant, {entity_id: holders}, maps, wanted)
    return entity, merged.warnings, named


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
