"""Reading what entity maps list from those who hold it (clauses 4.3.6.7, 5.5.14, 5.7.1.4, 5.7.2.4)."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from broker.core.federate.index import RegistrationIndex
from broker.core.federate.match import wanted_by
from broker.core.federate.plan import Asking, plan_questions
from broker.core.federate.registration import Registration
from broker.core.model.entity import Entity
from broker.core.model.entity_map import LOCAL, EntityMap
from broker.core.model.errors import TooManyResults
from broker.core.ql.ast import EntityQuery, EntitySelector, PageRequest
from broker.core.ql.types import TypeSelection
from broker.operations.distributed.asking import Heard, Inquiry, Parameters, SourceWarning
from broker.operations.distributed.maps import Asked
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
from broker.operations.entity_maps import keep_sources, link_maps
from broker.operations.map_pages import Look, Looked, candidates_of, limited_to, page_of
from broker.operations.ports import EntityPage

_QUERYING = ("queryEntity", "queryBatch")


def holders_of(
    index: RegistrationIndex, query: EntityQuery, sources: Mapping[str, Sequence[str]], entity_ids: Iterable[str]
) -> Iterator[tuple[Registration, EntityQuery]]:
    """The sources that hold some of these entities, each with the query limited to those that it holds."""
    held: dict[str, list[str]] = {}
    for entity_id in entity_ids:
        for holder in sources[entity_id]:
            if holder != LOCAL:
                held.setdefault(holder, []).append(entity_id)
    for holder, ids in held.items():
        registration, limited = index.get(holder), limited_to(query, ids)
        if registration is not None and limited is not None:
            yield registration, limited


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
        asked, index = self._asked, self._inquiry.index
        questions: list[Asking] = []
        for registration, limited in holders_of(index, asked.query, self._sources, entity_ids):
            wanted, projected = wanted_of(limited, asked.names, splits=asked.splits)
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
    types: TypeSelection | None,
    names: frozenset[str],
    datasets: Sequence[str],
    named: EntityMap | None,
    wanted: int | None,
) -> tuple[Entity | None, list[SourceWarning], EntityMap | None]:
    """Clause 5.7.1 with an entity map: that which the request names, or a new one where the entity is found."""
    needs = wanted_by(EntityQuery(selectors=(EntitySelector((entity_id,), None, types),)), attributes=names)
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
