"""Remote @context documents over HTTP, bounded in size, time and redirects."""

import asyncio
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson

from broker.adapters.contexts.freshness import seconds_fresh
from broker.core.model.errors import BadRequestData, LdContextNotAvailable

MAX_BYTES = 1_000_000
"""Of one document. The largest contexts of the Smart Data Models stay below this."""

_TIMEOUT = aiohttp.ClientTimeout(total=10, connect=5)
_REDIRECTS = 3
_ACCEPT = "application/ld+json, application/json;q=0.9, */*;q=0.1"


@dataclass(frozen=True, slots=True)
class Fetched:
    """A document, and for how many seconds its server says that it stays valid (None: it does not say)."""

    document: dict[str, Any]
    max_age: int | None


class Fetcher:
    """Fetches documents, each URL once at a time however many ask for it. Failures are not remembered."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._running: dict[str, asyncio.Task[Fetched]] = {}

    async def fetch(self, url: str) -> Fetched:
        """The document at the URL, an object with `@context`.

        Raises LdContextNotAvailable where it cannot be had or is no JSON, BadRequestData where it is no context.
        """
        if not url.startswith(("http://", "https://")):
            raise BadRequestData(f"the @context {url[:200]!r} is no http or https URL")
        task = self._running.get(url)
        if task is None:
            task = self._running[url] = asyncio.create_task(self._fetch(url))
            task.add_done_callback(lambda done: self._fetched(url, done))
        # Shielded: a client that hangs up must not take the document from the others who wait for it.
        return await asyncio.shield(task)

    def _fetched(self, url: str, task: asyncio.Task[Fetched]) -> None:
        self._running.pop(url, None)
        if not task.cancelled():
            # Looked at, so that asyncio does not complain where nobody waits any more.
            task.exception()

    async def close(self) -> None:
        """Stop what runs and close the connections."""
        for task in list(self._running.values()):
            task.cancel()
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _fetch(self, url: str) -> Fetched:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=_TIMEOUT, headers={"Accept": _ACCEPT})
        try:
            async with self._session.get(url, max_redirects=_REDIRECTS) as response:
                if response.status != 200:
                    raise LdContextNotAvailable(f"the @context {url} was answered with status {response.status}")
                body = await _read(response, url)
                max_age = seconds_fresh(response.headers)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            reason = str(error) or type(error).__name__
            raise LdContextNotAvailable(f"the @context {url} could not be fetched: {reason[:200]}") from error
        return Fetched(_parse(body, url), max_age)


async def _read(response: aiohttp.ClientResponse, url: str) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in response.content.iter_chunked(65_536):
        size += len(part)
        if size > MAX_BYTES:
            raise LdContextNotAvailable(f"the @context {url} is larger than {MAX_BYTES} bytes")
        parts.append(part)
    return b"".join(parts)


def _parse(body: bytes, url: str) -> dict[str, Any]:
    try:
        # Whatever the Content-Type says: many servers of contexts say text/plain.
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise LdContextNotAvailable(f"what {url} answers is not JSON: {error}") from error
    if type(document) is not dict or "@context" not in document:
        raise BadRequestData(f"the document at {url} has no member '@context'")
    return document
