"""Composition of what concerns other brokers and context sources: part of the composition root `broker.app`."""

import ssl
from collections.abc import Callable, Mapping

from broker.adapters.forwarding.http import HttpForwarder
from broker.adapters.mongo.client import Databases
from broker.adapters.mongo.subscriptions import MongoSubscriptions
from broker.adapters.mongo.tenants import MongoTenants
from broker.operations.federation import Federation
from broker.operations.notify import Sink
from broker.operations.ports import Clock, ContextLoader
from broker.settings import Settings
from broker.workers.registration_notifications import RegistrationNotifications
from broker.workers.registry import Registrations


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
        tls: ssl.SSLContext | None,
        is_shared: Callable[[], bool],
    ) -> None:
        registrations = MongoSubscriptions(databases, "registrations", "registration")
        subscriptions = MongoSubscriptions(databases, "registrationSubscriptions", "registration subscription")
        self._notifications = RegistrationNotifications(
            store=subscriptions,
            tenants=tenants,
            loader=loader,
            clock=clock,
            sinks=sinks,
            is_shared=is_shared,
        )
        self._registry = Registrations(
            store=registrations,
            tenants=tenants,
            loader=loader,
            clock=clock,
            notifications=self._notifications,
            is_shared=is_shared,
        )
        self._forwarder = HttpForwarder(tls=tls)
        self.ports = Federation(
            alias=settings.alias,
            registrations=registrations,
            registry=self._registry,
            subscriptions=subscriptions,
            notifier=self._notifications,
            forwarder=self._forwarder,
            started_at=clock.now(),
            splits_entities=settings.split_entities,
        )

    async def start(self) -> None:
        """Load registrations and the subscriptions to them."""
        await self._registry.start()
        await self._notifications.start(self._registry)

    async def close(self) -> None:
        """End what runs; counts are written. The sinks are for their owner to close."""
        await self._registry.close()
        await self._notifications.close()
        await self._forwarder.close()
