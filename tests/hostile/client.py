"""What the hostile tests send with, and the innocent client who wants an answer meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self

import aiohttp
import orjson

JSON = {"Content-Type": "application/json"}
LD = {"Content-Type": "application/ld+json"}
_PATIENCE = aiohttp.ClientTimeout(total=60)


@dataclass(frozen=True)
class Answer:
    """A response: status, body, headers."""

    status: int
    body: bytes
    headers: Any

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return orjson.loads(self.body)

    @property
    def error(self) -> str:
        """The last part of the type of a problem (RFC 7807)."""
        return str(self.json["type"]).rsplit("/", 1)[-1]


class Client:
    """Sends what no decent client would."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._root = f"http://127.0.0.1:{port}/ngsi-ld/v1"

    async def __aenter__(self) -> Self:
        """Open."""
        self._session = aiohttp.ClientSession(timeout=_PATIENCE)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close."""
        await self._session.close()

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """`body` goes as JSON unless it is bytes; keyword arguments are headers, `_` standing for `-`."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            given = {**JSON, **given}
        data = body if isinstance(body, bytes) or body is None else orjson.dumps(body)
        async with self._session.request(method, self._root + path, data=data, headers=given) as answer:
            return Answer(answer.status, await answer.read(), answer.headers)

    async def raw(self, *pieces: bytes, wait: float = 30.0) -> bytes:
        """All that comes back for bytes on a connection of their own, whoever closes it."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
        except ConnectionError:
            pass
        parts = []
        try:
            async with asyncio.timeout(wait):
                while part := await reader.read(65_536):
                    parts.append(part)
        except (TimeoutError, ConnectionError):
            pass
        finally:
            writer.close()
        return b"".join(parts)


@asynccontextmanager
async def innocent(client: Client) -> AsyncIterator[None]:
    """Another client, who asks all the time and is answered all the time."""
    stop = asyncio.Event()

    async def ask() -> int:
        count = 0
        while not stop.is_set() or not count:
            answer = await client.call("GET", "/entities/urn:ngsi-ld:Kept:1")
            assert answer.status == 200
            count += 1
            await asyncio.sleep(0.02)
        return count

    asking = asyncio.create_task(ask())
    yield
    stop.set()
    assert await asking
