"""`eclor run` itself is killed: nothing of it is left behind, and its successor takes up where it ended."""

import asyncio
import os
import signal
from pathlib import Path

from tests.chaos.platform_under_test import Platform, alive, until
from tests.chaos.receiver import Receiver, subscription
from tests.chaos.test_kills import check_everybody_told, check_nothing_lost, subscribe
from tests.chaos.writer import Writers

_TYPE = "Sudden"


async def test_a_killed_platform_leaves_nobody_and_its_successor_delivers_what_was_owed(
    platform: Platform, receiver: Receiver, data: Path, seed: int
) -> None:
    await subscribe(platform, subscription(receiver.url, _TYPE, "owed"))
    writers = Writers(platform.api, _TYPE, seed, count=4)
    await asyncio.sleep(0.5)
    await receiver.stop()
    owed_from = len(writers.all_acknowledged)

    async def owes() -> bool:
        return len(writers.all_acknowledged) > owed_from + 50

    await until(owes, platform.last_words)
    family = platform.pids()
    assert {"run", "mongodb", "broker", "agents"} <= set(family)
    os.kill(family["run"], signal.SIGKILL)

    async def all_gone() -> bool:
        return not any(alive(pid) for pid in platform.seen)

    platform.process.wait()
    await until(all_gone, lambda: f"{ {n: p for n, p in family.items() if alive(p)} }\n{platform.last_words()}", 20)
    await writers.stop()
    successor = Platform(data)
    try:
        await successor.start()
        check_nothing_lost(successor, writers)
        await receiver.start()
        await check_everybody_told(receiver, writers, successor)
    finally:
        await successor.stop()
    assert not writers.wrong
