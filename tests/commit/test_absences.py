"""Ids looked for in vain: never taken for absent when an entity may have come (clause 4.5.5)."""

import random
from typing import Any

import pytest
from test_commit import NAME, Brokers, brokers, creating, deleting, entity, setting

from broker.adapters.mongo import absences as absences_module
from broker.adapters.mongo import entities as entities_module
from broker.adapters.mongo.absences import LONGEST, Absences
from broker.core.ql.ast import EntityQuery, EntitySelector, PageRequest
from broker.core.ql.q import parse_q

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
        assert await many(broker) == await page(broker) == sorted(stored)


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch) -> list[EntityQuery]:
    """The queries put to MongoDB."""
    seen: list[EntityQuery] = []
    find = entities_module.find

    async def noted(collection: Any, query: EntityQuery, *rest: Any) -> Any:
        seen.append(query)
        return await find(collection, query, *rest)

    monkeypatch.setattr(entities_module, "find", noted)
    return seen


OF_IDS = EntityQuery((EntitySelector(ids=tuple(IDS)),))
FIRST = PageRequest(10, 0)


async def page(of: Any, query: EntityQuery = OF_IDS, wanted: PageRequest = FIRST) -> list[str]:
    return [each.id for each in (await of.entities.find("", query, wanted)).entities]


async def test_5_7_2_what_a_query_found_nothing_of_is_looked_for_once(brokers: Brokers, searched: list[Any]) -> None:
    broker = await brokers.start()
    assert await page(broker) == await page(broker) == []
    assert (await broker.entities.find("", OF_IDS, PageRequest(1, 0, count=True))).total == 0
    assert len(searched) == 1
    await broker.entities.write("", creating(entity("urn:2")))
    assert await page(broker) == await page(broker) == ["urn:2"]
    assert len(searched) == 3


async def test_5_7_2_what_values_decide_is_always_looked_for(brokers: Brokers) -> None:
    broker = await brokers.start()
    await broker.entities.write("", creating(entity("urn:1", 1)))
    query = EntityQuery(OF_IDS.selectors, q=parse_q("x>=2", lambda _: NAME))
    assert await page(broker, query) == []
    await broker.entities.write("", setting("urn:1", 2))
    assert await page(broker, query) == ["urn:1"]


@pytest.mark.parametrize("wanted", [PageRequest(0, 0, count=True), PageRequest(10, 5)])
async def test_5_7_2_a_page_without_entities_says_nothing_of_the_others(brokers: Brokers, wanted: PageRequest) -> None:
    broker = await brokers.start()
    await broker.entities.write("", creating(entity("urn:1")))
    assert await page(broker, wanted=wanted) == []
    assert await page(broker) == ["urn:1"]


async def test_5_7_2_what_another_process_created_is_found_where_nothing_was(brokers: Brokers) -> None:
    first = await brokers.start()
    assert await page(first) == []
    second = await brokers.start()
    await second.entities.write("", creating(entity("urn:1")))
    assert await page(first) == ["urn:1"]


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
