"""The commit path on a real MongoDB: grouping, conflicts, refusals, what the outbox keeps."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from broker.adapters.clock import SystemClock
from broker.adapters.mongo.client import Client, Databases, connect
from broker.adapters.mongo.entities import MongoEntities
from broker.adapters.mongo.outbox import MongoOutbox
from broker.adapters.mongo.presence import Presence
from broker.adapters.mongo.tenants import MongoTenants
from broker.core.model.change import Change, Trigger
from broker.core.model.entity import Entity
from broker.core.model.errors import AlreadyExists, BadRequestData, NgsiLdError, ResourceNotFound
from broker.operations.ports import EntityWrite, OutboxEntry

NAME = "https://example.org/a.b/temperature"


@dataclass
class Listener:
    """A notification side that wants every change of entities whose id ends in one of `endings`."""

    endings: tuple[str, ...] = ()
    entries: list[OutboxEntry] = field(default_factory=list)

    def match(self, tenant: str, changes: Sequence[Change]) -> list[tuple[str, ...]]:
        return [("sub:1",) if each.entity.id.endswith(self.endings) else () for each in changes]

    async def refresh(self, tenant: str) -> bool:
        return False

    def dispatch(self, entries: Sequence[OutboxEntry]) -> None:
        self.entries += entries


@dataclass
class Broker:
    """What one broker process has of the store."""

    entities: MongoEntities
    outbox: MongoOutbox
    presence: Presence
    listener: Listener
    databases: Databases


class Brokers:
    """Several broker processes on one database."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.started: list[Broker] = []

    async def start(self, endings: tuple[str, ...] = ()) -> Broker:
        databases = Databases(self._client)
        presence, listener = Presence(databases), Listener(endings)
        tenants = MongoTenants(databases)
        outbox = MongoOutbox(databases, presence, tenants)
        entities = MongoEntities(
            databases,
            outbox=outbox,
            notifier=listener,
            presence=presence,
            clock=SystemClock(),
            write_concern=await databases.write_concern(),
        )
        await tenants.ensure("")
        broker = Broker(entities, outbox, presence, listener, databases)
        self.started.append(broker)
        for each in self.started:
            each.presence.living = {other.presence.token for other in self.started}
        return broker


@pytest.fixture
async def brokers(mongo_url: str) -> AsyncIterator[Brokers]:
    client = connect(mongo_url)
    for name in await client.list_database_names():
        if name.startswith("eclor"):
            await client.drop_database(name)
    yield (made := Brokers(client))
    for each in made.started:
        await each.outbox.close()
        await each.entities.close()
    await client.close()


@pytest.fixture
async def broker(brokers: Brokers) -> Broker:
    return await brokers.start()


def entity(entity_id: str, value: Any = 1, **attributes: Any) -> Entity:
    instances = {NAME: [{"type": "Property", "value": value, "createdAt": 1, "modifiedAt": 1}]}
    return Entity(entity_id, ["https://example.org/Room"], {**instances, **attributes}, None, 1, 1)


def creating(wanted: Entity) -> EntityWrite:
    def mutation(current: Entity | None) -> Change:
        if current is not None:
            raise AlreadyExists(wanted.id)
        return Change(Trigger.ENTITY_CREATED, wanted, 1, dict.fromkeys(wanted.attributes, Trigger.ATTRIBUTE_CREATED))

    return EntityWrite(wanted.id, mutation, creates=True)


def setting(entity_id: str, value: Any) -> EntityWrite:
    def mutation(current: Entity | None) -> Change:
        if current is None:
            raise ResourceNotFound(entity_id)
        instances = [{"type": "Property", "value": value, "createdAt": 1, "modifiedAt": 2}]
        after = current.with_(attributes={**current.attributes, NAME: instances}, modified_at=2)
        touched = {NAME: Trigger.ATTRIBUTE_UPDATED}
        return Change(Trigger.ENTITY_UPDATED, after, 2, touched, {NAME: current.attributes[NAME]}, current)

    return EntityWrite(entity_id, mutation)


def adding_one(entity_id: str) -> EntityWrite:
    def mutation(current: Entity | None) -> Change:
        assert current is not None
        return setting(entity_id, current.attributes[NAME][0]["value"] + 1).mutation(current)

    return EntityWrite(entity_id, mutation)


def deleting(entity_id: str) -> EntityWrite:
    def mutation(current: Entity | None) -> Change:
        if current is None:
            raise ResourceNotFound(entity_id)
        return Change(Trigger.ENTITY_DELETED, current.with_(deleted_at=3), 3, {}, {}, current)

    return EntityWrite(entity_id, mutation)


async def value_of(broker: Broker, entity_id: str) -> Any:
    stored = await broker.databases("")["entities"].find_one({"_id": entity_id})
    return stored and next(iter(stored["attributes"].values()))[0]["value"]


async def test_a_created_entity_is_in_the_database_when_the_answer_comes(broker: Broker) -> None:
    await broker.entities.write("", creating(entity("urn:a", 7)))
    assert await value_of(broker, "urn:a") == 7
    again = await broker.entities.get("", "urn:a")
    assert again is not None
    assert again.attributes[NAME][0]["value"] == 7


async def test_creating_twice_at_once_refuses_exactly_one(broker: Broker) -> None:
    writes = [broker.entities.write("", creating(entity("urn:a", i))) for i in range(2)]
    outcomes = await asyncio.gather(*writes, return_exceptions=True)
    assert sorted(type(each).__name__ for each in outcomes) == ["AlreadyExists", "Change"]
    assert await value_of(broker, "urn:a") == 0


async def test_creating_what_another_process_created_is_refused_and_changes_nothing(brokers: Brokers) -> None:
    first, second = await brokers.start(), await brokers.start()
    await first.entities.write("", creating(entity("urn:a", 1)))
    with pytest.raises(AlreadyExists):
        await second.entities.write("", creating(entity("urn:a", 2)))
    assert await value_of(first, "urn:a") == 1


async def test_concurrent_increments_of_one_entity_lose_none(broker: Broker) -> None:
    await broker.entities.write("", creating(entity("urn:a", 0)))
    await asyncio.gather(*(broker.entities.write("", adding_one("urn:a")) for _ in range(200)))
    assert await value_of(broker, "urn:a") == 200


async def test_concurrent_increments_from_three_processes_lose_none(brokers: Brokers) -> None:
    processes = [await brokers.start() for _ in range(3)]
    await processes[0].entities.write("", creating(entity("urn:a", 0)))
    writes = [each.entities.write("", adding_one("urn:a")) for each in processes for _ in range(50)]
    await asyncio.gather(*writes)
    assert await value_of(processes[0], "urn:a") == 150


async def test_a_refused_write_does_not_hurt_its_group(broker: Broker) -> None:
    writes = [creating(entity("urn:a")), setting("urn:missing", 1), creating(entity("urn:b"))]
    outcomes = await broker.entities.write_many("", writes)
    assert [type(each).__name__ for each in outcomes] == ["Change", "ResourceNotFound", "Change"]
    assert await broker.entities.get("", "urn:missing") is None


async def test_what_bson_cannot_hold_is_refused_alone(broker: Broker) -> None:
    too_big, bad_name = entity("urn:big", "x" * 17_000_000), entity("urn:nul", {"a\0b": 1})
    outcomes = await broker.entities.write_many("", [creating(too_big), creating(bad_name), creating(entity("urn:a"))])
    assert isinstance(outcomes[0], BadRequestData)
    assert isinstance(outcomes[1], BadRequestData)
    assert isinstance(outcomes[2], Change)


async def test_a_fault_in_one_mutation_reaches_its_caller_only(broker: Broker) -> None:
    outcomes = await broker.entities.write_many("", [EntityWrite("urn:x", lambda _: 1 / 0), creating(entity("urn:a"))])  # type: ignore[arg-type, return-value]  # the fault is the point
    assert isinstance(outcomes[0], NgsiLdError)
    assert isinstance(outcomes[1], Change)


async def test_deleted_means_gone_and_can_be_created_again(broker: Broker) -> None:
    await broker.entities.write_many("", [creating(entity("urn:a", 1)), deleting("urn:a")])
    assert await value_of(broker, "urn:a") is None
    await broker.entities.write("", creating(entity("urn:a", 2)))
    await broker.entities.write("", deleting("urn:a"))
    assert await broker.entities.get("", "urn:a") is None
    with pytest.raises(ResourceNotFound):
        await broker.entities.write("", deleting("urn:a"))


async def test_names_with_dots_and_dollars_come_back_as_they_were(broker: Broker) -> None:
    value = {"$set": {"a.b": 1}, "%24x": [{"$y": 2}], "plain": 3}
    await broker.entities.write("", creating(entity("urn:a", value)))
    fresh = (await broker.entities.get_many("", ["urn:a"]))["urn:a"]
    assert fresh.attributes[NAME][0]["value"] == value
    await broker.entities.write("", setting("urn:a", {"$z": 1}))
    assert (await broker.entities.get_many("", ["urn:a"]))["urn:a"].attributes[NAME][0]["value"] == {"$z": 1}


async def test_subscribed_changes_are_in_the_outbox_before_the_answer_and_gone_once_settled(brokers: Brokers) -> None:
    broker = await brokers.start(endings=("a",))
    await broker.entities.write_many("", [creating(entity("urn:a", 1)), creating(entity("urn:b", 1))])
    await broker.entities.write("", setting("urn:a", 5))
    assert [each.change.entity.id for each in broker.listener.entries] == ["urn:a", "urn:a"]
    assert await broker.databases("")["outbox"].count_documents({}) == 2
    for each in broker.listener.entries:
        broker.outbox.settle(each.key, "sub:1")
    await broker.outbox.close()
    assert await broker.databases("")["outbox"].count_documents({}) == 0


async def test_what_a_dead_process_did_not_deliver_is_adopted_whole_and_once(brokers: Brokers) -> None:
    dead = await brokers.start(endings=("a",))
    await dead.entities.write("", creating(entity("urn:a", {"$odd": 1})))
    await dead.entities.write("", setting("urn:a", 5))
    first, second = await brokers.start(), await brokers.start()
    for each in (first, second):
        each.presence.living = {first.presence.token, second.presence.token}
    looks = (first.outbox.adopt_abandoned(), second.outbox.adopt_abandoned())
    adopted = [each for look in looks async for part in look for each in part]
    assert [each.change.entity.attributes[NAME][0]["value"] for each in adopted] == [{"$odd": 1}, 5]
    assert adopted[1].change.previous[NAME][0]["value"] == {"$odd": 1}
    assert adopted[1].change.attributes == {NAME: Trigger.ATTRIBUTE_UPDATED}
    assert adopted[0].subscriptions == ("sub:1",)


async def test_fifty_first_writes_to_a_new_tenant_make_it_once(brokers: Brokers) -> None:
    broker = await brokers.start()
    tenants = MongoTenants(broker.databases)

    async def first_write(number: int) -> None:
        await tenants.ensure("Villerupt")
        await broker.entities.write("Villerupt", creating(entity(f"urn:{number}")))

    await asyncio.gather(*(first_write(number) for number in range(50)))
    assert await tenants.all() == ["", "Villerupt"]
    assert await broker.databases("Villerupt")["entities"].count_documents({}) == 50
    assert not await tenants.exists("villerupt")


def without(entity_id: str) -> EntityWrite:
    """A write that removes the attribute, and does nothing where there is none."""

    def mutation(current: Entity | None) -> Change:
        if current is None:
            raise ResourceNotFound(entity_id)
        if NAME not in current.attributes:
            return Change(Trigger.ENTITY_UPDATED, current, 3, {}, {}, current)
        after = current.with_(attributes={}, modified_at=3)
        touched = {NAME: Trigger.ATTRIBUTE_DELETED}
        return Change(Trigger.ENTITY_UPDATED, after, 3, touched, {NAME: current.attributes[NAME]}, current)

    return EntityWrite(entity_id, mutation)


async def test_what_a_process_remembers_does_not_make_a_write_needless_that_others_made_needed(
    brokers: Brokers,
) -> None:
    first, second = await brokers.start(), await brokers.start(("urn:e:1",))
    await first.entities.write("", creating(entity("urn:e:1")))
    await second.entities.write("", without("urn:e:1"))
    await first.entities.write("", without("urn:e:1"))
    again = entity("urn:e:1").attributes
    await first.entities.write(
        "",
        EntityWrite(
            "urn:e:1",
            lambda current: Change(
                Trigger.ENTITY_UPDATED,
                current.with_(attributes=again, modified_at=4),
                4,
                {NAME: Trigger.ATTRIBUTE_CREATED},
                {},
                current,
            ),
        ),
    )
    change = await second.entities.write("", without("urn:e:1"))
    assert change.attributes == {NAME: Trigger.ATTRIBUTE_DELETED}
    assert (await second.entities.get("", "urn:e:1")).attributes == {}
    assert len(second.listener.entries) == 2
