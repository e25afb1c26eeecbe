"""Credentials in the place of their names, at the moment a request leaves for the member they belong to."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from broker.adapters.forwarding.http import HttpForwarder
from broker.core.federate.registration import Registration
from broker.core.model.credentials import CREDENTIAL
from broker.operations.federation import Answer, Failure, Forward, Origin
from broker.operations.membership.ports import Trouble
from broker.operations.ports import Clock

Resolver = Callable[[str, str], Awaitable[str | None]]
"""From a credential's name and the endpoint it is meant for to the header's value; None where it is not for it."""

_MOST = 1_000
"""Members of which the last trouble is remembered, more than any broker has."""
_LONGEST = 300
"""Characters of what a member said was wrong."""
_ORDINARY = frozenset((404, 409))
"""That an entity is not there, or is there already, is no trouble."""
_FAILURES = {
    Failure.TIMEOUT: "did not answer in time",
    Failure.UNREACHABLE: "can't be reached",
    Failure.INVALID: "answered what can't be read",
}


class CredentialForwarder:
    """A Forwarder in front of another one, and the Experience it makes with members.

    A credential never goes to another endpoint than its member's.
    """

    def __init__(self, forwarder: HttpForwarder, resolve: Resolver, clock: Clock) -> None:
        self._forwarder = forwarder
        self._resolve = resolve
        self._clock = clock
        self._troubles: dict[str, Trouble] = {}

    async def close(self) -> None:
        """End all connections."""
        await self._forwarder.close()

    def deadline(self, registration: Registration) -> float:
        """Seconds after which the source's answer is no longer waited for."""
        return self._forwarder.deadline(registration)

    def last_trouble(self, credential: str) -> Trouble | None:
        """The last one that a request with that credential met, or None."""
        return self._troubles.get(credential)

    async def send(self, registration: Registration, forward: Forward, origin: Origin, alias: str) -> Answer:
        """Ask the source. Never raises; without its credential the source is not asked."""
        names = [value for _, value in registration.source_info if value.startswith(CREDENTIAL)]
        if not names:
            return await self._forwarder.send(registration, forward, origin, alias)
        info = []
        for key, value in registration.source_info:
            held = await self._resolve(value, registration.endpoint) if value.startswith(CREDENTIAL) else value
            if held is None:
                self._note(value, forward, "was not asked: its token is for another address, or can't be read here")
                return Answer(0, failure=Failure.UNREACHABLE)
            info.append((key, held))
        answer = await self._forwarder.send(replace(registration, source_info=tuple(info)), forward, origin, alias)
        problem = _problem(answer)
        if problem is not None:
            for each in names:
                self._note(each, forward, problem)
        return answer

    def _note(self, name: str, forward: Forward, problem: str) -> None:
        if len(self._troubles) >= _MOST:
            self._troubles.clear()
        operation = f"{forward.method} {forward.path}"[:_LONGEST]
        self._troubles[name.removeprefix(CREDENTIAL)] = Trouble(self._clock.now(), operation, problem)


def _problem(answer: Answer) -> str | None:
    if answer.failure is not None:
        return _FAILURES[answer.failure]
    if answer.status < 400 or answer.status in _ORDINARY:
        return None
    detail = answer.body.get("detail") if isinstance(answer.body, dict) else None
    return f"answered {answer.status}" + (f": {detail[:_LONGEST]}" if isinstance(detail, str) else "")
