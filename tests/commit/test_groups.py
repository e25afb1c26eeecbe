"""Groups of writes side by side: what a batch and what several processes ask for at once is done once, and in order."""

import asyncio
from typing import Any

import pytest
from test_commit import (
    NAME,
    Broker,
    Brokers,
    adding_one,
    broker,
    brokers,
    creating,
    deleting,
    entity,
    setting,
    value_of,
)

from broker.core.model.change import Change
from broker.core.model.errors import ResourceNotFound

__all__ = ["broker", "brokers"]


class Watched:
    """Which groups of a committer are on their way at the same time."""

    def __init__(self, committer: Any) -> None:
        self._commit_group = committer._commit_group
        self._ids: list[set[str]] = []
        self.at_once: list[int] = []
        committer._commit_group = self

    async def __call__(self, pendings: list[Any]) -> None:
        ids = {each.write.entity_id for each in pendings}
        assert all(ids.isdisjoint(other) for other in self._ids)
        self._ids.append(ids)
        self.at_once.append(len(self._ids))
        await self._commit_group(pendings)
        self._ids.remove(ids)


def watched(broker: Broker) -> Watched:
    return Watched(broker.entities._of("").committer)


async def test_a_batch_goes_in_groups_side_by_side_and_never_more_than_three(broker: Broker) -> None:
    seen = watched(broker)
    outcomes = await broker.entities.write_many("", [creating(entity(f"urn:{n}", n)) for n in range(5_500)])
    assert [each.entity.id for each in outcomes if isinstance(each, Change)] == [f"urn:{n}" for n in range(5_500)]
    assert max(seen.at_once) == 3
    assert await broker.databases("")["entities"].count_documents({}) == 5_500
    assert broker.entities._of("").committer.is_idle


async def test_writes_of_single_callers_share_a_group_instead_of_going_side_by_side(broker: Broker) -> None:
    seen = watched(broker)
    await asyncio.gather(*(broker.entities.write("", creating(entity(f"urn:{n}", n))) for n in range(300)))
    assert max(seen.at_once) == 1
    assert len(seen.at_once) <= 3


async def test_writes_to_one_entity_keep_their_order_over_all_groups(brokers: Brokers) -> None:
    broker = await brokers.start(endings=("counted",))
    await broker.entities.write("", creating(entity("urn:counted", 0)))
    writes = []
    for number in range(4_000):
        writes.append(creating(entity(f"urn:{number}", number)))
        if not number % 100:
            writes.append(adding_one("urn:counted"))
    watched(broker)
    others = [broker.entities.write("", adding_one("urn:counted")) for _ in range(10)]
    outcomes, *_ = await asyncio.gather(broker.entities.write_many("", writes), *others)
    assert all(isinstance(each, Change) for each in outcomes)
    assert await value_of(broker, "urn:counted") == 50
    told = [each.change.entity.attributes[NAME][0]["value"] for each in broker.listener.entries]
    assert told == list(range(51))


async def test_a_whole_batch_about_one_entity_is_done_in_order(broker: Broker) -> None:
    writes = [creating(entity("urn:a", 0)), *(adding_one("urn:a") for _ in range(3_000)), deleting("urn:a")]
    outcomes = await broker.entities.write_many("", writes)
    values = [each.entity.attributes[NAME][0]["value"] for each in outcomes if isinstance(each, Change)]
    assert values == [*range(3_001), 3_000]
    assert await value_of(broker, "urn:a") is None


async def test_a_deletion_computed_on_an_older_state_is_computed_anew(brokers: Brokers) -> None:
    first, second = await brokers.start(), await brokers.start()
    for name in ("urn:a", "urn:b"):
        await first.entities.write("", creating(entity(name, 1)))
    await second.entities.write("", setting("urn:a", 2))
    first.presence._living = {first.presence.token}  # so it takes what it remembers for true
    outcomes = await first.entities.write_many("", [deleting("urn:a"), deleting("urn:b")])
    values = [each.entity.attributes[NAME][0]["value"] for each in outcomes if isinstance(each, Change)]
    assert values == [2, 1]
    assert await first.databases("")["entities"].count_documents({}) == 0


async def test_an_update_computed_on_an_older_state_never_overwrites_the_newer_one(brokers: Brokers) -> None:
    first, second = await brokers.start(), await brokers.start()
    for name in ("urn:a", "urn:b", "urn:c"):
        await first.entities.write("", creating(entity(name, 1)))
    await second.entities.write("", setting("urn:a", 10))
    await second.entities.write("", deleting("urn:b"))
    first.presence._living = {first.presence.token}
    outcomes = await first.entities.write_many("", [adding_one(each) for each in ("urn:a", "urn:c")])
    assert [each.entity.attributes[NAME][0]["value"] for each in outcomes if isinstance(each, Change)] == [11, 2]
    with pytest.raises(ResourceNotFound):
        await first.entities.write("", setting("urn:b", 5))
    assert await value_of(first, "urn:b") is None


@pytest.mark.parametrize("attributes", [0, 20])
async def test_what_is_stored_by_an_update_is_what_would_be_by_a_creation(broker: Broker, attributes: int) -> None:
    """Few changed attributes of many are sent alone, and all of few as a whole."""
    deep: Any = {"$cond": ["$$ROOT", {"a.b": "$version"}], "n": 2**40, "f": -0.0, "t": True, "e": {}, "l": []}
    for _ in range(60):
        deep = [deep]
    more = {f"https://example.org/{n}": [{"type": "Property", "value": n}] for n in range(attributes)}
    for value in (deep, "$version", {"$literal": 1}, "x" * 7_000_000):
        await broker.entities.write_many("", [creating(entity("urn:a", 1, **more)), setting("urn:a", value)])
        await broker.entities.write("", setting("urn:a", value))
        stored = (await broker.entities.get_many("", ["urn:a"]))["urn:a"]
        assert stored.attributes[NAME][0]["value"] == value
        assert list(stored.attributes) == [NAME, *more]
        await broker.entities.write("", deleting("urn:a"))
