"""Which entities sources have: out of the maps that they make, else out of what they find (clauses 5.14.4, 5.14.5)."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from broker.core.federate.plan import Asking
from broker.core.model.entity_map import lifetime
from broker.operations.distributed.asking import Inquiry, Parameters, SourceWarning
from broker.operations.entity_maps import MAX_ENTITIES, too_many
from broker.operations.federation import Answer, Failure, Forward

_SECOND = 1_000_000


@dataclass(slots=True)
class Holders:
    """Who holds which entities, in the order in which they are met, and the maps that sources keep of theirs."""

    sources: dict[str, list[str]]
    linked: dict[str, str] = field(default_factory=dict)
    warnings: list[SourceWarning] = field(default_factory=list)

    def add(self, listed: Iterable["Listed"]) -> None:
        """Note what sources have. Raises TooManyResults where that is more than a map lists."""
        for each in listed:
            self._add(each)
        if len(self.sources) > MAX_ENTITIES:
            raise too_many()

    def _add(self, listed: "Listed") -> None:
        registration_id = listed.question.registration.id
        for each in listed.ids:
            holders = self.sources.setdefault(each, [])
            if registration_id not in holders:
                holders.append(registration_id)
        if listed.entity_map is not None:
            self.linked[registration_id] = listed.entity_map
        if listed.warning is not None and listed.warning not in self.warnings:
            self.warnings.append(listed.warning)


@dataclass(frozen=True, slots=True)
class Listed:
    """The entities that one source has for one question, and the map that it keeps of them."""

    question: Asking
    ids: Sequence[str] = ()
    entity_map: str | None = None
    warning: SourceWarning | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """How sources list entities: by the operation `making` at `path`, with further parameters.

    Those that make no maps are asked with one of the operations `querying`, by `query`.
    """

    making: str
    path: str
    querying: tuple[str, ...]
    query: Callable[[Asking], Awaitable[Listed]]
    pairs: tuple[tuple[str, str], ...] = ()


async def list_held(
    inquiry: Inquiry, questions: Sequence[Asking], parameters: Parameters, listing: Listing, wanted: int | None
) -> list[Listed]:
    """What each source lists for its questions. `wanted`: the lifetime suggested for maps, in microseconds.

    A map that answers one of several questions to one source lists only a part: such maps are not used again.
    """
    listing = replace(listing, pairs=(*listing.pairs, ("entityMapLifetime", f"PT{lifetime(wanted) // _SECOND}S")))
    alone = Counter(each.registration.id for each in questions)
    return await asyncio.gather(
        *(_list(inquiry, each, parameters, listing, single=alone[each.registration.id] == 1) for each in questions)
    )


async def _list(
    inquiry: Inquiry, question: Asking, parameters: Parameters, listing: Listing, *, single: bool
) -> Listed:
    registration = question.registration
    if question.is_loop:
        return Listed(question, warning=SourceWarning(199, registration.id))
    if question.operation != listing.making:
        return await listing.query(question)
    querying = next((each for each in listing.querying if each in registration.operations), None)
    if single or querying is None:
        answer = await _make(inquiry, question, parameters, listing)
        listed = _read(question, answer)
        if listed is not None:
            return listed if single else replace(listed, entity_map=None)
        if answer.failure in (Failure.TIMEOUT, Failure.UNREACHABLE):
            return Listed(question, warning=SourceWarning(199, registration.id))
    if querying is None:
        return Listed(question, warning=SourceWarning(299, registration.id))
    return await listing.query(replace(question, operation=querying))


async def _make(inquiry: Inquiry, question: Asking, parameters: Parameters, listing: Listing) -> Answer:
    context = inquiry.context_for(question.registration)
    pairs = tuple(pair for pair in parameters.of(question, context) if pair[0] != "options")
    return await inquiry.send(question.registration, Forward("GET", listing.path, (*pairs, *listing.pairs), context))


def _read(question: Asking, answer: Answer) -> Listed | None:
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
    return Listed(question, kept, map_id)
