"""The process in which codecs run: `python -m agents.codecs.worker`, frames on stdin and stdout.

A frame is four bytes of length (big-endian) and JSON. In: `{"load": {codec: source}, "calls": [[codec, routine,
argument], …]}` with arguments as JSON text. Out: a list of `{"result"}` or `{"error"}`, one per call, in their order.
It ends when stdin ends or its parent dies.
"""

import signal
import sys
from typing import Any, BinaryIO

import orjson

from agents.codecs.confine import confine, die_with_parent
from agents.codecs.engine import CodecRefusal, Engine


def main() -> None:
    """Serve until stdin ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    die_with_parent()
    engine = Engine()
    confine()
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


if __name__ == "__main__":
    main()
