"""A broker whose subscriptions are passed on, with stores in memory that outlive it."""

import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any, Self

from broker.adapters.memory.entities import MemoryEntities
from broker.adapters.memory.remote_subscriptions import MemoryRemoteSubscriptions
from broker.adapters.memory.stores import MemorySubscriptions
from broker.http.gateway import build
from broker.operations.distributed.remote_requests import SourceRequests
from broker.operations.distributed.subscriptions import Relay
from broker.operations.ports import OutboxEntry
from broker.workers.notifications import Notifications
from broker.workers.remote_copies import Surroundings
from broker.workers.remote_subscriptions import RemoteSubscriptionsWorker
from tests.federation.world import FederatedBroker
from tests.http.client import Client, healthy, memory_ports

ID = "urn:ngsi-ld:Subscription:1"


@dataclass
class Stores:
    """What a broker leaves behind when it ends."""

    subscriptions: MemorySubscriptions = field(default_factory=MemorySubscriptions)
    registrations: MemorySubscriptions = field(default_factory=MemorySubscriptions)
    remote: MemoryRemoteSubscriptions = field(default_factory=MemoryRemoteSubscriptions)


class Forgetful:
    """An outbox that keeps nothing."""

    def __init__(self) -> None:
        self._keys = itertools.count(1)

    def settle(self, key: str, subscription_id: str) -> None:
        pass

    async def pending(self, tenant: str, subscription_id: str, limit: int) -> list[OutboxEntry]:
        return []

    async def adopt_abandoned(self) -> AsyncIterator[list[OutboxEntry]]:
        yield []

    def entries(self, tenant: str, subscription_id: str, changes: Any) -> list[OutboxEntry]:
        return [OutboxEntry(f"told-{next(self._keys):06d}", tenant, each, (subscription_id,)) for each in changes]


class SubscribingBroker(FederatedBroker):
    """Serves over a socket, notifies, and passes subscriptions on."""

    def __init__(self, alias: str, stores: Stores | None = None, *, splits: bool = False) -> None:
        self.stores = stores or Stores()
        ports = memory_ports()
        federation = self._federation(ports, alias, self.stores.registrations, splits=splits)
        outbox = Forgetful()
        self.subscribers = Notifications(
            store=self.stores.subscriptions,
            outbox=outbox,
            loader=ports.loader,
            clock=ports.clock,
            sinks=self.sinks,
        )
        self.requests = SourceRequests(ports.loader, self.forwarder, self.registry, federation.alias_of, "")
        self.worker = RemoteSubscriptionsWorker(
            Surroundings(
                store=self.stores.remote,
                requests=self.requests,
                registry=self.registry,
                registrations=self.registrations,
                subscriptions=self.stores.subscriptions,
                find=self.subscribers.current,
                about=self.subscribers.about,
                alias_of=federation.alias_of,
                **self.common,
            )
        )
        self.registry.on_change = self.worker.registration_changed

        async def tell(tenant: str, subscription_id: str, changes: Any) -> None:
            self.subscribers.dispatch(outbox.entries(tenant, subscription_id, changes))

        relay = Relay(self.stores.remote, self.worker, self.subscribers.current, tell)
        ports = replace(
            ports,
            entities=MemoryEntities(ports.clock, self.subscribers),
            subscriptions=self.stores.subscriptions,
            notifier=self.subscribers,
            federation=replace(federation, relay=relay),
        )
        self.subscribers.attach(ports)
        Client.__init__(self, build(ports, health=healthy, public_url="http://127.0.0.1"), ports)

    async def start(self) -> Self:
        await self._serve()
        # Known only now: where sources reach this broker.
        object.__setattr__(self.requests, "public_url", self.endpoint)
        await self.subscribers.start([""])
        await self.registry.start()
        await self.notifications.start(self.registry)
        await self.worker.start()
        return self

    async def stop(self) -> None:
        await self.worker.close()
        await self.subscribers.close()
        await super().stop()

    async def register(self, endpoint: str, number: int = 1, **members: Any) -> Any:
        return await super().register(endpoint, number, **{"operations": ["federationOps"], **members})

    async def subscribe(self, receiver: Any, **members: Any) -> Any:
        notification = {**receiver.notification(), **members.pop("notification", {})}
        body = {"id": ID, "type": "Subscription", "entities": [{"type": "Sensor"}], "notification": notification}
        return await self.post("/subscriptions", {**body, **members})

    async def put_entity(self, number: int, **attributes: Any) -> None:
        values = {name: {"type": "Property", "value": value} for name, value in attributes.items()}
        body = [{"id": f"urn:ngsi-ld:Sensor:{number}", "type": "Sensor", **values}]
        assert (await self.post("/entityOperations/upsert?options=update", body)).status in (201, 204)

    async def known_subscriptions(self) -> list[Any]:
        return (await self.get("/subscriptions")).json
