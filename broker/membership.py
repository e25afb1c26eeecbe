"""Composition of what lets brokers join each other: part of the composition root `broker.app` (ADR 14)."""

import asyncio
import os
import ssl

import structlog

from broker.adapters.forwarding.http import HttpForwarder
from broker.adapters.membership.credentials import CredentialForwarder
from broker.adapters.membership.keys import VARIABLE, SecretError, SecretKeys, given_secret, kept_secret
from broker.adapters.membership.way import HttpWay
from broker.adapters.mongo.client import Databases
from broker.adapters.mongo.members import MongoMembers
from broker.core.model.errors import NgsiLdError
from broker.operations.membership.guard import Guard
from broker.operations.membership.leaving import tell_all
from broker.operations.membership.ports import Membership
from broker.operations.membership.registering import credential_for
from broker.operations.ports import Clock, Ports
from broker.settings import Settings

_log = structlog.get_logger("eclor.membership")

_TELL_EVERY = 60.0
"""Seconds between two attempts to tell members that were left while they did not answer."""


class MembershipSide:
    """The membership of a broker that has a secret; without one, `keys`, `membership` and `guard` stay None.

    `sealing` encrypts what is stored, where that is wanted. `forwarder` asks sources, members with their credentials;
    whoever uses it closes it.
    """

    def __init__(self, settings: Settings, databases: Databases, tls: ssl.SSLContext | None, clock: Clock) -> None:
        self._settings = settings
        self._store = MongoMembers(databases)
        self._way = HttpWay(tls)
        self.keys = _keys(settings)
        self.sealing = self.keys if settings.seal else None
        self.forwarder = CredentialForwarder(HttpForwarder(tls=tls), self.resolve, clock)
        self.membership: Membership | None = None
        self.guard: Guard | None = None

    def start(self, ports: Ports) -> None:
        """Know the ports that operations on members work with."""
        if self.keys is None:
            return
        settings = self._settings
        self.membership = Membership(
            ports, self.keys, self._store, self._way, self.forwarder, settings.alias, settings.public_url
        )
        self.guard = Guard(self.membership)

    def changed(self) -> None:
        """Members were changed by this process."""
        if self.guard is not None:
            self.guard.forget()

    async def run(self) -> None:
        """Tell members that were left, for ever."""
        while True:
            try:
                if self.membership is not None:
                    await tell_all(self.membership)
            except NgsiLdError as error:
                _log.warning("members that were left wait", reason=error.detail)
            await asyncio.sleep(_TELL_EVERY)

    async def resolve(self, name: str, endpoint: str) -> str | None:
        """What a credential stands for, in requests to that endpoint; None where it is not for it."""
        return None if self.membership is None else await credential_for(self.membership, name, endpoint)


def _keys(settings: Settings) -> SecretKeys | None:
    given = os.environ.get(VARIABLE)
    if given:
        return SecretKeys(given_secret(given))
    if settings.data_dir is None:
        return None
    try:
        return SecretKeys(kept_secret(settings.data_dir))
    except SecretError as error:
        _log.warning("no secret, so that this broker can't join others", reason=str(error))
        return None
