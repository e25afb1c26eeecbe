"""Pages that begin where the one before ended: never another answer than counting from the beginning would give."""

import random
from typing import Any

import pytest
from test_commit import NAME, Brokers, brokers, creating, deleting, entity, setting

from broker.adapters.mongo.bookmarks import Bookmarks
from broker.adapters.mongo.find import find
from broker.core.ql.ast import EntityQuery, EntitySelector, PageRequest
from broker.core.ql.q import parse_q

__all__ = ["brokers"]

ALL = EntityQuery((EntitySelector(id_pattern="^urn:.*"),))
POSITIVE = EntityQuery(q=parse_q("x>=1", lambda _: NAME))


async def ids(of: Any, query: EntityQuery, offset: int, limit: int = 3) -> list[str]:
    return [each.id for each in (await of.entities.find("", query, PageRequest(limit, offset))).entities]


@pytest.fixture
def skipped(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids from which pages began without counting."""
    begun: list[str] = []
    before = Bookmarks.before

    def noted(self: Bookmarks, query: EntityQuery, offset: int) -> str | None:
        found = before(self, query, offset)
        if found is not None:
            begun.append(found)
        return found

    monkeypatch.setattr(Bookmarks, "before", noted)
    return begun


async def test_6_3_10_the_next_page_begins_behind_the_one_before(brokers: Brokers, skipped: list[str]) -> None:
    broker = await brokers.start()
    await broker.entities.write_many("", [creating(entity(f"urn:{each}", each)) for each in range(8)])
    pages = [await ids(broker, ALL, offset) for offset in (0, 3, 6)]
    assert pages == [["urn:0", "urn:1", "urn:2"], ["urn:3", "urn:4", "urn:5"], ["urn:6", "urn:7"]]
    assert skipped == ["urn:2", "urn:5"]


async def test_6_3_10_a_value_that_changed_moves_no_page_of_all_but_those_of_a_q(
    brokers: Brokers, skipped: list[str]
) -> None:
    broker = await brokers.start()
    await broker.entities.write_many("", [creating(entity(f"urn:{each}", 1)) for each in range(8)])
    await ids(broker, ALL, 0)
    await ids(broker, POSITIVE, 0)
    await broker.entities.write("", setting("urn:1", 0))
    assert await ids(broker, POSITIVE, 3) == ["urn:4", "urn:5", "urn:6"]
    assert not skipped
    assert await ids(broker, ALL, 3) == ["urn:3", "urn:4", "urn:5"]
    assert skipped == ["urn:2"]


async def test_6_3_10_an_entity_that_came_or_went_moves_the_pages(brokers: Brokers, skipped: list[str]) -> None:
    broker = await brokers.start()
    await broker.entities.write_many("", [creating(entity(f"urn:{each}", 1)) for each in range(2, 9)])
    await ids(broker, ALL, 0)
    await broker.entities.write("", creating(entity("urn:1", 1)))
    assert await ids(broker, ALL, 3) == ["urn:4", "urn:5", "urn:6"]
    await broker.entities.write("", deleting("urn:1"))
    assert await ids(broker, ALL, 6) == ["urn:8"]
    assert not skipped


async def test_6_3_10_pages_are_counted_while_another_process_writes(brokers: Brokers, skipped: list[str]) -> None:
    first, second = await brokers.start(), await brokers.start()
    await first.entities.write_many("", [creating(entity(f"urn:{each}", 1)) for each in range(2, 9)])
    await ids(first, ALL, 0)
    await second.entities.write("", creating(entity("urn:1", 1)))
    assert await ids(first, ALL, 3) == ["urn:4", "urn:5", "urn:6"]
    assert not skipped


async def test_6_3_10_pages_are_counted_after_another_process_wrote_and_went(
    brokers: Brokers, skipped: list[str]
) -> None:
    first = await brokers.start()
    await first.entities.write_many("", [creating(entity(f"urn:{each}", 1)) for each in range(2, 9)])
    await ids(first, ALL, 0)
    second = await brokers.start()
    await second.entities.write("", creating(entity("urn:1", 1)))
    first.presence.living = {first.presence.token}
    assert await ids(first, ALL, 3) == ["urn:4", "urn:5", "urn:6"]
    assert not skipped


async def test_6_3_10_pages_agree_with_counting_whatever_is_written_between(brokers: Brokers) -> None:
    broker, chance = await brokers.start(), random.Random(7)
    await broker.entities.write_many("", [creating(entity(f"urn:{each:02}", each % 2)) for each in range(0, 40, 2)])
    collection = broker.entities._databases("")["entities"]
    for _ in range(400):
        entity_id = f"urn:{chance.randrange(40):02}"
        write = chance.choice(
            (creating(entity(entity_id, 1)), setting(entity_id, chance.randrange(2)), deleting(entity_id))
        )
        if chance.random() < 0.2:
            await broker.entities.write_many("", [write])
        query, offset = chance.choice((ALL, POSITIVE)), chance.randrange(0, 21, 3)
        counted = await find(collection, query, PageRequest(3, offset), broker.entities._clock.now())
        assert await ids(broker, query, offset) == [each.id for each in counted.entities]
