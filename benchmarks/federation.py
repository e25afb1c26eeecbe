"""`.venv/bin/python -m benchmarks.federation`: what queries over several sources take.

Sources are stubs in this process that answer after a known delay with 100 entities, so that what a query takes beyond
the slowest of them is the broker's own. One row has a source that hangs and one that sends garbage: it has to be
answered by the deadline of the first.
"""

import asyncio
import json
import statistics
import time
import urllib.request
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import uvloop
from aiohttp import web

from benchmarks.processes import Stack, settle, stack
from benchmarks.run import entity

_API = "/ngsi-ld/v1"
_ROUNDS = 60
_DELAYS = (0.02, 0.03, 0.04, 0.05)
"""Seconds that healthy sources take: what a query of 100 takes a broker in the same city."""
_DEADLINE = 0.5
_HEADER = (
    "| query of 100                                 | slowest | p50 ms  | p99 ms  | broker |\n"
    "|----------------------------------------------|--------:|--------:|--------:|-------:|"
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def _healthy(delay: float, first: int) -> Handler:
    body = json.dumps([entity(first + number) for number in range(100)]).encode()

    async def answer(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(delay)
        return web.Response(body=body, content_type="application/json")

    return answer


async def _hanging(_: web.Request) -> web.StreamResponse:
    await asyncio.sleep(60)
    return web.Response()


async def _garbage(_: web.Request) -> web.StreamResponse:
    return web.Response(body=b"\x00<html>", content_type="application/json")


class Sources:
    """Stubs on ports of their own, registered for what the benchmark's entities are."""

    def __init__(self) -> None:
        self._runners: list[web.AppRunner] = []

    async def add(self, handler: Handler) -> str:
        """Start one; its endpoint."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handler)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self._runners.append(runner)
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    async def close(self) -> None:
        """Stop all."""
        for each in self._runners:
            await each.cleanup()


def _send(url: str, method: str, body: dict[str, Any] | None = None) -> None:
    content = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"} if body is not None else {}
    with urllib.request.urlopen(urllib.request.Request(url, content, headers, method=method)) as response:
        response.read()


async def _measure(stack_: Stack, name: str, handlers: list[Handler], slowest: float, rounds: int = _ROUNDS) -> None:
    sources = Sources()
    collection = stack_.url + _API + "/csourceRegistrations"
    identifiers = []
    for number, handler in enumerate(handlers):
        identifiers.append(f"urn:ngsi-ld:ContextSourceRegistration:{number}")
        document = {
            "id": identifiers[-1],
            "type": "ContextSourceRegistration",
            "endpoint": await sources.add(handler),
            "information": [{"entities": [{"type": "WasteContainer"}]}],
            "management": {"timeout": int(_DEADLINE * 1000)},
        }
        await asyncio.to_thread(_send, collection, "POST", document)
    await settle(stack_)
    before = stack_.cpu()[0]
    times = []
    async with aiohttp.ClientSession() as session:
        for _ in range(rounds):
            begun = time.perf_counter()
            async with session.get(stack_.url + _API + "/entities?type=WasteContainer&limit=100") as response:
                found = await response.json()
            times.append((time.perf_counter() - begun) * 1000)
            assert len(found) == 100
    await settle(stack_)
    broker = (stack_.cpu()[0] - before) / rounds * 1000
    p50, p99 = statistics.median(times), statistics.quantiles(times, n=100)[98]
    print(f"| {name:<44} | {slowest * 1000:>7.0f} | {p50:>7.1f} | {p99:>7.1f} | {broker:>6.1f} |", flush=True)
    for identifier in identifiers:
        await asyncio.to_thread(_send, f"{collection}/{identifier}", "DELETE")
    await sources.close()


async def main() -> None:
    """Measure, and print a table. Broker: CPU milliseconds of one query."""
    with stack() as stack_:
        print(_HEADER)
        same = [_healthy(delay, 0) for delay in _DELAYS]
        await _measure(stack_, "4 sources, the same 100 entities", same, max(_DELAYS))
        others = [_healthy(delay, 100 * number) for number, delay in enumerate(_DELAYS)]
        await _measure(stack_, "4 sources, 100 entities each", others, max(_DELAYS))
        bad = [_hanging, _garbage, *others[:3]]
        await _measure(stack_, "5 sources, one hangs, one sends garbage", bad, _DEADLINE, 10)


if __name__ == "__main__":
    uvloop.run(main())
