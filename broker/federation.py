"""Composition of what concerns other brokers and context sources: part of the composition root `broker.app`."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from broker.adapters.mongo.client import Databases
from broker.adapters.mongo.outbox import MongoOutbox
from broker.adapters.mongo.presence import Presence
from broker.adapters.mongo.registration_outbox import MongoRegistrationOutbox
from broker.adapters.mongo.remote_subscriptions import MongoRemoteSubscriptions
from broker.adapters.mongo.subscriptions import MongoSubscriptions
from broker.adapters.mongo.tenants import MongoTenants
from broker.core.model.change import Change
from broker.membership import MembershipSide
from broker.operations.distributed.remote_requests import SourceRequests
from broker.operations.distributed.subscriptions import Relay
from broker.operations.federation import Federation
from broker.operations.notify import Sink
from broker.operations.ports import Clock, ContextLoader
from broker.settings import Settings
from broker.workers.notifications import Notifications
from broker.workers.registration_notifications import RegistrationNotifications
from broker.workers.registry import Registrations
from broker.workers.remote_copies import Surroundings
from broker.workers.remote_subscriptions import RemoteSubscriptionsWorker

_KEPT_AT_ONCE = 100
"""Changes told by a source that are stored in one document, of which MongoDB takes 16 MB."""


class FederationSide:
    """Registrations, who is told of them, and what asks their sources. `ports` is what operations need of it."""

    def __init__(
        self,
        settings: Settings,
        databases: Databases,
        *,
        tenants: MongoTenants,
        loader: ContextLoader,
        clock: Clock,
        sinks: Mapping[str, Sink],
        presence: Presence,
        membership: MembershipSide,
    ) -> None:
        self._settings, self._databases = settings, databases
        self._tenants, self._loader, self._clock = tenants, loader, clock
        self._remote: RemoteSubscriptionsWorker | None = None
        self._forwarder, self._sealing = membership.forwarder, membership.sealing
        registrations = self._records("registrations", "registration")
        watchers = self._records("registrationSubscriptions", "registration subscription")
        self._notifications = RegistrationNotifications(
            store=watchers,
            tenants=tenants,
            loader=loader,
            clock=clock,
            sinks=sinks,
            outbox=MongoRegistrationOutbox(databases, presence, self._sealing),
            is_shared=lambda: presence.shared,
        )
        self._registry = Registrations(
            store=registrations,
            tenants=tenants,
            loader=loader,
            clock=clock,
            notifications=self._notifications,
            is_shared=lambda: presence.shared,
        )
        self.ports = Federation(
            alias=settings.alias,
            registrations=registrations,
            registry=self._registry,
            subscriptions=watchers,
            notifier=self._notifications,
            forwarder=self._forwarder,
            started_at=clock.now(),
            splits_entities=settings.split_entities,
        )

    def _records(self, collection: str, noun: str) -> MongoSubscriptions:
        return MongoSubscriptions(self._databases, collection, noun, self._sealing)

    def pass_subscriptions_on(
        self, subscriptions: MongoSubscriptions, outbox: MongoOutbox, subscribers: Notifications
    ) -> None:
        """Have sources told of subscriptions; what they tell goes the way of this broker's own notifications."""
        store = MongoRemoteSubscriptions(self._databases, self._sealing)
        requests = SourceRequests(
            self._loader, self._forwarder, self._registry, self.ports.alias_of, self._settings.public_url
        )
        self._remote = RemoteSubscriptionsWorker(
            Surroundings(
                store=store,
                requests=requests,
                registry=self._registry,
                registrations=self.ports.registrations,
                subscriptions=subscriptions,
                tenants=self._tenants,
                loader=self._loader,
                clock=self._clock,
                find=subscribers.current,
                about=subscribers.about,
                alias_of=self.ports.alias_of,
            )
        )
        self._registry.on_change = self._remote.registration_changed

        async def tell(tenant: str, subscription_id: str, changes: Sequence[Change]) -> None:
            for start in range(0, len(changes), _KEPT_AT_ONCE):
                part = [(each, (subscription_id,)) for each in changes[start : start + _KEPT_AT_ONCE]]
                subscribers.dispatch(await outbox.keep(tenant, part))

        self.ports = replace(self.ports, relay=Relay(store, self._remote, subscribers.current, tell))

    async def start(self) -> None:
        """Load registrations and the subscriptions to them."""
        await self._registry.start()
        await self._notifications.start(self._registry)
        if self._remote is not None:
            await self._remote.start()

    async def close(self) -> None:
        """End what runs; counts are written. The sinks are for their owner to close."""
        if self._remote is not None:
            await self._remote.close()
        await self._registry.close()
        await self._notifications.close()
        await self._forwarder.close()
