"""Changes of entities that are partly or wholly elsewhere (clauses 5.6.1 to 5.6.6, 5.6.17 to 5.6.19, 6.3.17)."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from broker.core.federate.bodies import addressed
from broker.core.federate.plan import Part, Split, split
from broker.core.federate.registration import Registration
from broker.core.federate.temporal_plan import concerned
from broker.core.model.errors import (
    AlreadyExists,
    Conflict,
    LoopDetected,
    NgsiLdError,
    ResourceNotFound,
    SourceFailed,
    SourceTimedOut,
)
from broker.operations.distributed.asking import Inquiry
from broker.operations.federation import Answer, Failure, Forward

_ERRORS: dict[int, type[NgsiLdError]] = {
    404: ResourceNotFound,
    409: AlreadyExists,
    504: SourceTimedOut,
    508: LoopDetected,
}
"""What is told of the answers of sources; any other is a failure."""

Names = frozenset[str]
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Write:
    """One change of one entity, and how it is put to a source.

    `names`: the attributes it is about; `whole`: it is about all of the entity, whatever it has. `types` None: not
    known. `request` gives what to send to a source for some of the attributes. `evolution`: what changes is the
    evolution in time.
    """

    operation: str
    entity_id: str
    types: tuple[str, ...] | None
    names: Names
    request: Callable[[Names, Registration], Forward]
    whole: bool = False
    evolution: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the part of one source, or of this broker's own, whose `registration_id` is None.

    `status` is that of the source's answer.
    """

    registration_id: str | None
    names: Names
    error: NgsiLdError | None = None
    body: Any = None
    is_partial: bool = False
    status: int = 0


@dataclass(frozen=True, slots=True)
class Result(Generic[R]):
    """What became of all parts. `local` is what this broker itself did, None where it had nothing to do or failed."""

    outcomes: tuple[Outcome, ...]
    local: R | None = None

    @property
    def failed(self) -> tuple[Outcome, ...]:
        """The parts that failed."""
        return tuple(each for each in self.outcomes if each.error is not None)

    @property
    def is_partial(self) -> bool:
        """Whether a source did only part of what it was asked."""
        return any(each.is_partial for each in self.outcomes)


async def write(inquiry: Inquiry, change: Write, local: Callable[[Names], Awaitable[R]]) -> Result[R]:
    """Divide a change over the sources and this broker, whose own part `local` does.

    It is no failure where a source has part of it and this broker does not know what is deleted (clause 5.6.6.4), or
    what evolution is changed (clauses 5.6.12 to 5.6.16).

    Raises the error itself where there is only one part and it failed, or where the entity is nowhere.
    """
    registrations = concerned(inquiry.index) if change.evolution else inquiry.index
    plan = split(
        registrations, change.entity_id, change.types, change.names, (change.operation,), inquiry.journey,
        whole=change.whole, evolution=change.evolution,
    )  # fmt: skip
    if not plan.parts:
        return Result((), await local(change.names))
    sent = await asyncio.gather(*(_send(inquiry, change, part) for part in plan.parts))
    outcomes, done = list(sent), None
    if plan.stays:
        done = await _here(plan, change, local, outcomes)
    result = Result(tuple(outcomes), done)
    failed = result.failed
    if len(failed) == len(outcomes) and (len(outcomes) == 1 or all(_is_absent(each) for each in failed)):
        raise failed[0].error or ResourceNotFound()
    return result


async def _here(
    plan: Split, change: Write, local: Callable[[Names], Awaitable[R]], outcomes: list[Outcome]
) -> R | None:
    names = change.names if change.whole else plan.remaining
    try:
        done = await local(names)
    except NgsiLdError as error:
        if (change.whole or change.evolution) and isinstance(error, ResourceNotFound):
            return None
        outcomes.append(Outcome(None, names, error))
        return None
    outcomes.append(Outcome(None, names))
    return done


async def _send(inquiry: Inquiry, change: Write, part: Part) -> Outcome:
    registration = addressed(part.registration, inquiry.client, inquiry.origin.context)
    names = change.names if part.attributes is None else part.attributes
    refused = refusal(part, change.operation)
    if refused is not None:
        return Outcome(registration.id, names, refused)
    answer = await inquiry.send(registration, change.request(names, registration))
    error = error_of(answer, registration.id, change.entity_id)
    return Outcome(registration.id, names, error, answer.body, answer.status == 207, answer.status)


def refusal(part: Part, operation: str) -> NgsiLdError | None:
    """Why a part can't be sent to its source; None: it can."""
    if part.is_loop:
        return LoopDetected(f"The request has passed the source of {part.registration.id}, or this broker, before.")
    if not part.is_supported:
        return Conflict(f"The source of {part.registration.id} holds this data, and does not offer {operation}.")
    return None


def error_of(answer: Answer, registration_id: str, entity_id: str) -> NgsiLdError | None:
    """What an answer means for the change (clause 6.3.17); None: it was made."""
    if answer.is_success:
        return None
    if answer.failure is Failure.TIMEOUT:
        return SourceTimedOut(f"The source of {registration_id} did not answer in time.")
    if answer.failure is not None:
        return SourceFailed(f"The source of {registration_id} could not be reached or understood.")
    said = answer.body.get("detail") if isinstance(answer.body, dict) else None
    detail = f"The source of {registration_id} answered {answer.status}{f': {said}' if isinstance(said, str) else ''}"
    return _ERRORS.get(answer.status, SourceFailed)(f"{entity_id}: {detail}"[:500])


def _is_absent(outcome: Outcome) -> bool:
    return isinstance(outcome.error, ResourceNotFound)
