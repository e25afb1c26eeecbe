"""Types and attributes in use, told by witnesses (clauses 5.7.5 to 5.7.10), are those of the entities there are."""

import random
from typing import Any

from test_commit import Broker, Brokers, broker, brokers, creating, deleting

from broker.adapters.mongo.uses import Uses
from broker.core.model.change import Change, Trigger
from broker.core.model.entity import Entity
from broker.core.model.errors import NgsiLdError
from broker.operations.ports import EntityWrite

__all__ = ["broker", "brokers"]

T, U = "https://example.org/a.b/T", "https://example.org/U"
KINDS = {"Property": "value", "Relationship": "object"}
FAR = 4_000_000_000_000_000


def entity(number: int, *types: str, expires_at: int | None = None, **kinds: str) -> Entity:
    attributes: dict[str, list[dict[str, Any]]] = {
        f"https://example.org/{name}": [{"type": kind, KINDS[kind]: "urn:x:1"}] for name, kind in kinds.items()
    }
    return Entity(f"urn:e:{number}", list(types or (T,)), attributes, None, 1, 1, expires_at)


def replacing(wanted: Entity) -> EntityWrite:
    def mutation(current: Entity | None) -> Change:
        return Change(Trigger.ENTITY_UPDATED, wanted, 2, dict.fromkeys(wanted.attributes, Trigger.ATTRIBUTE_UPDATED))

    return EntityWrite(wanted.id, mutation)


def expected(entities: dict[str, Entity]) -> dict[str, dict[str, set[str]]]:
    found: dict[str, dict[str, set[str]]] = {}
    for each in entities.values():
        for name in each.types:
            of_type = found.setdefault(name, {})
            for attribute, instances in each.attributes.items():
                of_type.setdefault(attribute, set()).update(one["type"] for one in instances)
    return found


async def test_what_the_last_entity_with_it_takes_away_is_gone_and_comes_back(broker: Broker) -> None:
    store = broker.entities
    await store.write_many("", [creating(entity(1, T, a="Property")), creating(entity(2, T, b="Relationship"))])
    attribute = "https://example.org/{}".format
    assert await store.count_types("") == {T: {attribute("a"): {"Property"}, attribute("b"): {"Relationship"}}}
    await store.write("", deleting("urn:e:2"))
    assert await store.count_types("") == {T: {attribute("a"): {"Property"}}}
    await store.write("", creating(entity(3, T, b="Property")))
    await store.write("", creating(entity(2, T, b="Relationship")))
    assert (await store.count_types(""))[T][attribute("b")] == {"Property", "Relationship"}


async def test_an_expired_witness_is_none(broker: Broker) -> None:
    await broker.entities.write("", creating(entity(1, T, a="Property", expires_at=5)))
    await broker.entities.write("", creating(entity(2, U, a="Property", expires_at=FAR)))
    assert await broker.entities.count_types("") == {U: {"https://example.org/a": {"Property"}}}


async def test_entities_older_than_the_uses_are_accounted_for(brokers: Brokers) -> None:
    first = await brokers.start()
    await first.entities.write_many("", [creating(entity(1, T, U, a="Property")), creating(entity(2, U))])
    database = first.databases("")
    assert await database["meta"].find_one({"_id": "uses"}) is not None
    await database["uses"].delete_many({})
    await database["meta"].delete_one({"_id": "uses"})
    later = await brokers.start()
    await later.entities.write("", creating(entity(3, T)))
    assert await database["meta"].find_one({"_id": "uses"}) is None
    kinds = {"https://example.org/a": {"Property"}}
    assert await later.entities.count_types("") == {T: kinds, U: kinds}
    assert await database["meta"].find_one({"_id": "uses"}) is not None


async def test_it_is_exact_whatever_several_brokers_write(brokers: Brokers) -> None:
    chance = random.Random(7)
    started = [await brokers.start()]
    entities: dict[str, Entity] = {}
    for step in range(240):
        if step == 120:
            started.append(await brokers.start())
        store = chance.choice(started).entities
        number = chance.randrange(6)
        names = {name: chance.choice(list(KINDS)) for name in chance.sample("abcd", chance.randrange(3))}
        wanted = entity(number, *chance.choice([(T,), (U,), (T, U)]), **names)
        if wanted.id not in entities:
            write = creating(wanted)
            entities[wanted.id] = wanted
        elif chance.random() < 0.6:
            write = deleting(wanted.id)
            del entities[wanted.id]
        else:
            write = replacing(wanted)
            entities[wanted.id] = wanted
        outcome = (await store.write_many("", [write]))[0]
        assert not isinstance(outcome, NgsiLdError)
        if step % 3 == 0:
            assert await chance.choice(started).entities.count_types("") == expected(entities), step


async def test_what_was_seen_costs_a_write_nothing_more(broker: Broker) -> None:
    uses = Uses(broker.databases(""), lambda: True)
    first, again = entity(1, T, a="Property"), entity(2, T, a="Property")
    unseen = uses.unseen([first, again])
    assert set(unseen.values()) <= {"urn:e:1", "urn:e:2"}
    await uses.keep(unseen)
    assert not uses.unseen([first, again])
    assert uses.unseen([entity(3, T, a="Relationship")]) == {
        (T, "https://example.org/a", "Relationship"): "urn:e:3",
    }
