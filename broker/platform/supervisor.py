"""Keeps a set of children running: started in order, restarted when they die, stopped in the opposite order.

A child that dies is started again after 0.2 s, then 0.4, 0.8 … up to 5 s while it keeps dying; ten seconds of life
count as recovered. A child that dies five times without ever having served is beyond help: everything stops, with its
last lines shown.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Sequence

from broker.platform.child import Child, describe_exit
from broker.platform.output import Console
from broker.platform.process import Process

_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 5.0
_RECOVERED_AFTER_SECONDS = 10.0
_CHECK_EVERY_SECONDS = 0.1
_DEATHS_BEFORE_GIVING_UP = 5
_LINES_SHOWN_ON_FAILURE = 15
_KILLED_SECONDS = 5.0


class _Kept:
    """A child and the state of its present life."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self.process: Process | None = None
        self.ready = asyncio.Event()
        self.stopped = asyncio.Event()
        self.last_lines: deque[str] = deque(maxlen=_LINES_SHOWN_ON_FAILURE)

    def receive(self, line: str) -> None:
        self.last_lines.append(line)
        self.child.receive(line)


class Supervisor:
    """Runs children until told to stop. Use from the main thread's event loop only (see `broker.platform.child`)."""

    def __init__(self, children: Sequence[Child], console: Console) -> None:
        self._kept = {child.name: _Kept(child) for child in children}
        self._keeping: dict[str, asyncio.Task[None]] = {}
        self._console = console
        self._stopping = asyncio.Event()
        self._failed = False

    def stop(self) -> None:
        """Ask for an orderly stop; a second call kills what is still there."""
        if self._stopping.is_set():
            for kept in self._kept.values():
                if kept.process is not None:
                    kept.process.kill_group()
        self._stopping.set()

    def process_id(self, name: str) -> int | None:
        """Process id of the child that runs now under that name."""
        process = self._kept[name].process
        return None if process is None or process.exited.done() else process.pid

    async def start(self) -> bool:
        """Start everything; True when all children serve, False when stopped or failed before."""
        for name, kept in self._kept.items():
            self._keeping[name] = asyncio.create_task(self._keep(kept), name=f"keep {name}")
        for kept in self._kept.values():
            if not await self._unless_stopping(kept.ready.wait()):
                return False
        return True

    async def finish(self) -> int:
        """Wait for `stop`, stop everything; the exit status for the whole: 0, or 1 when a child was beyond help."""
        await self._stopping.wait()
        await asyncio.gather(*(self._stop(kept) for kept in self._kept.values()))
        return 1 if self._failed else 0

    async def _unless_stopping(self, awaitable: Awaitable[object]) -> bool:
        """Wait, but no longer than until the stop; whether it came to pass before."""
        wanted = asyncio.ensure_future(awaitable)
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait((wanted, stopping), return_when=asyncio.FIRST_COMPLETED)
            return wanted.done() and not self._stopping.is_set()
        finally:
            wanted.cancel()
            stopping.cancel()

    async def _keep(self, kept: _Kept) -> None:
        child = kept.child
        for name in child.depends:
            if not await self._unless_stopping(self._kept[name].ready.wait()):
                return
        pause, deaths = _FIRST_PAUSE_SECONDS, 0
        while not self._stopping.is_set():
            started = time.monotonic()
            reason = await self._live(kept)
            if self._stopping.is_set():
                return
            deaths += 1
            if not kept.ready.is_set() and deaths >= _DEATHS_BEFORE_GIVING_UP:
                self._give_up(kept, reason)
                return
            if time.monotonic() - started > _RECOVERED_AFTER_SECONDS:
                pause = _FIRST_PAUSE_SECONDS
            self._console.event("eclor", "warning", f"{child.name} ended ({reason}), restarting in {pause:g} s")
            await self._unless_stopping(asyncio.sleep(pause))
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    async def _live(self, kept: _Kept) -> str:
        """One life of the child, and why it ended."""
        try:
            process = await Process.start(kept.child, kept.receive)
        except OSError as error:
            return f"cannot be started: {error.strerror}: {kept.child.command[0]}"
        kept.process = process
        if self._stopping.is_set():
            process.terminate()
        watching = asyncio.create_task(self._watch_readiness(kept, process))
        try:
            return describe_exit(await process.end())
        finally:
            watching.cancel()

    async def _watch_readiness(self, kept: _Kept, process: Process) -> None:
        child, started = kept.child, time.monotonic()
        while child.ready is not None and not await child.ready():
            if time.monotonic() - started > child.start_seconds:
                self._console.event("eclor", "error", f"{child.name} did not answer in {child.start_seconds:g} s")
                process.kill_group()
                return
            await asyncio.sleep(_CHECK_EVERY_SECONDS)
        if kept.ready.is_set():
            self._console.event("eclor", "info", f"{child.name} is back", pid=process.pid)
        kept.ready.set()

    def _give_up(self, kept: _Kept, reason: str) -> None:
        name = kept.child.name
        self._console.event("eclor", "error", f"{name} does not start ({reason}). Its last lines:")
        for line in kept.last_lines:
            self._console.event(name, "error", line)
        self._failed = True
        self._stopping.set()

    async def _stop(self, kept: _Kept) -> None:
        """Stop one child, once all that depend on it are stopped: SIGTERM, and SIGKILL when that is not heeded."""
        for other in self._kept.values():
            if kept.child.name in other.child.depends:
                await other.stopped.wait()
        keeping = self._keeping.get(kept.child.name)
        if kept.process is not None:
            kept.process.terminate()
        if keeping is not None:
            _, unheeded = await asyncio.wait((keeping,), timeout=kept.child.stop_seconds)
            if unheeded and kept.process is not None:
                seconds = kept.child.stop_seconds
                self._console.event("eclor", "warning", f"{kept.child.name} did not stop in {seconds:g} s: killed")
                kept.process.kill_group()
                await asyncio.wait((keeping,), timeout=_KILLED_SECONDS)
        kept.stopped.set()
