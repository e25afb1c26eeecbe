"""Composition of what concerns other brokers and context sources: part of the composition root `broker.app`."""

from broker.adapters.delivery.http import HttpSink
from broker.adapters.delivery.mqtt import MqttSink
from broker.adapters.forwarding.http import HttpForwarder
from broker.adapters.mongo.client import Databases
from broker.adapters.mongo.subscriptions import MongoSubscriptions
from broker.adapters.mongo.tenants import MongoTenants
from broker.operations.federation import Federation
from broker.operations.ports import Clock, ContextLoader
from broker.workers.registration_notifications import RegistrationNotifications
from broker.workers.registry import Registrations


class FederationSide:
    """Registrations, who is told of them, and what asks their sources. `ports` is what operations need of it."""

    def __init__(
        self, alias: str, databases: Databases, tenants: MongoTenants, loader: ContextLoader, clock: Clock
    ) -> None:
        registrations = MongoSubscriptions(databases, "registrations", "registration")
        subscriptions = MongoSubscriptions(databases, "registrationSubscriptions", "registration subscription")
        http, mqtt = HttpSink(), MqttSink()
        self._sinks = (http, mqtt)
        self._notifications = RegistrationNotifications(
            store=subscriptions,
            tenants=tenants,
            loader=loader,
            clock=clock,
            sinks={"http": http, "https": http, "mqtt": mqtt, "mqtts": mqtt},
        )
        self._registry = Registrations(
            store=registrations, tenants=tenants, loader=loader, clock=clock, notifications=self._notifications
        )
        self._forwarder = HttpForwarder()
        self.ports = Federation(
            alias=alias,
            registrations=registrations,
            registry=self._registry,
            subscriptions=subscriptions,
            notifier=self._notifications,
            forwarder=self._forwarder,
            started_at=clock.now(),
        )

    async def start(self) -> None:
        """Load registrations and the subscriptions to them."""
        await self._registry.start()
        await self._notifications.start(self._registry)

    async def close(self) -> None:
        """End what runs; counts are written."""
        await self._registry.close()
        await self._notifications.close()
        await self._forwarder.close()
        for sink in self._sinks:
            await sink.close()
