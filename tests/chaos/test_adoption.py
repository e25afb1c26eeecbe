"""What dead brokers owed is adopted whole and in order, even if the database goes away in the middle of it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pymongo.errors import AutoReconnect

from broker.adapters.mongo.client import Databases, connect
from broker.adapters.mongo.outbox import MongoOutbox
from broker.adapters.mongo.presence import Presence
from broker.adapters.mongo.tenants import MongoTenants
from broker.core.model.change import Change, Trigger
from broker.core.model.entity import Entity
from broker.core.model.errors import Unavailable

_SUBSCRIPTION = "urn:ngsi-ld:Subscription:1"
_JOURNAL = {"w": 1, "j": True}


def change(number: int) -> Change:
    return Change(Trigger.ENTITY_CREATED, Entity(f"urn:ngsi-ld:T:{number}", ["https://example.org/T"], {}), number)


@pytest.fixture(name="databases")
async def empty_databases(mongo_url: str) -> AsyncIterator[Databases]:
    databases = Databases(connect(mongo_url))
    await databases.main["outbox"].delete_many({})
    yield databases
    await databases.main["outbox"].delete_many({})
    await databases.client.close()


def outbox(databases: Databases) -> MongoOutbox:
    """That of a broker process of its own, which is announced nowhere: to others it is dead."""
    return MongoOutbox(databases, Presence(databases), MongoTenants(databases))


async def owe(databases: Databases, *numbers: int) -> None:
    dead = outbox(databases)
    for number in numbers:
        await dead.add("", [(change(number), (_SUBSCRIPTION,))], _JOURNAL)


async def test_what_several_dead_brokers_owed_is_adopted_in_order_of_time(databases: Databases) -> None:
    for number in range(6):
        # Their names say nothing about which came first.
        await owe(databases, number)
    adopted = await outbox(databases).adopt_abandoned()
    assert [entry.change.at for entry in adopted] == list(range(6))


async def test_an_adoption_that_was_cut_short_is_finished_by_the_next(
    databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    await owe(databases, 1, 2)
    living = outbox(databases)
    claim = living._claim

    async def claim_and_lose_the_connection(*arguments: Any) -> None:
        await claim(*arguments)
        raise AutoReconnect("gone")

    monkeypatch.setattr(living, "_claim", claim_and_lose_the_connection)
    with pytest.raises(Unavailable):
        await living.adopt_abandoned()
    monkeypatch.undo()
    assert [entry.change.at for entry in await living.adopt_abandoned()] == [1, 2]
    assert await living.adopt_abandoned() == []


async def test_two_who_adopt_at_once_share_and_double_nothing(databases: Databases) -> None:
    await owe(databases, *range(20))
    first, second = outbox(databases), outbox(databases)
    # Each takes the other for living, as processes do that have seen each other.
    both = {first._owner, second._owner}
    first._presence.living = second._presence.living = both
    found = await asyncio.gather(first.adopt_abandoned(), second.adopt_abandoned())
    assert sorted(entry.change.at for entries in found for entry in entries) == list(range(20))
