"""The codecs' side door: calls go to the worker process, many per round trip, and a broken worker is replaced."""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import orjson

from agents.codecs.outcome import Decoded, Encoded, decoded, encoded
from agents.core.errors import UndecodablePayload
from agents.core.model import Instant

CALLS_PER_FRAME = 128
"""Bounds how long one round trip holds the others up."""
STUCK_AFTER = 5.0
"""Seconds after which a worker that does not answer is killed; the engine's own limit is a twentieth of it."""
_FRAME_LIMIT = 64 * 1024 * 1024
_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class CodecCall:
    """One payload for one codec."""

    codec: str
    """Identifier under which the sandbox knows the source."""
    payload: bytes
    f_port: int
    time: Instant
    variables: Mapping[str, str] = field(default_factory=dict)
    normalized: bool = False
    """Ask for what the codec's `normalizeUplink` makes of it as well."""

    @property
    def routine(self) -> str:
        """Which routine of the sandbox answers."""
        return "measureUplink" if self.normalized else "decodeUplink"

    @property
    def argument(self) -> str:
        """The call's argument as JSON text; `recvTime` in milliseconds."""
        return orjson.dumps(
            {
                "bytes": list(self.payload),
                "fPort": self.f_port,
                "recvTime": self.time / 1000,
                "variables": dict(self.variables),
            }
        ).decode()


@dataclass(frozen=True, slots=True)
class RoutineCall:
    """One call of any routine of a codec."""

    codec: str
    routine: str
    argument: str
    """JSON text."""


_Call: TypeAlias = CodecCall | RoutineCall


class _WorkerLostError(Exception):
    """The worker died or did not answer."""


class CodecSandbox:
    """A worker process started at the first call and replaced whenever it dies or hangs."""

    def __init__(self, sources: Mapping[str, str], *, stuck_after: float = STUCK_AFTER) -> None:
        self._sources = dict(sources)
        self._stuck_after = stuck_after
        self._process: asyncio.subprocess.Process | None = None
        self._loaded: set[str] = set()
        self._turn = asyncio.Lock()
        self.restarts = 0

    def replace(self, sources: Mapping[str, str]) -> None:
        """From now on these are the codecs; a source that differs takes effect with the next call."""
        gone = {name for name, source in self._sources.items() if sources.get(name) != source}
        self._loaded -= gone
        self._sources = dict(sources)

    @property
    def worker_pid(self) -> int | None:
        """Process id of the worker, `None` while there is none."""
        return None if self._process is None else self._process.pid

    async def decode(self, calls: Sequence[CodecCall]) -> list[Decoded | UndecodablePayload]:
        """Decode payloads; each result is the reading or the reason why there is none, in the order of the calls."""
        return [
            UndecodablePayload(str(answer["error"])) if "error" in answer else decoded(answer["result"])
            for answer in await self._answers(calls)
        ]

    async def encode(self, codec: str, data: Mapping[str, Any], f_port: int | None) -> Encoded | UndecodablePayload:
        """Make a command's value into bytes for the device (`encodeDownlink`, in a file of its own for some models)."""
        codec = f"{codec}#encoder" if f"{codec}#encoder" in self._sources else codec
        argument = orjson.dumps({"data": dict(data), "fPort": f_port, "variables": {}}).decode()
        answer = (await self._answers([RoutineCall(codec, "encodeDownlink", argument)]))[0]
        return UndecodablePayload(str(answer["error"])) if "error" in answer else encoded(answer["result"])

    async def run(self, calls: Sequence[RoutineCall]) -> list[dict[str, Any]]:
        """Call any routines; each answer is `{"result": what the codec returned}` or `{"error": why it did not}`."""
        return await self._answers(calls)

    async def _answers(self, calls: Sequence[_Call]) -> list[dict[str, Any]]:
        answers: list[dict[str, Any]] = []
        for at in range(0, len(calls), CALLS_PER_FRAME):
            async with self._turn:
                answers += await self._answered(calls[at : at + CALLS_PER_FRAME])
        return answers

    async def close(self) -> None:
        """End the worker."""
        async with self._turn:
            process, self._process = self._process, None
            if process is not None and process.stdin is not None:
                process.stdin.close()
                try:
                    await asyncio.wait_for(process.wait(), 2)
                except TimeoutError:
                    await self._kill(process)

    async def _answered(self, calls: Sequence[_Call]) -> list[dict[str, Any]]:
        try:
            return await self._round_trip(calls)
        except _WorkerLostError as lost:
            if len(calls) == 1:
                return [{"error": f"the codec {calls[0].codec} brought its process down: {lost}"}]
        # One of them did it: alone, each tells.
        answers: list[dict[str, Any]] = []
        for call in calls:
            answers += await self._answered([call])
        return answers

    async def _round_trip(self, calls: Sequence[_Call]) -> list[dict[str, Any]]:
        process = await self._worker()
        try:
            return await asyncio.wait_for(self._exchange(process, calls), self._stuck_after)
        except (TimeoutError, OSError, asyncio.IncompleteReadError) as problem:
            await self._discard(process)
            reason = "no answer in time" if isinstance(problem, TimeoutError) else "it ended"
            raise _WorkerLostError(reason) from problem
        except BaseException:
            # Half an exchange leaves the pipe out of step.
            await self._discard(process)
            raise

    async def _exchange(self, process: asyncio.subprocess.Process, calls: Sequence[_Call]) -> list[dict[str, Any]]:
        if process.stdin is None or process.stdout is None:
            raise _WorkerLostError("its pipes are closed")
        fresh = {call.codec for call in calls} - self._loaded
        load = {codec: self._sources[codec] for codec in fresh if codec in self._sources}
        frame = orjson.dumps(
            {
                "load": load,
                "calls": [(call.codec, call.routine, call.argument) for call in calls],
            }
        )
        process.stdin.write(len(frame).to_bytes(4, "big") + frame)
        await process.stdin.drain()
        size = int.from_bytes(await process.stdout.readexactly(4), "big")
        if size > _FRAME_LIMIT:
            raise _WorkerLostError("its answer is too long")
        answers: list[dict[str, Any]] = orjson.loads(await process.stdout.readexactly(size))
        # Replaced meanwhile, a source has to be sent again.
        self._loaded |= {codec for codec, source in load.items() if self._sources.get(codec) == source}
        return answers

    async def _worker(self) -> asyncio.subprocess.Process:
        if self._process is None:
            self._loaded.clear()
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-s", "-E", "-B", "-m", "agents.codecs.worker"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                env={"TZ": "UTC0"},  # dates that a codec writes must not depend on the machine
                cwd=_ROOT,
            )
        return self._process

    async def _discard(self, process: asyncio.subprocess.Process) -> None:
        self._process = None
        self.restarts += 1
        await self._kill(process)

    async def _kill(self, process: asyncio.subprocess.Process) -> None:
        if process.returncode is None:
            process.kill()
        await process.wait()
