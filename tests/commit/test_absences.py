"""Ids looked for in vain: never taken for absent when an entity may have come (clause 4.5.5)."""

import random
from typing import Any

import pytest
from test_commit import Brokers, brokers, creating, deleting, entity

from broker.adapters.mongo import absences as absences_module
from broker.adapters.mongo import entities as entities_module
from broker.adapters.mongo.absences import LONGEST, Absences

__all__ = ["brokers"]

IDS = ["urn:1", "urn:2", "urn:3"]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The ids that MongoDB was asked for."""
    seen: list[list[str]] = []
    load = entities_module.load

    async def noted(database: Any, entity_ids: list[str]) -> Any:
        seen.append(entity_ids)
        return await load(database, entity_ids)

    monkeypatch.setattr(entities_module, "load", noted)
    return seen


async def many(of: Any) -> list[str]:
    return sorted(await of.entities.get_many("", IDS))


async def test_4_5_5_what_is_absent_is_looked_for_once(brokers: Brokers, asked: list[list[str]]) -> None:
    broker = await brokers.start()
    await broker.entities.write("", creating(entity("urn:2")))
    assert await many(broker) == ["urn:2"]
    assert await many(broker) == ["urn:2"]
    assert asked == [IDS, ["urn:2"]]
    await broker.entities.write("", deleting("urn:2"))
    assert await many(broker) == await many(broker) == []
    assert asked[2:] == [IDS]


async def test_4_5_5_what_was_created_since_is_found(brokers: Brokers, asked: list[list[str]]) -> None:
    broker = await brokers.start()
    assert await many(broker) == []
    await broker.entities.write("", creating(entity("urn:3")))
    assert await many(broker) == ["urn:3"]
    assert len(asked) == 2


async def test_4_5_5_what_another_process_created_is_found(brokers: Brokers) -> None:
    first = await brokers.start()
    assert await many(first) == []
    second = await brokers.start()
    assert await many(first) == []
    await second.entities.write("", creating(entity("urn:1")))
    assert await many(first) == ["urn:1"]
    await second.entities.write("", creating(entity("urn:2")))
    first.presence.living = {first.presence.token}
    assert await many(first) == ["urn:1", "urn:2"]


async def test_4_5_5_whatever_is_written_between_all_that_is_stored_is_found(brokers: Brokers) -> None:
    broker, chance = await brokers.start(), random.Random(7)
    stored: set[str] = set()
    for _ in range(200):
        if chance.random() < 0.3:
            entity_id = chance.choice(IDS)
            await broker.entities.write_many("", [creating(entity(entity_id))])
            stored.add(entity_id)
        elif chance.random() < 0.3:
            entity_id = chance.choice(IDS)
            await broker.entities.write_many("", [deleting(entity_id)])
            stored.discard(entity_id)
        assert await many(broker) == sorted(stored)


class World:
    state: int | None = 1
    now = 0.0

    def absences(self) -> Absences:
        return Absences(lambda: self.state, lambda: self.now)


def test_nothing_is_learned_by_a_reading_during_which_something_came() -> None:
    world = World()
    absences = world.absences()
    began = absences.begin()
    world.state = 2
    absences.learn(IDS, began)
    assert absences.uncertain(IDS) == IDS
    world.state = 1
    assert absences.uncertain(IDS) == IDS


def test_nothing_is_certain_while_a_group_is_under_way() -> None:
    world = World()
    absences = world.absences()
    absences.learn(IDS, absences.begin())
    assert absences.uncertain(IDS) == []
    world.state = None
    assert absences.uncertain(IDS) == IDS
    absences.learn(IDS, absences.begin())
    assert absences.uncertain(IDS) == IDS


def test_what_is_known_is_looked_up_again_after_a_while() -> None:
    world = World()
    absences = world.absences()
    absences.learn(IDS[:2], absences.begin())
    world.now = LONGEST - 1
    absences.learn(IDS[2:], absences.begin())
    assert absences.uncertain(IDS) == []
    world.now = LONGEST
    assert absences.uncertain(IDS) == IDS


def test_no_more_is_remembered_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(absences_module, "MOST", 2)
    absences = World().absences()
    absences.learn(IDS, absences.begin())
    assert absences.uncertain(IDS) == ["urn:3"]
    absences.learn(["urn:3"], absences.begin())
    assert absences.uncertain(IDS) == ["urn:1", "urn:2"]
