"""Queries answered from memory: only what the database still has at that version."""

import asyncio

from test_commit import NAME, Brokers, brokers, creating, deleting, entity, setting

from broker.adapters.mongo.documents import escape
from broker.core.ql.ast import EntityQuery, EntitySelector, PageRequest

__all__ = ["brokers"]

PAGE = PageRequest(limit=10)
ALL = EntityQuery((EntitySelector(id_pattern="^urn:.*"),))


async def values(of, page: PageRequest = PAGE) -> list:
    found = (await of.entities.find("", ALL, page)).entities
    return [each.attributes[NAME][0]["value"] for each in found]


async def test_a_query_that_is_answered_from_memory_sees_what_another_process_wrote(brokers: Brokers) -> None:
    first, second = await brokers.start(), await brokers.start()
    await first.entities.write_many("", [creating(entity(f"urn:{each}", each)) for each in range(4)])
    assert await values(first) == await values(first) == [0, 1, 2, 3]
    await second.entities.write("", setting("urn:2", 20))
    await second.entities.write("", deleting("urn:3"))
    assert await values(first) == [0, 1, 20]


async def test_what_was_read_while_it_changed_is_not_remembered_in_place_of_the_change(brokers: Brokers) -> None:
    broker = await brokers.start()
    await broker.entities.write("", creating(entity("urn:0", 0)))
    for number in range(1, 30):
        write, read = broker.entities.write("", setting("urn:0", number)), values(broker)
        await asyncio.gather(write, read)
        assert await values(broker) == [number]
        again = await broker.entities.get("", "urn:0")
        assert again is not None
        assert again.attributes[NAME][0]["value"] == number


async def test_more_entities_than_are_remembered_are_all_found(brokers: Brokers) -> None:
    broker = await brokers.start()
    broker.entities._of("").cache._capacity = 2
    await broker.entities.write_many("", [creating(entity(f"urn:{each}", each)) for each in range(5)])
    for _ in range(3):
        assert await values(broker) == [0, 1, 2, 3, 4]
        assert await values(broker, PageRequest(limit=2, offset=3)) == [3, 4]


async def test_alone_again_it_does_not_answer_from_what_it_remembered_before_others_wrote(brokers: Brokers) -> None:
    first, second = await brokers.start(), await brokers.start()
    await first.entities.write("", creating(entity("urn:0", 1)))
    await second.entities.write("", setting("urn:0", 2))
    first.presence.living = {first.presence.token}
    found = await first.entities.get("", "urn:0")
    assert found is not None
    assert found.attributes[NAME][0]["value"] == 2


async def test_what_changes_between_finding_and_reading_has_to_satisfy_the_query_still(brokers: Brokers) -> None:
    broker = await brokers.start()
    await broker.entities.write_many("", [creating(entity(f"urn:{each}", each)) for each in range(3)])
    collection = broker.databases("")["entities"]
    found = await collection.find({}, {"version": 1}, sort=[("_id", 1)]).to_list()
    recall = broker.entities._of("").recall
    for number in range(3):
        await broker.entities.write("", setting(f"urn:{number}", number + 10))
    broker.entities._of("").cache.clear()
    below = {f"attributes.{escape(NAME)}.value": {"$lt": 12}}
    entities = await recall.entities(collection, below, found, None)
    assert [each.attributes[NAME][0]["value"] for each in entities] == [10, 11]
