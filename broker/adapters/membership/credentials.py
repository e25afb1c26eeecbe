"""Credentials in the place of their names, at the moment a request leaves for the member they belong to."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from broker.adapters.forwarding.http import HttpForwarder
from broker.core.federate.registration import Registration
from broker.core.model.credentials import CREDENTIAL
from broker.operations.federation import Answer, Failure, Forward, Origin

Resolver = Callable[[str, str], Awaitable[str | None]]
"""From a credential's name and the endpoint it is meant for to the header's value; None where it is not for it."""


class CredentialForwarder:
    """A Forwarder in front of another one. A credential never goes to another endpoint than its member's."""

    def __init__(self, forwarder: HttpForwarder, resolve: Resolver) -> None:
        self._forwarder = forwarder
        self._resolve = resolve

    async def close(self) -> None:
        """End all connections."""
        await self._forwarder.close()

    def deadline(self, registration: Registration) -> float:
        """Seconds after which the source's answer is no longer waited for."""
        return self._forwarder.deadline(registration)

    async def send(self, registration: Registration, forward: Forward, origin: Origin, alias: str) -> Answer:
        """Ask the source. Never raises; without its credential the source is not asked."""
        if not any(value.startswith(CREDENTIAL) for _, value in registration.source_info):
            return await self._forwarder.send(registration, forward, origin, alias)
        info = []
        for key, value in registration.source_info:
            held = await self._resolve(value, registration.endpoint) if value.startswith(CREDENTIAL) else value
            if held is None:
                return Answer(0, failure=Failure.UNREACHABLE)
            info.append((key, held))
        return await self._forwarder.send(replace(registration, source_info=tuple(info)), forward, origin, alias)
