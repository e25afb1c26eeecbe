"""What operations on registrations and distributed operations need from outside (clauses 4.3.6, 5.9 to 5.12).

`Federation` is one of the `Ports`. A broker that has none keeps no registrations and asks nobody.
"""

from dataclasses import dataclass
from typing import Protocol

from broker.core.federate.index import RegistrationIndex
from broker.core.federate.notification import RegistrationSubscription
from broker.core.federate.registration import Registration
from broker.core.model.instant import Instant
from broker.operations.notify import SubscriptionRecords


class Registry(Protocol):
    """The registrations in memory, kept in step with the store, and what became of requests to their sources."""

    def of(self, tenant: str) -> RegistrationIndex | None:
        """The tenant's registrations; None where there is not one, which costs a look-up."""

    async def refresh(self, tenant: str) -> None:
        """See what other broker processes did to the registrations."""

    def changed(self, tenant: str, registration_id: str, registration: Registration | None) -> None:
        """This process stored a new state of a registration; None: it was deleted."""

    def sent(self, tenant: str, registration_id: str) -> None:
        """A request is on its way to the source."""

    def answered(self, tenant: str, registration_id: str, *, well: bool) -> None:
        """The source answered as it should, or not."""

    async def counted(self, tenant: str) -> None:
        """Return once the store has what was counted so far."""


class RegistrationNotifier(Protocol):
    """Tells subscribers of registrations (clause 5.11.7)."""

    def subscribed(self, tenant: str, subscription: RegistrationSubscription) -> None:
        """A subscription was created or updated: tell it of all that matches now."""

    def unsubscribed(self, tenant: str, subscription_id: str) -> None:
        """A subscription was deleted: nothing more is sent for it."""

    async def counted(self, tenant: str) -> None:
        """Return once the store has all counts of notifications so far."""


@dataclass(frozen=True, slots=True)
class Federation:
    """The other brokers and sources, as far as this one knows them. `alias` is its own name among them."""

    alias: str
    registrations: SubscriptionRecords
    registry: Registry
    subscriptions: SubscriptionRecords
    notifier: RegistrationNotifier
    started_at: Instant

    def alias_of(self, tenant: str) -> str:
        """The Context Source alias of a tenant of this broker (clauses 4.3.6.4, 5.2.40)."""
        return f"{self.alias}.{tenant}" if tenant else self.alias
