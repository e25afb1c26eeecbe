"""What was acknowledged survives `kill -9` of any process, and so does every notification it owes."""

import asyncio
import random
from typing import Any

import aiohttp
from pymongo import MongoClient

from tests.chaos.platform_under_test import Platform, until
from tests.chaos.receiver import Receiver, subscription
from tests.chaos.writer import Writers

_TYPE = "Chaos"
_ROUNDS = (
    ("broker",),
    ("mongodb",),
    ("broker", "mongodb"),
    ("mqtt", "agents"),
    ("mongodb",),
    ("broker",),
    ("mongodb", "broker", "agents"),
    ("mongodb",),
)


async def subscribe(platform: Platform, body: dict[str, Any]) -> None:
    async with aiohttp.ClientSession() as session, session.post(f"{platform.api}/subscriptions", json=body) as answer:
        assert answer.status == 201, await answer.text()


def stored_numbers(platform: Platform) -> dict[str, int]:
    """The sequence number of each entity as the database has it, without the broker in between."""
    client: MongoClient[dict[str, Any]] = MongoClient(platform.mongo_url)
    with client:
        return {
            each["_id"]: next(iter(each["attributes"].values()))[0]["value"]
            for each in client["eclor"]["entities"].find({})
        }


def check_nothing_lost(platform: Platform, writers: Writers) -> None:
    stored = stored_numbers(platform)
    for entity_id, number in writers.acknowledged.items():
        assert entity_id in stored, f"{entity_id} was acknowledged at {number} and is gone"
        assert number <= stored[entity_id] <= writers.attempted[entity_id]
    assert set(stored) <= set(writers.attempted)


async def check_everybody_told(receiver: Receiver, writers: Writers, platform: Platform) -> None:
    def missing() -> set[tuple[str, int]]:
        return set(writers.all_acknowledged) - set(receiver.told)

    async def complete() -> bool:
        return not missing()

    await until(complete, lambda: f"{len(missing())} untold, such as {sorted(missing())[:5]}\n{platform.last_words()}")
    for entity_id, number in receiver.told:
        assert 0 <= number <= writers.attempted[entity_id]


async def test_what_was_acknowledged_is_stored_and_told_whatever_is_killed(
    platform: Platform, receiver: Receiver, seed: int
) -> None:
    chance = random.Random(seed)
    await subscribe(platform, subscription(receiver.url, _TYPE, "watch"))
    # At once: a subscription that was acknowledged has to be durable as well.
    platform.kill("mongodb")
    writers = Writers(platform.api, _TYPE, seed)
    for victims in _ROUNDS:
        before = len(writers.all_acknowledged)

        async def progressed(before: int = before) -> bool:
            return len(writers.all_acknowledged) > before + 20

        await until(progressed, platform.last_words)
        await asyncio.sleep(chance.uniform(0.0, 0.8))
        platform.kill(*victims)
        # Sometimes once more while it comes back.
        await asyncio.sleep(chance.uniform(0.1, 1.5))
        if chance.random() < 0.3:
            platform.kill(*victims)
    await until(platform.serves, platform.last_words)
    await writers.stop()
    assert not writers.wrong
    check_nothing_lost(platform, writers)
    await check_everybody_told(receiver, writers, platform)


async def test_a_receiver_that_was_away_gets_what_it_missed_in_order(
    platform: Platform, receiver: Receiver, seed: int
) -> None:
    await subscribe(platform, subscription(receiver.url, _TYPE, "away"))
    writers = Writers(platform.api, _TYPE, seed, count=2)
    await asyncio.sleep(0.5)
    await receiver.stop()
    await asyncio.sleep(2)
    # While it is away, the one who owes it the notifications dies, too.
    platform.kill("broker")
    await asyncio.sleep(2)
    await receiver.start()
    await until(platform.serves, platform.last_words)
    await writers.stop()
    assert not writers.wrong
    await check_everybody_told(receiver, writers, platform)
    first_told: dict[str, list[int]] = {}
    for entity_id, number in dict.fromkeys(receiver.told):
        first_told.setdefault(entity_id, []).append(number)
    for entity_id, numbers in first_told.items():
        assert numbers == sorted(numbers), entity_id
