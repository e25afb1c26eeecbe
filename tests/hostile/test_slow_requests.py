"""Requests that trickle in: neither their head nor their body may come for ever."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import uvicorn

from broker.http import connection
from broker.http.connection import Connection
from broker.http.gateway import build
from tests.http.client import PUBLIC_URL, healthy, memory_ports
from tests.http.samples import SENSOR

_HEAD = b"POST /ngsi-ld/v1/entities HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 45\r\n\r\n"
_BODY = b'{"id":"urn:ngsi-ld:Sensor:1","type":"Sensor"}'
_GET = b"GET /ngsi-ld/v1/types HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture(name="port")
async def impatient(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    """A server as in production but for its patience."""
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.6)
    monkeypatch.setattr(connection, "BODY_SECONDS", 0.6)
    asgi = build(memory_ports(), health=healthy, public_url=PUBLIC_URL)
    config = uvicorn.Config(asgi, host="127.0.0.1", port=0, http=Connection, access_log=False, log_level="warning")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 (uvicorn has no event for it)
        await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await task


async def exchange(port: int, *pieces: bytes, pause: float = 0.0) -> bytes:
    """All that comes back until the server closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def send() -> None:
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(pause)

    sending = asyncio.create_task(send())
    try:
        return await asyncio.wait_for(reader.read(), 30)
    except ConnectionError:
        return b""
    finally:
        sending.cancel()
        writer.close()


async def stored(port: int) -> bytes:
    request = b"GET /ngsi-ld/v1/entities/%s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % SENSOR.encode()
    return await exchange(port, request)


async def test_a_body_that_stops_is_408_and_stores_nothing(port: int) -> None:
    answer = await exchange(port, _HEAD + _BODY[:20])
    assert answer.startswith(b"HTTP/1.1 408")
    assert b'"detail"' in answer
    assert (await stored(port)).startswith(b"HTTP/1.1 404")


async def test_a_body_of_which_nothing_comes_stores_nothing(port: int) -> None:
    assert (await exchange(port, _HEAD)).startswith(b"HTTP/1.1 408")
    assert (await stored(port)).startswith(b"HTTP/1.1 404")


async def test_a_head_that_trickles_in_is_408(port: int) -> None:
    pieces = [_HEAD[at : at + 1] for at in range(len(_HEAD))]
    assert (await exchange(port, *pieces, pause=0.05)).startswith(b"HTTP/1.1 408")


async def test_a_connection_that_says_nothing_is_closed(port: int) -> None:
    assert await exchange(port) == b""


async def test_a_slow_body_that_goes_on_is_taken(port: int) -> None:
    close = _HEAD.replace(b"Host: a", b"Host: a\r\nConnection: close")
    pieces = [close, *(_BODY[at : at + 5] for at in range(0, len(_BODY), 5))]
    assert (await exchange(port, *pieces, pause=0.15)).startswith(b"HTTP/1.1 201")
    assert (await stored(port)).startswith(b"HTTP/1.1 200")


async def test_a_second_request_on_a_connection_is_watched_as_well(port: int) -> None:
    answer = await exchange(port, _GET, _HEAD + b"{", pause=0.1)
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"HTTP/1.1 408" in answer


async def test_a_connection_kept_open_between_requests_may_rest(port: int) -> None:
    answer = await exchange(port, _GET, _GET.replace(b"Host: a", b"Host: a\r\nConnection: close"), pause=1.5)
    assert answer.count(b"HTTP/1.1 200") == 2


async def test_a_large_head_on_a_used_connection_is_431(port: int) -> None:
    answer = await exchange(port, _GET, b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", pause=0.1)
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"HTTP/1.1 431" in answer


async def test_a_body_as_large_as_a_head_may_not_be_is_taken(port: int) -> None:
    padded = _BODY[:-1] + b" " * 100_000 + b"}"
    head = _HEAD.replace(b"Length: 45", b"Length: %d" % len(padded)).replace(
        b"Host: a", b"Host: a\r\nConnection: close"
    )
    assert (await exchange(port, head + padded)).startswith(b"HTTP/1.1 201")
