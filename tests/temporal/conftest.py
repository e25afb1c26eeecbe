"""The store of entities with its history, and the whole HTTP side over it, on a real MongoDB."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest

from broker.adapters.clock import SystemClock
from broker.adapters.mongo.client import Database, Databases, connect
from broker.adapters.mongo.entities import MongoEntities
from broker.adapters.mongo.history import MongoHistory
from broker.adapters.mongo.outbox import MongoOutbox
from broker.adapters.mongo.presence import Presence
from broker.adapters.mongo.tenants import MongoTenants
from broker.core.temporal.policy import parse_history
from broker.http.gateway import build
from broker.operations.ports import Ports
from tests.http.client import PUBLIC_URL, Client, Deaf, healthy, memory_ports


@dataclass
class World:
    """One broker process's stores, and a client of its HTTP side."""

    ports: Ports
    databases: Databases
    history: MongoHistory
    client: Client

    @property
    def database(self) -> Database:
        return self.databases("")


@pytest.fixture
async def world(mongo_url: str, request: pytest.FixtureRequest) -> AsyncIterator[World]:
    """`indirect` parameters are the setting of `--history`."""
    driver = connect(mongo_url)
    for name in await driver.list_database_names():
        if name.startswith("eclor"):
            await driver.drop_database(name)
    databases = Databases(driver)
    concern = await databases.write_concern()
    presence, tenants = Presence(databases), MongoTenants(databases)
    outbox = MongoOutbox(databases, presence, tenants)
    entities = MongoEntities(
        databases,
        outbox=outbox,
        notifier=Deaf(),
        presence=presence,
        clock=SystemClock(),
        write_concern=concern,
        history=parse_history(getattr(request, "param", "on")),
    )
    history = MongoHistory(databases, concern)
    await tenants.ensure("")
    ports = replace(memory_ports(), entities=entities, tenants=tenants, history=history, temporal_page=10)
    yield World(ports, databases, history, Client(build(ports, health=healthy, public_url=PUBLIC_URL), ports))
    await outbox.close()
    await entities.close()
    await driver.close()


@pytest.fixture
def client(world: World) -> Client:
    return world.client
