"""Where @context documents come from: bundled, stored at the broker (clause 5.13), or fetched and then stored."""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import orjson

from broker.adapters.contexts.fetch import Fetched, Fetcher
from broker.core.jsonld.reference import local_id
from broker.core.model.errors import BadRequestData, LdContextNotAvailable, NgsiLdError
from broker.core.model.instant import Instant
from broker.operations.contexts import CACHED
from broker.operations.ports import Clock, ContextStore

Bundled = Callable[[str], Mapping[str, Any] | None]

SECONDS_KEPT = 24 * 3600
"""For how long a fetched context is taken for valid where its server does not say (clause 5.13.1)."""

_MIN_SECONDS = 60
"""At the least: asking a server of contexts at every request would make its failures those of the broker."""

_MAX_SECONDS = 30 * 24 * 3600
_OWN = re.compile(r"https?://[^/]+(?:/[^?#]*)?/ngsi-ld/v1/jsonldContexts/([^/?#]+)")
_FLUSH_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Source:
    """A document with the local identifier and state of the store's entry it came from (None: bundled).

    `fresh`: the entry to keep once the document has proved valid, where it was downloaded just now.
    """

    context: Any
    entry_id: str | None = None
    created_at: Instant = 0
    fresh: Mapping[str, Any] | None = None


class Library:
    """Finds documents by URL and counts how often stored ones are used.

    `own_bases`: URLs under which this broker is reached (`http://host:1026`); contexts below them are looked up in
    the store and never over HTTP. Identifiers are digests, so one that is in the store is taken from there whatever
    name the client knows this broker by. While other processes serve the same contexts (`is_shared`), they are told of
    uses at once.
    """

    def __init__(
        self,
        store: ContextStore,
        clock: Clock,
        fetcher: Fetcher,
        bundled: Bundled,
        own_bases: Sequence[str] = (),
        is_shared: Callable[[], bool] = lambda: False,
    ) -> None:
        self._store = store
        self._clock = clock
        self._fetcher = fetcher
        self._bundled = bundled
        self._own_bases = tuple(base.rstrip("/") + "/" for base in own_bases)
        self.is_shared = is_shared
        self._hits: dict[str, tuple[int, Instant]] = {}
        self._flushing: asyncio.Task[None] | None = None

    def bundled(self, url: str) -> Any:
        """The local context of a bundled URL; None where it is not bundled."""
        document = self._bundled(url)
        return None if document is None else document["@context"]

    async def find(self, url: str) -> Source:
        """The context at a URL. Raises LdContextNotAvailable or BadRequestData."""
        bundled = self.bundled(url)
        if bundled is not None:
            return Source(bundled)
        own = _OWN.fullmatch(url)
        if own is not None:
            entry = await self._store.get(unquote(own[1]))
            if entry is not None:
                return _source(entry)
            if url.startswith(self._own_bases):
                raise LdContextNotAvailable(f"the broker has no @context {own[1][:100]!r}")
        entry = await self._store.get(url)
        if entry is None:
            return await self.download(url)
        if entry.get("expiresAt") is None or entry["expiresAt"] > self._clock.now():
            return _source(entry)
        try:
            return await self.download(url)
        except NgsiLdError:
            # A context that was good yesterday serves better than none while its server is away.
            return _source(entry)

    async def state(self, entry_id: str) -> Instant | None:
        """When the entry was created or last replaced; None where it is gone."""
        entry = await self._store.get(entry_id)
        return None if entry is None else entry["createdAt"]

    async def download(self, url: str) -> Source:
        """The context at a URL, whatever is stored. Raises LdContextNotAvailable or BadRequestData."""
        fetched = await self._fetcher.fetch(url)
        entry = self._entry(url, fetched)
        return Source(fetched.document["@context"], entry["_id"], entry["createdAt"], entry)

    async def keep(self, entry: Mapping[str, Any]) -> None:
        """Store what was downloaded and proved valid."""
        await self._store.put(entry)

    def used(self, entry_id: str) -> None:
        """Count one use of a stored entry; written soon, in groups, and for others to see as soon as can be."""
        hits, _ = self._hits.get(entry_id, (0, 0))
        self._hits[entry_id] = (hits + 1, self._clock.now())
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush_later())

    async def flush(self) -> None:
        """Write the counted uses now."""
        counted, self._hits = self._hits, {}
        for entry_id, (hits, at) in counted.items():
            await self._store.use(entry_id, hits, at)

    async def close(self) -> None:
        """Write what was counted, stop, and close the connections."""
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        await self.flush()
        await self._fetcher.close()

    async def _flush_later(self) -> None:
        await asyncio.sleep(0 if self.is_shared() else _FLUSH_SECONDS)
        self._flushing = None
        await self.flush()

    def _entry(self, url: str, fetched: Fetched) -> dict[str, Any]:
        now = self._clock.now()
        seconds = SECONDS_KEPT if fetched.max_age is None else fetched.max_age
        try:
            # As text: names in it may begin with "$" or hold dots, which databases take for operators and paths.
            document = orjson.dumps({"@context": fetched.document["@context"]}).decode()
        except orjson.JSONEncodeError as error:
            raise BadRequestData(f"the @context {url} cannot be used: {error}") from error
        return {
            "_id": local_id(url),
            "url": url,
            "kind": CACHED,
            "document": document,
            "createdAt": now,
            "expiresAt": now + min(max(seconds, _MIN_SECONDS), _MAX_SECONDS) * 1_000_000,
            "hits": 0,
        }


def _source(entry: Mapping[str, Any]) -> Source:
    return Source(orjson.loads(entry["document"])["@context"], entry["_id"], entry["createdAt"])
