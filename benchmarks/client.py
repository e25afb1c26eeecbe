"""A small HTTP/1.1 client and receiver that cost little, so that on two cores the broker is what is measured."""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit


@dataclass
class Load:
    """What came of one load: a latency in seconds for each answer, and the statuses seen."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    octets: int = 0

    def percentile(self, share: float) -> float:
        """A latency in milliseconds."""
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def request(
    method: str, target: str, body: bytes = b"", media_type: str = "application/json", headers: str = ""
) -> bytes:
    """The octets of one request."""
    head = f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}"
    if body or method not in ("GET", "DELETE"):
        head += f"Content-Type: {media_type}\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


class _Connection(asyncio.Protocol):
    """Sends one request, reads one answer, sends the next."""

    def __init__(self, requests: Iterable[bytes], load: Load, ended: asyncio.Future[None]) -> None:
        self._requests = iter(requests)
        self._load = load
        self._ended = ended
        self._buffer = b""
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._next()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._buffer[:end].lower()
        at = head.find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(self._buffer) - end - 4 < length:
            return
        self._load.latencies.append(time.perf_counter() - self._sent)
        status = int(head[9:12])
        self._load.statuses[status] = self._load.statuses.get(status, 0) + 1
        self._load.octets += length
        self._buffer = b""
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._ended.done():
            self._ended.set_result(None)

    def _next(self) -> None:
        for each in self._requests:
            self._sent = time.perf_counter()
            self._transport.write(each)
            return
        self._transport.close()


async def run(url: str, requests: Iterable[bytes], connections: int) -> Load:
    """Send the requests over so many connections, each one after its own answer."""
    address, load, loop = urlsplit(url), Load(), asyncio.get_running_loop()
    shared = iter(requests)
    ends = []
    began = time.perf_counter()
    for _ in range(connections):
        ended: asyncio.Future[None] = loop.create_future()
        await loop.create_connection(lambda e=ended: _Connection(shared, load, e), address.hostname, address.port)  # type: ignore[misc]  # a lambda's default has no place for a type
        ends.append(ended)
    await asyncio.gather(*ends)
    load.seconds = time.perf_counter() - began
    return load


class Receiver(asyncio.Protocol):
    """Takes notifications, answers 204 to each, and hands their bodies over."""

    def __init__(self, on_body: Callable[[bytes], None]) -> None:
        self._on_body = on_body
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            length = int(head[head.find(b"content-length:") + 15 :].split(b"\r\n", 1)[0])
            if len(self._buffer) < end + 4 + length:
                return
            self._on_body(self._buffer[end + 4 : end + 4 + length])
            self._buffer = self._buffer[end + 4 + length :]
            self._transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")
