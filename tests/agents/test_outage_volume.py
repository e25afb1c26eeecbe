"""An hour without the context broker, by volume: what ten times the demonstration's messages weigh fits the spool."""

from pathlib import Path

from agents.adapters.spool import SqliteSpool
from agents.operations.backlog import SPOOL_BYTES, Backlog
from agents.operations.ports import Delivery
from tests.agents.field import BIN, BIN_FRAME, BIN_TOPIC, event

DEVICES, EVERY = 200, 30  # of the demonstration, seconds
HOUR = 10 * DEVICES * 3_600 // EVERY
TRIED = 12_000
"""A twentieth of it, more than memory keeps beside the disk."""


async def test_an_hour_of_ten_times_the_demonstration_fits_and_comes_back_in_order(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite3"
    spool = SqliteSpool(path)
    backlog = Backlog(spool)
    await backlog.open()
    large = event(BIN, BIN_FRAME, 85, tags={"padding": "x" * 1_500})  # a whole event of a network server, some 2 KB
    for first in range(0, TRIED, 1_000):
        await backlog.add([Delivery(BIN_TOPIC, b"%d " % n + large) for n in range(first, first + 1_000)])
    on_disk = path.stat().st_size + path.with_name(path.name + "-wal").stat().st_size
    assert backlog.count == TRIED
    assert on_disk / TRIED * HOUR < SPOOL_BYTES / 4
    assert backlog.size / TRIED * HOUR < SPOOL_BYTES / 4
    seen = 0
    while backlog.count:
        taken = await backlog.take(1_000)
        assert [int(each.payload.split()[0]) for each in taken] == list(range(seen, seen + len(taken)))
        seen += len(taken)
        await backlog.settle(taken, [], [])
    assert seen == TRIED
    await spool.close()
