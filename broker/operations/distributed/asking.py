"""Putting questions to sources, and reading their answers as entities (clauses 4.3.6, 6.3.17)."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import orjson

from broker.core.federate.index import RegistrationIndex
from broker.core.federate.loop import read_via
from broker.core.federate.plan import Asking, Journey, admitted
from broker.core.federate.registration import Registration
from broker.core.jsonld.context import ActiveContext
from broker.core.model.entity import Entity
from broker.core.model.errors import NgsiLdError
from broker.core.model.uri import segment
from broker.core.ql.types import TypeSelection
from broker.operations.federation import Answer, Failure, Federation, Forward, Origin
from broker.operations.ports import Ports

Read = TypeVar("Read")

MAX_QUESTIONS = 100
"""Questions put for one request, in the order of their registrations' creation; of the others a warning tells."""
PAGE = 1_000
"""Entities asked for at a time: the most that brokers commonly give."""


@dataclass(frozen=True, slots=True)
class SourceWarning:
    """What a client is told of a source that did not answer as it should (Table 6.3.17-1)."""

    code: int
    registration_id: str

    @property
    def text(self) -> str:
        """The value of the header."""
        return f'{self.code} {self.registration_id} "{_TEXTS[self.code]}"'


@dataclass(slots=True)
class Heard:
    """What one source said to one question: its entities in order, what was wrong, and the entity map that it used."""

    question: Asking
    entities: list[Entity] = field(default_factory=list)
    is_complete: bool = True
    warning: SourceWarning | None = None
    entity_map: str | None = None


FOR_A_MAP = ("entityMap", "true")
"""What asks a source to tell the entity map that it uses."""
_LISTS = ("attrs", "datasetId", "expandValues", "jsonKeys")
"""Members of a Query that are arrays where parameters separate with commas."""
_TEXTS = {
    110: "Response is Stale",
    111: "Revalidation Failed",
    199: "Miscellaneous Warning",
    299: "Miscellaneous Persistent Warning",
}


@dataclass(frozen=True, slots=True)
class Inquiry:
    """All that is needed to ask sources on behalf of one request. `client` is the @context that the client speaks."""

    ports: Ports
    federation: Federation
    tenant: str
    index: RegistrationIndex
    origin: Origin
    client: ActiveContext

    @property
    def journey(self) -> Journey:
        """How the request came here."""
        return Journey(read_via(self.origin.via), self.federation.alias_of(self.tenant), self.ports.clock.now())

    def context_for(self, registration: Registration) -> ActiveContext:
        """The @context in which the source is spoken to."""
        return registration.context or self.origin.context

    async def send(self, registration: Registration, forward: Forward) -> Answer:
        """Send one request, and count it. Once more where the source knows nothing of the entity map asked for."""
        answer = await self._send(registration, forward)
        if answer.status == 400 and FOR_A_MAP in forward.parameters:
            # It was registered for entity maps all the same (groups of operations have grown).
            pairs = tuple(pair for pair in forward.parameters if pair != FOR_A_MAP)
            answer = await self._send(registration, replace(forward, parameters=pairs))
        return answer

    async def _send(self, registration: Registration, forward: Forward) -> Answer:
        registry = self.federation.registry
        registry.sent(self.tenant, registration.id)
        answer = await self.federation.forwarder.send(
            registration, forward, self.origin, self.federation.alias_of(self.tenant)
        )
        well = answer.is_success or (forward.method == "GET" and answer.status == 404 and answer.failure is None)
        registry.answered(self.tenant, registration.id, well=well)
        return answer

    async def ask_all(self, questions: Sequence[Asking], parameters: "Parameters", need: int) -> list[Heard]:
        """Put all questions at once, each for up to `need` entities."""
        asked = [self.ask(each, parameters, need) for each in questions[:MAX_QUESTIONS]]
        heard = list(await asyncio.gather(*asked))
        heard += [Heard(each, warning=SourceWarning(199, each.registration.id)) for each in questions[MAX_QUESTIONS:]]
        return heard

    async def ask(self, question: Asking, parameters: "Parameters", need: int) -> Heard:
        """Put one question, page by page where it is a query."""
        heard = Heard(question)
        if question.is_loop:
            heard.warning = SourceWarning(199, question.registration.id)
            return heard
        context = self.context_for(question.registration)
        if question.operation == "retrieveEntity":
            await self._put(heard, retrieval(question, parameters.of(question, context), context), parameters)
            return heard
        received = 0
        while received < need and heard.warning is None:
            limit = min(PAGE, need - received)
            pairs = (
                parameters.of(question, context) if need == 1 else parameters.page(question, context, limit, received)
            )
            forward = query_by_post(pairs, context) if question.operation == "queryBatch" else _query(pairs, context)
            count, more = await self._put(heard, forward, parameters)
            received += count
            if not count or (count < limit and not more):
                return heard
        heard.is_complete = need == 1
        return heard

    async def _put(self, heard: Heard, forward: Forward, parameters: "Parameters") -> tuple[int, bool]:
        """Send one request of a question, and take in the answer: how many entities it had, those that the registration
        does not cover included, and whether it said that there are more.
        """
        registration = heard.question.registration
        kept = parameters.maps.get(registration.id)
        if kept is not None:
            forward = replace(forward, entity_map=kept)
        answer, entities, heard.warning = await self.put(registration, forward, self.federation.readings.entity)
        heard.entity_map = answer.entity_map or heard.entity_map
        heard.entities += [each for entity in entities if (each := admitted(registration, entity)) is not None]
        return len(entities), answer.has_next

    async def put(
        self, registration: Registration, forward: Forward, read: Callable[[Any, ActiveContext], Read]
    ) -> tuple[Answer, list[Read], SourceWarning | None]:
        """Send one request, and read the objects in the answer: what they are, and what was wrong, if anything was.

        All has to be done by the deadline of the source, the loading of a @context that it names included.
        """
        until = asyncio.get_running_loop().time() + self.federation.forwarder.deadline(registration)
        answer = await self.send(registration, forward)
        if not answer.is_success:
            return answer, [], warning_of(registration, answer)
        documents = answer.body if isinstance(answer.body, list) else [answer.body]
        try:
            if _is_written_in(forward.context, answer.link, documents):
                return answer, [read(each, forward.context) for each in documents], None
            async with asyncio.timeout_at(until):
                return answer, [read(*await self._in_own(each, answer, forward.context)) for each in documents], None
        except TimeoutError:
            return answer, [], SourceWarning(199, registration.id)
        except (NgsiLdError, RecursionError):
            return answer, [], SourceWarning(111, registration.id)

    async def _in_own(self, document: Any, answer: Answer, context: ActiveContext) -> tuple[Any, ActiveContext]:
        """An object of an answer to a question in `context`, and the @context that it is written in itself."""
        if isinstance(document, dict) and "@context" in document:
            own = document["@context"]
            document = {name: value for name, value in document.items() if name != "@context"}
            context = context if own == context.reference else await self.ports.loader.load(own)
        elif answer.link is not None and answer.link != context.link:
            context = await self.ports.loader.load(answer.link)
        return document, context


def _is_written_in(context: ActiveContext, link: str | None, documents: Iterable[Any]) -> bool:
    """Whether all objects of an answer are in the @context of the question, as nearly always."""
    if link is not None and link != context.link:
        return False
    return not any(isinstance(each, dict) and "@context" in each for each in documents)


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of a question: those that every source gets, and what its registration narrows.

    `filters` are those whose attributes a source has to cover in order to decide them: name and value, and attributes.
    `maps` are the entity maps that sources are to use, by registration; with `wants_maps` they are asked for one.
    """

    common: tuple[tuple[str, str], ...] = ()
    filters: tuple[tuple[tuple[tuple[str, str], ...], frozenset[str]], ...] = ()
    written_with: ActiveContext | None = None
    maps: Mapping[str, str] = field(default_factory=dict)
    wants_maps: bool = False

    def of(self, question: Asking, context: ActiveContext) -> tuple[tuple[str, str], ...]:
        """For one question, with names as `context` has them."""
        selector = question.selector
        found: list[tuple[str, str]] = []
        if selector.types is not None:
            found.append(("type", written_types(selector.types, context)))
        if selector.ids:
            found.append(("id", ",".join(selector.ids)))
        elif selector.id_pattern is not None:
            found.append(("idPattern", selector.id_pattern))
        if question.attributes is not None:
            found.append(("attrs", ",".join(sorted(map(context.compact_iri, question.attributes)))))
        for given, attributes in self.filters:
            if self.applies(question, attributes, context):
                found += given
        if self.wants_maps and question.registration.id not in self.maps and keeps_maps(question.registration):
            found.append(FOR_A_MAP)
        return (*found, *self.common)

    def page(self, question: Asking, context: ActiveContext, limit: int, offset: int) -> tuple[tuple[str, str], ...]:
        """For one page of the answer to a question."""
        pairs = (*self.of(question, context), ("limit", str(limit)))
        return (*pairs, ("offset", str(offset))) if offset else pairs

    def applies(self, question: Asking, attributes: Iterable[str], context: ActiveContext) -> bool:
        """Whether the source can decide a filter on these attributes, which is written in the client's terms."""
        if self.written_with is not None and context is not self.written_with:
            return False
        covered = {name for each in question.registration.information for name in each.attributes or ()}
        whole = any(each.attributes is None for each in question.registration.information)
        return whole or covered.issuperset(attributes)


def keeps_maps(registration: Registration) -> bool:
    """Whether the source offers entity maps, so that it may be asked for the one that it used."""
    return not registration.operations.isdisjoint(("createEntityMapQueryEntity", "retrieveEntityMap"))


def retrieval(question: Asking, pairs: tuple[tuple[str, str], ...], context: ActiveContext) -> Forward:
    """A retrieval of the one entity that a question is about."""
    path = f"/entities/{segment(question.selector.ids[0])}"
    return Forward("GET", path, tuple(pair for pair in pairs if pair[0] != "id"), context)


def query_by_post(pairs: tuple[tuple[str, str], ...], context: ActiveContext) -> Forward:
    """A query whose parameters stand in its body (clauses 5.2.23, 6.23)."""
    given = dict(pairs)
    selector = {name: given[name] for name in ("type", "idPattern") if name in given}
    ids = given["id"].split(",") if "id" in given else []
    body: dict[str, Any] = {"type": "Query"}
    if selector or ids:
        body["entities"] = [{**selector, "id": each} for each in ids] or [selector]
    body.update({name: given[name] for name in ("q", "scopeQ") if name in given})
    body.update({name: given[name].split(",") for name in _LISTS if name in given})
    if "georel" in given:
        geo = {name: given[name] for name in ("georel", "geometry", "geoproperty") if name in given}
        body["geoQ"] = {**geo, "coordinates": orjson.loads(given["coordinates"])}
    parameters = tuple(pair for pair in pairs if pair[0] in ("limit", "offset", "options"))
    return Forward("POST", "/entityOperations/query", parameters, context, body)


def _query(pairs: tuple[tuple[str, str], ...], context: ActiveContext) -> Forward:
    return Forward("GET", "/entities", pairs, context)


def written_types(types: TypeSelection, context: ActiveContext) -> str:
    """A type selection as text (clause 4.17)."""
    written = []
    for alternative in types.alternatives:
        names = [context.compact_iri(name) for name in alternative]
        written.append(names[0] if len(names) == 1 else f"({';'.join(names)})")
    return ",".join(written)


def warning_of(registration: Registration, answer: Answer) -> SourceWarning | None:
    """Nothing found is no abnormal behaviour (clause 6.3.17)."""
    if answer.failure is Failure.INVALID:
        return SourceWarning(111, registration.id)
    if answer.failure is not None:
        return SourceWarning(199, registration.id)
    return None if answer.status == 404 else SourceWarning(299, registration.id)
