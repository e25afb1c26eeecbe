"""Putting questions about temporal evolutions to sources, and reading the answers (clauses 5.7.3, 5.7.4, 6.3.10).

Sources are asked for instances in normalized form, whatever the client wants to see of them: only those can be united.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from broker.core.federate.plan import Asking
from broker.core.federate.temporal_merge import identity
from broker.core.federate.temporal_plan import admitted_evolution
from broker.core.federate.temporal_received import received_evolution
from broker.core.model.instant import Instant, format_instant
from broker.core.model.uri import segment
from broker.core.ql.temporal import TemporalQuery
from broker.core.temporal.evolution import Demand, Evolution
from broker.core.temporal.sample import Sample
from broker.core.temporal.series import Series
from broker.operations.distributed.asking import MAX_QUESTIONS, Inquiry, Parameters, SourceWarning
from broker.operations.federation import Answer, Forward

PAGE = 100
"""Evolutions asked for at a time: with a thousand instances of a few attributes each some ten megabytes."""
MAX_PARTS = 50
"""Requests for one range that a source gives in parts: with parts of a thousand a day of every two seconds."""

_BEGINNING = TemporalQuery(0, None)
_PARTIAL = 206

Pairs = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Told:
    """What one source told in answer to one question: its evolutions by entity, in its order, and what was wrong.

    `edge`: the instant beyond which it has more than it told (before which, where the last ones are asked for).
    `entity_map`: that which it used.
    """

    question: Asking
    evolutions: dict[str, Evolution] = field(default_factory=dict)
    edge: Instant | None = None
    warning: SourceWarning | None = None
    entity_map: str | None = None


async def ask_all(
    inquiry: Inquiry, questions: Sequence[Asking], parameters: Parameters, demand: Demand, need: int
) -> list[Told]:
    """Put all questions at once, each for up to `need` entities."""
    asked = questions[:MAX_QUESTIONS]
    told = list(await asyncio.gather(*(_Conversation(inquiry, each, demand).hold(parameters, need) for each in asked)))
    return told + [Told(each, warning=SourceWarning(199, each.registration.id)) for each in questions[MAX_QUESTIONS:]]


class _Conversation:
    """One question, which may take several requests: for pages of entities, and for parts of their range."""

    def __init__(self, inquiry: Inquiry, question: Asking, demand: Demand) -> None:
        self._inquiry = inquiry
        self._demand = demand
        self._context = inquiry.context_for(question.registration)
        self._told = Told(question)
        self._seen: set[tuple[str, str, str | None, str]] = set()
        self._progress = True
        self._maps: Mapping[str, str] = {}

    async def hold(self, parameters: Parameters, need: int) -> Told:
        """Ask, page by page where it is a query."""
        told, self._maps = self._told, parameters.maps
        registration = told.question.registration
        if told.question.is_loop:
            told.warning = SourceWarning(199, registration.id)
            return told
        if told.question.operation == "retrieveTemporal":
            entity_id = told.question.selector.ids[0]
            hidden = ("id", "type")
            pairs = tuple(pair for pair in parameters.of(told.question, self._context) if pair[0] not in hidden)
            await self._range(f"/temporal/entities/{segment(entity_id)}", pairs, self._demand.query)
            return told
        received, query = 0, self._demand.query or _BEGINNING
        while received < need and told.warning is None:
            limit = min(PAGE, need - received)
            pairs = parameters.page(told.question, self._context, limit, received)
            found, answer = await self._put("/temporal/entities", pairs, query)
            if answer.status == _PARTIAL and found:
                await self._others(parameters, found, query)
            received += len(found)
            if not found or (len(found) < limit and not answer.has_next):
                break
        return told

    async def _others(self, parameters: Parameters, found: list[Evolution], query: TemporalQuery) -> None:
        """What a page of evolutions left out of their range, asked for by their ids: they satisfy the filters."""
        question = self._told.question
        selector = replace(question.selector, ids=tuple(each.id for each in found), id_pattern=None)
        plain = Parameters(parameters.common).page(replace(question, selector=selector), self._context, len(found), 0)
        following = self._following(found, query)
        if following is not None:
            await self._range("/temporal/entities", plain, following)

    async def _range(self, path: str, pairs: Pairs, query: TemporalQuery | None) -> None:
        """All parts of a range, or as many as are enough."""
        following = query
        for remaining in reversed(range(MAX_PARTS)):
            found, answer = await self._put(path, pairs, following)
            if answer.status != _PARTIAL:
                return
            following = self._following(found, following, is_last=not remaining)
            if following is None:
                return

    async def _put(self, path: str, pairs: Pairs, query: TemporalQuery | None) -> tuple[list[Evolution], Answer]:
        """Send one request, and take in the answer: the evolutions in it, those not covered by a registration, too."""
        told, inquiry = self._told, self._inquiry
        registration = told.question.registration
        kept = self._maps.get(registration.id)
        pairs = (*pairs, *_written(query, self._demand.last))
        forward = Forward("GET", path, pairs, self._context, entity_map=kept)
        answer, found, warning = await inquiry.put(registration, forward, received_evolution)
        told.entity_map = answer.entity_map or told.entity_map
        told.warning = warning or told.warning
        if warning is None:
            self._progress = self._keep(found)
        return found, answer

    def _keep(self, found: Iterable[Evolution]) -> bool:
        """Add what is new and covered by the registration to what was told before; whether anything was new at all."""
        held, is_new = self._told.evolutions, False
        for each in found:
            for iri, series in each.series.items():
                fresh = [sample for sample in series.samples if self._is_new(each.id, iri, sample)]
                is_new = is_new or bool(fresh)
                series.samples = fresh
            admitted = admitted_evolution(self._told.question.registration, each)
            if admitted is None:
                continue
            former = held.setdefault(each.id, admitted)
            if former is not admitted:
                for iri, series in admitted.series.items():
                    former.series.setdefault(iri, Series()).samples += series.samples
        return is_new

    def _is_new(self, entity_id: str, iri: str, sample: Sample) -> bool:
        """Whether that instance was not told before: a source may cut its times shorter than it compares them."""
        key = entity_id, iri, sample.instance.get("datasetId"), identity(sample) or repr(sample.instance)
        if key in self._seen:
            return False
        self._seen.add(key)
        return True

    def _following(
        self, found: Sequence[Evolution], query: TemporalQuery | None, *, is_last: bool = False
    ) -> TemporalQuery | None:
        """The range that an answer, which was a part, has left over; None where no more of it is asked for.

        That is where there is enough, where parts do not get on, or where something has no time by which to go on.
        """
        wanted = query or TemporalQuery(None, None)
        samples = [each for evolution in found for series in evolution.series.values() for each in series.samples]
        times = [each.instance.get(wanted.timeproperty) for each in samples]
        known = [time for time in times if time is not None]
        if self._has_all_last():
            return None
        backwards = self._demand.last is not None
        if known:
            edge = min(known) if backwards else max(known)
        elif backwards:
            edge = wanted.end
        else:
            edge = None if wanted.start is None else wanted.start - 1
        if edge is None:
            return None
        if is_last or not self._progress or len(known) < len(times) or self._is_enough():
            told = self._told
            if told.edge is not None:
                edge = max(edge, told.edge) if backwards else min(edge, told.edge)
            told.edge = edge
            return None
        if backwards:
            return TemporalQuery(wanted.start, edge, wanted.timeproperty)
        return TemporalQuery(edge + 1, wanted.end, wanted.timeproperty)

    def _counts(self) -> list[int]:
        return [len(each.samples) for told in self._told.evolutions.values() for each in told.series.values()]

    def _has_all_last(self) -> bool:
        """Whether all the last ones that are wanted are there."""
        last = self._demand.last
        return last is not None and min(self._counts(), default=0) >= last

    def _is_enough(self) -> bool:
        """Whether the answer to the client is full."""
        return self._demand.page is not None and max(self._counts(), default=0) > self._demand.page


def written_range(demand: Demand) -> Pairs:
    """The range of a demand as parameters (clause 4.11)."""
    return _written(demand.query, demand.last)


def _written(query: TemporalQuery | None, last: int | None) -> Pairs:
    """A temporal query as parameters (clause 4.11)."""
    pairs: list[tuple[str, str]] = []
    if query is not None:
        if query.start is not None and query.end is not None:
            bounds: Mapping[str, Instant] = {"timeAt": query.start, "endTimeAt": query.end}
            pairs.append(("timerel", "between"))
        elif query.end is not None:
            bounds = {"timeAt": query.end}
            pairs.append(("timerel", "before"))
        elif query.start is not None:
            bounds = {"timeAt": query.start}
            pairs.append(("timerel", "after"))
        else:
            bounds = {}
        pairs += [(name, format_instant(instant)) for name, instant in bounds.items()]
        if query.timeproperty != "observedAt" or not bounds:
            pairs.append(("timeproperty", query.timeproperty))
    if last is not None:
        pairs.append(("lastN", str(last)))
    return tuple(pairs)
