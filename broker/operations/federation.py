"""What operations on registrations and distributed operations need from outside (clauses 4.3.6, 5.9 to 5.12).

`Federation` is one of the `Ports`. A broker that has none keeps no registrations and asks nobody.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from broker.core.federate.index import RegistrationIndex
from broker.core.federate.notification import RegistrationSubscription
from broker.core.federate.received import Readings
from broker.core.federate.registration import Registration
from broker.core.jsonld.context import ActiveContext
from broker.core.model.instant import Instant
from broker.operations.notify import SubscriptionRecords

if TYPE_CHECKING:
    from broker.operations.distributed.subscriptions import Relay


class Registry(Protocol):
    """The registrations in memory, kept in step with the store, and what became of requests to their sources."""

    def of(self, tenant: str) -> RegistrationIndex | None:
        """The tenant's registrations; None where there is not one, which costs a look-up."""

    async def refresh(self, tenant: str) -> None:
        """See what other broker processes did to the registrations."""

    async def catch_up(self, tenant: str) -> None:
        """As `refresh`, where there are other broker processes; without them it costs nothing."""

    async def changed(
        self, tenant: str, registration_id: str, before: Registration | None, after: Registration | None
    ) -> None:
        """This process stored a new state of a registration; None: it was not there, or it was deleted.

        `before` is as it was in front of the change: what is in memory by now may have seen it already. Once this
        returns, what is to be told of it is kept until it is told.
        """

    def sent(self, tenant: str, registration_id: str) -> None:
        """A request is on its way to the source."""

    def answered(self, tenant: str, registration_id: str, *, well: bool) -> None:
        """The source answered as it should, or not."""

    async def counted(self, tenant: str) -> None:
        """Return once the store has what was counted so far."""


class RegistrationNotifier(Protocol):
    """Tells subscribers of registrations (clause 5.11.7)."""

    async def subscribed(self, tenant: str, subscription: RegistrationSubscription) -> None:
        """A subscription was created or updated: tell it of all that matches now."""

    async def unsubscribed(self, tenant: str, subscription_id: str) -> None:
        """A subscription was deleted: nothing more is sent for it."""

    async def counted(self, tenant: str) -> None:
        """Return once the store has all counts of notifications so far."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The request that makes others necessary: its Via header, its headers by lower-case name, and its @context.

    `context` is one that a Link header can name: names that it does not have travel as whole IRIs.
    """

    via: str | None
    headers: Mapping[bytes, bytes]
    context: ActiveContext


@dataclass(frozen=True, slots=True)
class Forward:
    """A request to a source: path below /ngsi-ld/v1 (percent-encoded), parameters, a JSON body if there is one.

    Names in parameters and body are those of `context`, which the body does not hold. `entity_map`: the id of the
    source's own entity map that it shall use (clause 5.5.14).
    """

    method: str
    path: str
    parameters: tuple[tuple[str, str], ...]
    context: ActiveContext
    body: Any = None
    entity_map: str | None = None


class Failure(StrEnum):
    """Why there is no answer, or none that could be read."""

    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a source said. `body` is its JSON, None where there is none; `link` the @context that its header names, and
    `entity_map` the id of the entity map that it used. `has_next`: it names a page that follows. `location` is the path
    or URL of what it made.

    Where it said nothing usable, `failure` tells why, and `status` is that of an answer that could not be read, or 0.
    """

    status: int
    body: Any = None
    link: str | None = None
    failure: Failure | None = None
    entity_map: str | None = None
    has_next: bool = False
    location: str | None = None

    @property
    def is_success(self) -> bool:
        """Whether the source did what it was asked."""
        return self.failure is None and 200 <= self.status < 300


class Forwarder(Protocol):
    """The way to context sources. Every request ends, in time and within bounds of size, with an answer."""

    async def send(self, registration: Registration, forward: Forward, origin: Origin, alias: str) -> Answer:
        """Ask the source of a registration in the name of the broker `alias`. Never raises."""

    def deadline(self, registration: Registration) -> float:
        """Seconds after which the source's answer is no longer waited for (clause 5.2.34)."""


@dataclass(frozen=True, slots=True)
class Federation:
    """The other brokers and sources, as far as this one knows them. `alias` is its own name among them.

    `splits_entities`: whether parts of one entity may be at several sources where a query does not say (4.3.6.7).
    `readings`: what sources sent lately, as entities."""

    alias: str
    registrations: SubscriptionRecords
    registry: Registry
    subscriptions: SubscriptionRecords
    notifier: RegistrationNotifier
    forwarder: Forwarder
    started_at: Instant
    splits_entities: bool = False
    relay: "Relay | None" = None
    readings: Readings = field(default_factory=Readings)

    def alias_of(self, tenant: str) -> str:
        """The Context Source alias of a tenant of this broker (clauses 4.3.6.4, 5.2.40)."""
        return f"{self.alias}.{tenant}" if tenant else self.alias
