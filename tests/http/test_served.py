"""Over a socket, as it is served: uvicorn with httptools."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import uvicorn

from broker.http.gateway import build
from tests.http.client import PUBLIC_URL, healthy, memory_ports
from tests.http.samples import sensor

BODY = str(sensor()).replace("'", '"').encode()


@pytest.fixture(name="port")
async def served() -> AsyncIterator[int]:
    asgi = build(memory_ports(), health=healthy, public_url=PUBLIC_URL, max_body=10_000)
    config = uvicorn.Config(asgi, host="127.0.0.1", port=0, http="httptools", access_log=False, log_level="warning")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 (uvicorn has no event for it)
        await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await task


async def exchange(port: int, request: bytes) -> bytes:
    """Everything that comes back on a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    await writer.drain()
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return answer


def post(*headers: bytes, body: bytes = BODY) -> bytes:
    return b"\r\n".join([b"POST /ngsi-ld/v1/entities HTTP/1.1", b"Host: a", b"Connection: close", *headers, b"", body])


def get(path: bytes, *headers: bytes) -> bytes:
    return b"\r\n".join([b"GET " + path + b" HTTP/1.1", b"Host: a", b"Connection: close", *headers, b"", b""])


LENGTH = b"Content-Length: %d" % len(BODY)


async def test_header_names_are_sent_in_their_usual_spelling(port: int) -> None:
    created = await exchange(port, post(b"Content-Type: application/json", LENGTH, b"NGSILD-Tenant: ville"))
    assert created.startswith(b"HTTP/1.1 201 Created\r\n")
    assert b"\r\nLocation: /ngsi-ld/v1/entities/urn:ngsi-ld:Sensor:1\r\n" in created
    assert b"\r\nNGSILD-Tenant: ville\r\n" in created
    assert b"transfer-encoding" not in created.lower()
    path = b"/ngsi-ld/v1/entities?type=Sensor&count=true"
    found = await exchange(port, get(path, b"NGSILD-Tenant: ville"))
    for name in (b"Content-Type: application/json\r\n", b"Link: <", b"NGSILD-Results-Count: 1\r\n"):
        assert b"\r\n" + name in found


async def test_a_chunked_body_is_411_with_nothing_in_it(port: int) -> None:
    chunk = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
    answer = await exchange(port, post(b"Content-Type: application/json", b"Transfer-Encoding: chunked", body=chunk))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 411 Length Required")
    assert body == b""


async def test_a_body_above_the_bound_is_refused_before_it_is_read(port: int) -> None:
    answer = await exchange(port, post(b"Content-Type: application/json", b"Content-Length: 99999999", body=b"{"))
    assert answer.startswith(b"HTTP/1.1 413")
    assert b'"detail"' in answer


async def test_204_and_head_keep_the_framing_right_on_one_connection(port: int) -> None:
    await exchange(port, post(b"Content-Type: application/json", LENGTH))
    requests = (
        b"HEAD /ngsi-ld/v1/entities/urn:ngsi-ld:Sensor:1 HTTP/1.1\r\nHost: a\r\n\r\n"
        b"DELETE /ngsi-ld/v1/entities/urn:ngsi-ld:Sensor:1 HTTP/1.1\r\nHost: a\r\n\r\n"
    )
    answer = await exchange(port, requests + get(b"/ngsi-ld/v1/types"))
    statuses = [line for line in answer.split(b"\r\n") if line.startswith(b"HTTP/1.1")]
    assert [line.split()[1] for line in statuses] == [b"200", b"204", b"200"]
    assert answer.endswith(b"}")
