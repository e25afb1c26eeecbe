"""The operations run on both stores: on dicts, and on a real MongoDB."""

from collections.abc import AsyncIterator

import pytest

from broker.adapters.mongo.client import Databases, connect
from broker.adapters.mongo.entities import MongoEntities
from broker.adapters.mongo.entity_maps import MongoEntityMaps
from broker.adapters.mongo.outbox import MongoOutbox
from broker.adapters.mongo.presence import Presence
from broker.adapters.mongo.tenants import MongoTenants
from tests.operations.fakes import Listener, SettableClock, World, in_memory, with_stores


@pytest.fixture(name="world", params=["memory", "mongo"])
async def _world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    if request.param == "memory":
        yield in_memory()
        return
    client = connect(request.getfixturevalue("mongo_url"))
    for name in await client.list_database_names():
        if name.startswith("eclor"):
            await client.drop_database(name)
    databases, clock, listener = Databases(client), SettableClock(), Listener()
    presence = Presence(databases)
    tenants = MongoTenants(databases)
    outbox = MongoOutbox(databases, presence, tenants)
    entities = MongoEntities(
        databases,
        outbox=outbox,
        notifier=listener,
        presence=presence,
        clock=clock,
        write_concern=await databases.write_concern(),
    )
    await tenants.ensure("")
    yield with_stores(entities, tenants, MongoEntityMaps(databases), clock, listener)
    await outbox.close()
    await entities.close()
    await client.close()
