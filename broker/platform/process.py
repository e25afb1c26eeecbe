"""One life of a child process: started, its output cut into lines, its end noticed."""

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import suppress

from broker.platform.child import Child, die_with_parent

_LONGEST_LINE_BYTES = 65_536
_LAST_OUTPUT_SECONDS = 2.0


class Process(asyncio.SubprocessProtocol):
    """A running child. It leads a process group of its own, so that a Ctrl-C meant for the supervisor passes it by."""

    def __init__(self, receive: Callable[[str], None]) -> None:
        loop = asyncio.get_running_loop()
        self.exited: asyncio.Future[int] = loop.create_future()
        self.pid = 0
        self._silent: asyncio.Future[None] = loop.create_future()
        self._receive = receive
        self._rest = b""
        self._transport: asyncio.SubprocessTransport | None = None

    @classmethod
    async def start(cls, child: Child, receive: Callable[[str], None]) -> "Process":
        """Start the child's program. Raises OSError when there is none."""
        _, process = await asyncio.get_running_loop().subprocess_exec(
            lambda: cls(receive),
            *child.command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            # What is printed is read here line by line and as UTF-8, whatever the locale.
            env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1", **child.environment},
            process_group=0,
            preexec_fn=die_with_parent(),
        )
        return process

    def terminate(self) -> None:
        """Ask the child to end (SIGTERM to it alone: what it started is its own to end)."""
        if not self.exited.done():
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)

    def kill_group(self) -> None:
        """SIGKILL to the child and all that it started. Silent when nobody is left."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    async def end(self) -> int:
        """Wait for the child's end, end what it left behind, take its last output; its return code."""
        code = await asyncio.shield(self.exited)
        # A half-alive predecessor would hold ports and locks that the next life needs.
        self.kill_group()
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._silent), _LAST_OUTPUT_SECONDS)
        if self._transport is not None:
            self._transport.close()
        return code

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """As asyncio calls it once the program runs."""
        if isinstance(transport, asyncio.SubprocessTransport):
            self._transport = transport
            self.pid = transport.get_pid() or 0

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Hand on whole lines; a line beyond `_LONGEST_LINE_BYTES` comes in pieces."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _LONGEST_LINE_BYTES:
            lines.append(self._rest)
            self._rest = b""
        for line in lines:
            self._receive(line.decode(errors="replace").rstrip())

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        """The output is at its end: hand on what had no newline."""
        if self._rest:
            self._receive(self._rest.decode(errors="replace").rstrip())
            self._rest = b""
        if not self._silent.done():
            self._silent.set_result(None)

    def process_exited(self) -> None:
        """As asyncio calls it once the child itself is gone, whatever it left behind."""
        code = self._transport.get_returncode() if self._transport is not None else None
        if not self.exited.done():
            self.exited.set_result(0 if code is None else code)
