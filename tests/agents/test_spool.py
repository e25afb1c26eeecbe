"""The spool and the backlog on it: what was added is there until it is settled, whatever happens in between."""

import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from agents.adapters.mqtt import QUEUE
from agents.adapters.spool import REMEMBERED, SqliteSpool
from agents.core.errors import InvalidDescription, SpoolFull
from agents.operations.backlog import FRESH_BYTES, MARKED, Backlog
from agents.operations.ports import Delivery, Rejection

Opener = Callable[..., Backlog]


@pytest.fixture
async def open_backlog(tmp_path: Path) -> AsyncIterator[Callable]:
    """Opens the backlog on the same file anew, as a new process would after a sudden end."""
    opened: list[SqliteSpool] = []

    async def again(limit: int = 1 << 30) -> Backlog:
        for spool in opened:
            await spool.close()
        opened.clear()
        spool = SqliteSpool(tmp_path / "spool.sqlite3")
        opened.append(spool)
        backlog = Backlog(spool, limit=limit)
        await backlog.open()
        return backlog

    yield again
    for spool in opened:
        await spool.close()


def deliveries(*names: str) -> list[Delivery]:
    return [Delivery("/k/d/attrs", name.encode()) for name in names]


async def taken(backlog: Backlog, limit: int = 1000) -> list[str]:
    return [each.payload.decode() for each in await backlog.take(limit)]


async def test_messages_come_in_the_order_of_their_arrival_with_growing_instants(open_backlog) -> None:
    backlog = await open_backlog()
    await backlog.add(deliveries("a", "b"))
    await backlog.add(deliveries("c"))
    messages = await backlog.take(10)
    assert [each.payload for each in messages] == [b"a", b"b", b"c"]
    assert messages[0].at < messages[1].at < messages[2].at
    assert not any(each.doubtful for each in messages)


async def test_no_two_messages_arrive_in_one_instant(tmp_path: Path) -> None:
    spool = SqliteSpool(tmp_path / "spool.sqlite3")
    backlog = Backlog(spool, now=lambda: 1_795_000_000_000_000)
    await backlog.open()
    await backlog.add(deliveries("a", "b"))
    await backlog.add(deliveries("c"))
    assert len({each.at for each in await backlog.take(10)}) == 3
    await spool.close()


async def test_what_was_not_settled_comes_again_to_the_next_process_as_doubtful_and_first(open_backlog) -> None:
    backlog = await open_backlog()
    await backlog.add(deliveries("a", "b", "c"))
    first = await backlog.take(2)
    await backlog.settle(first[:1], [], [])
    backlog = await open_backlog()
    await backlog.add(deliveries("d"))
    messages = [*await backlog.take(1), *await backlog.take(10)]
    assert [each.payload for each in messages] == [b"b", b"c", b"d"]
    assert [each.doubtful for each in messages] == [True, True, False]
    assert messages[0].at == first[1].at


async def test_a_message_retaken_after_a_failure_keeps_its_place(open_backlog) -> None:
    backlog = await open_backlog()
    await backlog.add(deliveries("a", "b"))
    messages = await backlog.take(1)
    backlog.retake(messages)
    await backlog.add(deliveries("c"))
    assert await taken(backlog) == ["a", "b", "c"]


async def test_what_does_not_fit_in_memory_is_read_from_disk_without_loss(open_backlog) -> None:
    backlog = await open_backlog()
    big = "x" * 200_000
    count = FRESH_BYTES // len(big) + 20
    for n in range(count):
        await backlog.add(deliveries(f"{n}:{big}"))
    got: list[str] = []
    while backlog.count:
        messages = await backlog.take(1000)
        got += [each.payload.decode().partition(":")[0] for each in messages]
        await backlog.settle(messages, [], [])
    assert got == [str(n) for n in range(count)]
    await backlog.add(deliveries("after"))
    assert await taken(backlog) == ["after"]
    assert backlog.size < 1000


async def test_a_full_spool_takes_nothing_of_a_delivery_and_takes_it_when_there_is_room(open_backlog) -> None:
    backlog = await open_backlog(limit=1_000)
    await backlog.add(deliveries("x" * 500))
    with pytest.raises(SpoolFull):
        await backlog.add(deliveries("a", "y" * 500))
    messages = await backlog.take(10)
    assert len(messages) == 1
    await backlog.settle(messages, [], [])
    await backlog.add(deliveries("a", "y" * 500))
    assert len(await backlog.take(10)) == 2


def numbered(payload: bytes, number: int, *, again: bool) -> Delivery:
    return Delivery("/k/d/attrs", payload, None, number, again)


async def test_mqtt_4_4_a_message_sent_again_is_kept_once_even_by_the_next_process(open_backlog) -> None:
    backlog = await open_backlog()
    assert await backlog.add([numbered(b"1", 5, again=False)]) == 0
    assert await backlog.add([numbered(b"1", 5, again=True)]) == 1
    backlog = await open_backlog()
    assert await backlog.add([numbered(b"1", 5, again=True)]) == 1
    assert await taken(backlog) == ["1"]


async def test_the_same_words_sent_anew_or_under_another_number_are_another_message(open_backlog) -> None:
    backlog = await open_backlog()
    await backlog.add([numbered(b"1", 5, again=False)])
    # A packet identifier used again, a repetition of one that never came, a repetition of other words.
    await backlog.add([numbered(b"1", 5, again=False), numbered(b"1", 6, again=True), numbered(b"2", 5, again=True)])
    assert await taken(backlog) == ["1", "1", "1", "2"]


async def test_all_that_waited_in_memory_of_a_connection_is_recognized_even_by_the_next_process(open_backlog) -> None:
    backlog = await open_backlog()
    await backlog.add([numbered(b"%d" % n, n, again=False) for n in range(1, QUEUE + 1)])
    await backlog.add([numbered(b"%d" % n, QUEUE + n, again=False) for n in range(1, QUEUE)])
    backlog = await open_backlog()
    assert await backlog.add([numbered(b"%d" % n, n, again=True) for n in range(1, QUEUE + 1)]) == QUEUE


async def test_packet_identifiers_are_forgotten_before_they_come_round(open_backlog) -> None:
    backlog = await open_backlog()
    await backlog.add([numbered(b"1", 1, again=False)])
    await backlog.add([numbered(b"1", n, again=False) for n in range(2, MARKED + 2)])
    assert await backlog.add([numbered(b"1", 1, again=True)]) == 0


async def test_identities_outlive_the_process_and_are_bounded(open_backlog) -> None:
    backlog = await open_backlog()
    names = [n.to_bytes(8, "big") for n in range(REMEMBERED + 500)]
    for at in range(0, len(names), 500):
        await backlog.add(deliveries("a"))
        await backlog.settle(await backlog.take(1), names[at : at + 500], [])
    assert backlog.known(names[-1])
    assert not backlog.known(names[0])
    backlog = await open_backlog()
    assert backlog.known(names[-1])
    assert backlog.known(names[500])
    assert not backlog.known(names[0])


def rejection(identifier: int, payload: bytes, device: str = "d", reason: str = "codec") -> Rejection:
    return Rejection(identifier, 1_000, "/k/d/attrs", payload, device, reason, "detail", payload)


async def test_a_rejected_message_outlives_the_process_and_is_taken_in_again_as_it_came(open_backlog) -> None:
    backlog = await open_backlog()
    await backlog.add(deliveries("bad"))
    (message,) = await backlog.take(1)
    await backlog.settle([message], [], [rejection(message.seq, b"bad")])
    backlog = await open_backlog()
    (kept,) = await backlog.rejected(10)
    assert await backlog.replay([kept.id]) == 1
    assert await backlog.replay([kept.id]) == 0
    (again,) = await backlog.take(10)
    assert (again.payload, again.at, again.topic) == (b"bad", 1_000, "/k/d/attrs")
    assert again.doubtful
    assert await backlog.rejected(10) == []


async def test_replaying_a_device_takes_what_nobody_understood_before_its_registration(open_backlog) -> None:
    backlog = await open_backlog()
    await backlog.add(deliveries("a", "b", "c"))
    messages = await backlog.take(10)
    reasons = [("new", "unknown-device"), ("new", "codec"), ("other", "unknown-device")]
    kept = [rejection(m.seq, m.payload, *each) for m, each in zip(messages, reasons, strict=True)]
    await backlog.settle(messages, [], kept)
    assert await backlog.replay(devices=["new"]) == 1
    assert await taken(backlog) == ["a"]
    assert [each.payload for each in await backlog.rejected(10)] == [b"b", b"c"]


async def test_two_processes_cannot_use_one_spool(open_backlog, tmp_path: Path) -> None:
    await open_backlog()
    second = SqliteSpool(tmp_path / "spool.sqlite3")
    with pytest.raises(InvalidDescription, match="another agent"):
        await second.open()
    await second.close()


async def test_a_file_that_is_no_spool_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite3"
    path.write_bytes(b"something else entirely, and longer than a header of SQLite " * 20)
    spool = SqliteSpool(path)
    with pytest.raises(InvalidDescription):
        await spool.open()
    assert path.read_bytes().startswith(b"something else")
    await spool.close()


async def test_what_was_added_is_in_the_file_before_add_returns(open_backlog, tmp_path: Path) -> None:
    backlog = await open_backlog()
    await backlog.add(deliveries("a"))
    # A copy of the files as they are now is what a sudden end leaves.
    for suffix in ("", "-wal"):
        source = tmp_path / f"spool.sqlite3{suffix}"
        if source.exists():
            (tmp_path / f"copy{suffix}").write_bytes(source.read_bytes())
    with sqlite3.connect(tmp_path / "copy") as copy:
        assert copy.execute("SELECT payload FROM messages").fetchall() == [(b"a",)]
