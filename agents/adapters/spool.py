"""The spool on disk: one SQLite file in WAL mode, used by one agent process, on a thread of its own.

An append is in the file system's journal before it returns (`synchronous=FULL`). A settlement need not be: what it
forgets is looked up at the context broker when it comes again.
"""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from agents.core.errors import InvalidDescription, SpoolFull
from agents.operations.backlog import MARKED
from agents.operations.ports import IDENTITY_BYTES, Mark, Message, Rejection, SpoolState

REMEMBERED = 50_000
"""Identities of uplinks kept, so that a repetition is recognized: at 1,500 a second, half a minute's worth."""
REJECTED_KEPT = 10_000
"""Messages kept for the operator; the oldest go first."""
REJECTED_BYTES = 64 * 1024 * 1024
"""Bytes of them."""
REJECTED_OF_ONE = 100
"""Messages kept of one device that nobody registered, so that it does not push out the others."""
_READ_BYTES = 8 * 1024 * 1024
_FREE_PAGES = 4_096  # 16 MB that an outage left behind: given back to the file system
_SCHEMA = """
CREATE TABLE IF NOT EXISTS messages(
    seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, topic TEXT NOT NULL, payload BLOB NOT NULL, again INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS marks(n INTEGER PRIMARY KEY, number INTEGER NOT NULL, digest INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS seen(n INTEGER PRIMARY KEY, identities BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS rejected(
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL, topic TEXT NOT NULL, payload BLOB NOT NULL,
    device TEXT, reason TEXT NOT NULL, detail TEXT NOT NULL, shown BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS rejected_device ON rejected(device, id);
CREATE TABLE IF NOT EXISTS devices(id TEXT PRIMARY KEY, health TEXT NOT NULL) WITHOUT ROWID;
"""
_Result = TypeVar("_Result")


class SqliteSpool:
    """Implements `agents.operations.ports.Spool`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="spool")
        self._batches: deque[tuple[int, int]] = deque()
        self._identities = 0
        self._mark = 0

    async def open(self) -> SpoolState:
        """Open or create the file; what an earlier process left in it.

        Raises:
            InvalidDescription: The file cannot be used, or another process uses it.
        """
        return await self._run(self._open)

    async def append(self, messages: Sequence[Message], marks: Sequence[Mark]) -> None:
        """Keep messages; they survive a loss of power from here on.

        Raises:
            SpoolFull: The disk takes no more.
        """
        await self._run(lambda: self._append(messages, marks))

    async def read(self, after: int, limit: int) -> list[Message]:
        """The messages that follow `after`, in their order, some 8 MB at most."""
        return await self._run(lambda: self._read(after, limit))

    async def settle(self, upto: int, identities: Sequence[bytes], rejected: Sequence[Rejection]) -> None:
        """Forget the messages up to this one, remember the identities, keep the rejected."""
        await self._run(lambda: self._settle(upto, identities, rejected))

    async def rejected(self, limit: int) -> list[Rejection]:
        """The newest of the rejected messages, the oldest of them first."""
        return await self._run(lambda: self._rejected(limit))

    async def take_back(self, identifiers: Sequence[int], devices: Sequence[str]) -> list[Rejection]:
        """Rejected messages with these identifiers, and those of these devices that nobody had registered."""
        return await self._run(lambda: self._take_back(identifiers, devices))

    async def respool(self, messages: Sequence[Message], instead_of: Sequence[int]) -> None:
        """Keep messages again instead of as rejected, in one step."""
        await self._run(lambda: self._respool(messages, instead_of))

    async def health(self) -> dict[str, str]:
        """What was saved of each device."""
        return await self._run(lambda: dict(self._database.execute("SELECT id, health FROM devices")))

    async def save_health(self, saved: Sequence[tuple[str, str]], gone: Sequence[str]) -> None:
        """Save what is known of some devices, and forget others."""
        await self._run(lambda: self._save_health(saved, gone))

    async def close(self) -> None:
        """Close the file."""
        if hasattr(self, "_database"):
            await self._run(self._database.close)
        self._thread.shutdown(wait=False)

    async def _run(self, work: Callable[[], _Result]) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _open(self) -> SpoolState:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._database = sqlite3.connect(self._path, isolation_level=None, timeout=1, check_same_thread=False)
            for name, value in (
                ("auto_vacuum", "INCREMENTAL"),
                ("locking_mode", "EXCLUSIVE"),
                ("journal_mode", "WAL"),
                ("synchronous", "FULL"),
                ("cache_size", "-4000"),
            ):
                self._database.execute(f"PRAGMA {name}={value}")
            self._database.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as problem:
            raise InvalidDescription(
                f"the spool {self._path} cannot be used ({problem}): is another agent process at work there? "
                "Each has its own --mqtt-client-id or --data-dir"
            ) from None
        return self._state()

    def _state(self) -> SpoolState:
        ask = self._database.execute
        count, size, last = ask(
            "SELECT count(*), total(length(payload) + length(topic)), max(seq) FROM messages"
        ).fetchone()
        newest = ask("SELECT max(id) FROM rejected").fetchone()[0]
        identities: list[bytes] = []
        for n, packed in ask("SELECT n, identities FROM seen ORDER BY n"):
            here = [packed[at : at + IDENTITY_BYTES] for at in range(0, len(packed), IDENTITY_BYTES)]
            self._batches.append((n, len(here)))
            self._identities += len(here)
            identities += here
        marks = ask("SELECT number, digest FROM marks ORDER BY n").fetchall()
        self._mark = ask("SELECT coalesce(max(n), 0) FROM marks").fetchone()[0]
        return SpoolState(max(last or 0, newest or 0), count, int(size), [Mark(*each) for each in marks], identities)

    def _append(self, messages: Sequence[Message], marks: Sequence[Mark]) -> None:
        self._database.execute("PRAGMA synchronous=FULL")
        try:
            with self._database:
                self._database.execute("BEGIN IMMEDIATE")
                self._insert(messages)
                if marks:
                    numbered = enumerate(marks, self._mark + 1)
                    self._database.executemany(
                        "INSERT INTO marks VALUES(?,?,?)", [(n, mark.number, mark.digest) for n, mark in numbered]
                    )
                    self._database.execute("DELETE FROM marks WHERE n<=?", (self._mark + len(marks) - MARKED,))
        except sqlite3.OperationalError as problem:
            raise SpoolFull(f"the spool takes no more: {problem}") from problem
        self._mark += len(marks)

    def _insert(self, messages: Sequence[Message]) -> None:
        rows = [(each.seq, each.at, each.topic, each.payload, each.doubtful) for each in messages]
        self._database.executemany("INSERT INTO messages VALUES(?,?,?,?,?)", rows)

    def _read(self, after: int, limit: int) -> list[Message]:
        found: list[Message] = []
        size = 0
        for seq, at, topic, payload, again in self._database.execute(
            "SELECT seq, at, topic, payload, again FROM messages WHERE seq>? ORDER BY seq LIMIT ?", (after, limit)
        ):
            found.append(Message(seq, at, topic, payload, bool(again)))
            size += len(payload)
            if size > _READ_BYTES:
                break
        return found

    def _settle(self, upto: int, identities: Sequence[bytes], rejected: Sequence[Rejection]) -> None:
        ask = self._database.execute
        ask("PRAGMA synchronous=NORMAL")
        with self._database:
            ask("BEGIN IMMEDIATE")
            ask("DELETE FROM messages WHERE seq<=?", (upto,))
            if identities:
                n = ask("INSERT INTO seen(identities) VALUES(?)", (b"".join(identities),)).lastrowid or 0
                self._batches.append((n, len(identities)))
                self._identities += len(identities)
                self._forget_identities()
            if rejected:
                self._keep_rejected(rejected)
        if ask("PRAGMA freelist_count").fetchone()[0] > _FREE_PAGES:
            ask(f"PRAGMA incremental_vacuum({_FREE_PAGES})").fetchall()

    def _forget_identities(self) -> None:
        dropped = 0
        while self._identities - self._batches[0][1] >= REMEMBERED:
            dropped, count = self._batches.popleft()
            self._identities -= count
        if dropped:
            self._database.execute("DELETE FROM seen WHERE n<=?", (dropped,))

    def _keep_rejected(self, rejected: Sequence[Rejection]) -> None:
        ask = self._database.execute
        self._database.executemany(
            "INSERT OR REPLACE INTO rejected VALUES(?,?,?,?,?,?,?,?)",
            [(r.id, r.at, r.topic, r.payload, r.device_id, r.reason, r.detail, r.shown) for r in rejected],
        )
        for device in {each.device_id for each in rejected if each.reason == "unknown-device"}:
            ask(
                "DELETE FROM rejected WHERE device=?1 AND id<=(SELECT id FROM rejected WHERE device=?1 "
                "ORDER BY id DESC LIMIT 1 OFFSET ?2)",
                (device, REJECTED_OF_ONE),
            )
        ask(
            "DELETE FROM rejected WHERE id<=(SELECT id FROM rejected ORDER BY id DESC LIMIT 1 OFFSET ?)",
            (REJECTED_KEPT,),
        )
        over = ask("SELECT total(length(payload)) FROM rejected").fetchone()[0] - REJECTED_BYTES
        while over > 0:
            oldest, size = ask("SELECT id, length(payload) FROM rejected ORDER BY id LIMIT 1").fetchone()
            ask("DELETE FROM rejected WHERE id=?", (oldest,))
            over -= size

    def _rejected(self, limit: int) -> list[Rejection]:
        rows = self._database.execute("SELECT * FROM rejected ORDER BY id DESC LIMIT ?", (limit,)).fetchall()
        return [Rejection(*row) for row in reversed(rows)]

    def _take_back(self, identifiers: Sequence[int], devices: Sequence[str]) -> list[Rejection]:
        ask = self._database.execute
        rows: dict[int, Rejection] = {}
        for identifier in identifiers:
            rows.update((row[0], Rejection(*row)) for row in ask("SELECT * FROM rejected WHERE id=?", (identifier,)))
        for device in devices:
            found = ask("SELECT * FROM rejected WHERE device=? AND reason='unknown-device'", (device,))
            rows.update((row[0], Rejection(*row)) for row in found)
        return [rows[identifier] for identifier in sorted(rows)]

    def _respool(self, messages: Sequence[Message], instead_of: Sequence[int]) -> None:
        self._database.execute("PRAGMA synchronous=FULL")
        with self._database:
            self._database.execute("BEGIN IMMEDIATE")
            self._insert(messages)
            self._database.executemany("DELETE FROM rejected WHERE id=?", [(each,) for each in instead_of])

    def _save_health(self, saved: Sequence[tuple[str, str]], gone: Sequence[str]) -> None:
        self._database.execute("PRAGMA synchronous=NORMAL")
        with self._database:
            self._database.execute("BEGIN IMMEDIATE")
            self._database.executemany("INSERT OR REPLACE INTO devices VALUES(?,?)", saved)
            self._database.executemany("DELETE FROM devices WHERE id=?", [(each,) for each in gone])
