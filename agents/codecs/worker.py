"""The process in which codecs run: `python -m agents.codecs.worker`, frames on stdin and stdout.

A frame is four bytes of length (big-endian) and JSON. In: `{"load": {codec: source}, "calls": [[codec, routine,
argument], …]}` with arguments as JSON text. Out: a list of `{"result"}` or `{"error"}`, one per call, in their order.
It ends when stdin ends or its parent dies.
"""

import contextlib
import ctypes
import os
import resource
import signal
import sys
from typing import Any, BinaryIO

import orjson

from agents.codecs.engine import CodecRefusal, Engine

ADDRESS_SPACE = 1024 * 1024 * 1024
"""Bytes the whole process may map, a second wall behind each codec's own limit."""
_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Serve until stdin ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    _die_with_parent()
    _confine()
    engine = Engine()
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while (frame := read_frame(source)) is not None:
        answer = orjson.dumps(_answers(engine, orjson.loads(frame)))
        sink.write(len(answer).to_bytes(4, "big") + answer)
        sink.flush()


def read_frame(source: BinaryIO) -> bytes | None:
    """Read one frame; `None` at the end of the stream."""
    head = source.read(4)
    if len(head) < 4:
        return None
    size = int.from_bytes(head, "big")
    body = source.read(size)
    return body if len(body) == size else None


def _answers(engine: Engine, request: dict[str, Any]) -> list[dict[str, Any]]:
    for codec, source in request["load"].items():
        engine.load(codec, source)
    return [_answer(engine, codec, routine, argument) for codec, routine, argument in request["calls"]]


def _answer(engine: Engine, codec: str, routine: str, argument: str) -> dict[str, Any]:
    try:
        return {"result": engine.call(codec, routine, argument)}
    except CodecRefusal as refusal:
        return {"error": str(refusal)}


def _die_with_parent() -> None:
    if not sys.platform.startswith("linux"):
        return  # elsewhere the end of stdin has to do
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(1)


def _confine() -> None:
    limits = {
        resource.RLIMIT_AS: ADDRESS_SPACE,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: 3,  # nothing can be opened beside the three pipes
        resource.RLIMIT_NPROC: 0,
    }
    for which, limit in limits.items():
        # A system without this limit is no reason to stay away: the engine has its own.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(which, (limit, limit))


if __name__ == "__main__":
    main()
