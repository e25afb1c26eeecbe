"""`.venv/bin/python -m benchmarks.federation`: what queries over several sources take, beside the sources' own time.

In each round the client asks the sources themselves, all at once, and then the broker that they are registered with.
What the slowest source took of the first is its own time: measured in the same run, and with as much going on. Sources
are brokers beside the one that is measured, or stubs in this process that answer after a known delay. One row has a
source that hangs and one that sends garbage: it has to be answered by the deadline of the first.
"""

import asyncio
import json
import statistics
import time
import urllib.request
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from typing import Any, cast
from urllib.parse import urlsplit

import uvloop

from benchmarks.client import request
from benchmarks.processes import Stack, neighbour, settle, stack
from benchmarks.run import entity

_API = "/ngsi-ld/v1"
_QUERY = request("GET", f"{_API}/entities?type=WasteContainer&limit=100")
_DEADLINE = 0.5
_HEADER = (
    "| query of 100 entities                        | own p50 | p50 ms  | p99 ms  | ratio | broker |\n"
    "|----------------------------------------------|--------:|--------:|--------:|------:|-------:|"
)
_GARBAGE = b"\x00<html>"

Between = Callable[[int], Awaitable[None]]
"""What happens between two rounds, whose number it gets."""


def _entities(first: int, count: int, level: float = 0.5) -> list[dict[str, Any]]:
    found = [entity(number) for number in range(first, first + count)]
    return [{**each, "fillingLevel": {"type": "Property", "value": level}} for each in found]


class _Stub(asyncio.Protocol):
    """A source that answers every request with the same octets after a delay in seconds; None: never."""

    def __init__(self, body: bytes, delay: float | None) -> None:
        self._answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        self._answer += body
        self._delay = delay

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self._delay is not None and data.endswith(b"\r\n\r\n"):
            asyncio.get_running_loop().call_later(self._delay, self._transport.write, self._answer)


class _Line(asyncio.Protocol):
    """A connection of a client: puts the query, and takes the answer."""

    def __init__(self) -> None:
        self._buffer = b""
        self._answered: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, _, body = self._buffer.partition(b"\r\n\r\n")
        _, _, length = head.lower().partition(b"content-length:")
        if length and len(body) == int(length.split(b"\r\n", 1)[0]):
            self._answered.set_result(body)

    async def ask(self) -> tuple[float, bytes]:
        """The milliseconds that an answer took, and its body."""
        self._buffer, self._answered = b"", asyncio.get_running_loop().create_future()
        begun = time.perf_counter()
        self._transport.write(_QUERY)
        body = await self._answered
        return (time.perf_counter() - begun) * 1000, body


async def _line(url: str) -> _Line:
    address = urlsplit(url)
    _, line = await asyncio.get_running_loop().create_connection(_Line, address.hostname, address.port)
    return line


async def _stub(entities: Sequence[dict[str, Any]] | bytes, delay: float | None) -> str:
    """The URL of a stub, which runs as long as this process does."""
    body = entities if isinstance(entities, bytes) else json.dumps(entities).encode()
    server = await asyncio.get_running_loop().create_server(lambda: _Stub(body, delay), "127.0.0.1", 0)
    return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def _send(url: str, method: str, body: Any = None) -> None:
    content = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"} if body is not None else {}
    with urllib.request.urlopen(urllib.request.Request(url, content, headers, method=method)) as response:
        response.read()


async def _register(on: Stack, sources: Sequence[str]) -> list[str]:
    collection = on.url + _API + "/csourceRegistrations"
    identifiers = [f"urn:ngsi-ld:ContextSourceRegistration:{number}" for number in range(len(sources))]
    for identifier, endpoint in zip(identifiers, sources, strict=True):
        document = {
            "id": identifier,
            "type": "ContextSourceRegistration",
            "endpoint": endpoint,
            "information": [{"entities": [{"type": "WasteContainer"}]}],
            "management": {"timeout": int(_DEADLINE * 1000)},
        }
        await asyncio.to_thread(_send, collection, "POST", document)
    return [f"{collection}/{identifier}" for identifier in identifiers]


async def _nothing(_: int) -> None:
    pass


async def _measure(
    on: Stack, name: str, sources: Sequence[str], rounds: int, between: Between = _nothing, *, hangs: bool = False
) -> None:
    registrations = await _register(on, sources)
    itself, lines = await _line(on.url), [] if hangs else [await _line(each) for each in sources]
    own, times = [], []
    for number in range(-10, rounds):
        if number == 0:
            await settle(on)
            before, own, times = on.cpu()[0], [], []
        await between(number)
        alone = await asyncio.gather(*(each.ask() for each in lines))
        own.append(max((took for took, _ in alone), default=_DEADLINE * 1000))
        took, body = await itself.ask()
        times.append(took)
        assert len(json.loads(body)) == 100
    await settle(on)
    broker = (on.cpu()[0] - before) / rounds * 1000
    slowest, p50, p99 = statistics.median(own), statistics.median(times), statistics.quantiles(times, n=100)[98]
    figures = f"{slowest:>7.1f} | {p50:>7.1f} | {p99:>7.1f} | {p50 / slowest:>5.2f} | {broker:>6.1f}"
    print(f"| {name:<44} | {figures} |", flush=True)
    for each in registrations:
        await asyncio.to_thread(_send, each, "DELETE")


async def _brokers(on: Stack) -> None:
    """Four brokers with 25 entities each on the same machine, which answer as fast as they can."""
    with ExitStack() as neighbours:
        sources = [neighbours.enter_context(neighbour(on, f"source{number}")) for number in range(4)]

        async def write(operation: str, level: float) -> None:
            for number, each in enumerate(sources):
                url = f"{each}{_API}/entityOperations/{operation}"
                await asyncio.to_thread(_send, url, "POST", _entities(25 * number, 25, level))

        await write("create", 0.0)
        await _measure(on, "4 brokers, 25 entities each", sources, 300)
        await _measure(
            on, "4 brokers, 25 each, all changed in between", sources, 150, lambda number: write("update", number)
        )


async def _stubs(on: Stack) -> None:
    for slowest in (0.005, 0.01, 0.02, 0.05):
        sources = [await _stub(_entities(25 * part, 25), slowest * (0.4 + 0.2 * part)) for part in range(4)]
        await _measure(on, f"4 stubs of up to {slowest * 1000:.0f} ms, 25 entities each", sources, 100)
    delays = (0.02, 0.03, 0.04, 0.05)
    same = [await _stub(_entities(0, 100), each) for each in delays]
    await _measure(on, "4 stubs of up to 50 ms, the same 100 entities", same, 60)
    others = [await _stub(_entities(100 * part, 100), each) for part, each in enumerate(delays)]
    await _measure(on, "4 stubs of up to 50 ms, 100 entities each", others, 60)
    bad = [await _stub(b"", None), await _stub(_GARBAGE, 0.0), *others[:3]]
    await _measure(on, "5 stubs, one hangs, one sends garbage", bad, 10, hangs=True)


async def main() -> None:
    """Measure, and print a table. Broker: CPU milliseconds of one query."""
    with stack() as on:
        print(_HEADER)
        await _brokers(on)
        await _stubs(on)


if __name__ == "__main__":
    uvloop.run(main())
