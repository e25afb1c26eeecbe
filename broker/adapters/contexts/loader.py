"""From what a request names as its @context to an active context, built once and kept in memory."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import urljoin

import orjson

from broker.adapters.contexts.library import Library, Source
from broker.core.jsonld.context import ActiveContext
from broker.core.jsonld.names import MAX_NAME_LENGTH
from broker.core.jsonld.processing import build_context
from broker.core.jsonld.reference import https, is_core, link_of, user_reference
from broker.core.model.errors import BadRequestData
from broker.core.model.instant import Instant

MAX_DOCUMENTS = 20
"""Documents that one @context may draw in, and how deep they may name each other."""

_ARRAYS = 3
"""Arrays in arrays of a context: none are allowed, and a few do no harm."""

CONTEXTS_KEPT = 256
"""Active contexts in memory."""

TERMS_KEPT = 300_000
"""Terms of all of them together, the core's 200 in each included: what bounds the memory they take."""

_TRUSTED_SECONDS = 5.0
"""For how long what was built is used before asking the store whether somebody replaced or removed it there. Where
other broker processes serve, too, it is asked each time: what one answered holds for the next request to another."""

_OTHERS_SECONDS = 0.03
"""What other processes need to write the uses that they have just counted."""


@dataclass(slots=True)
class _Gathered:
    """The local contexts of one request in order, and the store's entries they came from with their state."""

    contexts: list[Mapping[str, Any]] = field(default_factory=list)
    entries: dict[str, Instant] = field(default_factory=dict)
    fresh: list[Mapping[str, Any]] = field(default_factory=list)
    documents: int = 0
    counts: bool = True


@dataclass(slots=True)
class _Kept:
    active: ActiveContext
    entries: dict[str, Instant]
    checked: float


class Loader:
    """ContextLoader over a library. `core_url` names the bundled core context that applies to everything."""

    def __init__(self, library: Library, core_url: str) -> None:
        self._library = library
        self._core_url = core_url
        core = library.bundled(core_url)
        if core is None:
            raise ValueError(f"{core_url} is not a bundled core @context")
        self._core = core
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._loading: dict[str, asyncio.Task[ActiveContext]] = {}
        self._plain = self._build(_Gathered(), core_url)

    async def load(self, context: Any, *, counts: bool = True) -> ActiveContext:
        """The active context of a URL, an object, a list of those, or None for the core context alone.

        `counts`: whether it is one of the uses that are counted. Raises LdContextNotAvailable where a document cannot
        be had, BadRequestData where one is no valid context.
        """
        if context is None or context == self._core_url:
            return self._plain
        key = _key(context)
        kept = self._kept.get(key)
        if kept is not None and await self._is_current(kept):
            if key in self._kept:
                self._kept.move_to_end(key)
            if counts:
                for entry_id in kept.entries:
                    self._library.used(entry_id)
            return kept.active
        loading = self._loading.get(key)
        if loading is None:
            loading = self._loading[key] = asyncio.create_task(self._load(key, context, counts=counts))
            loading.add_done_callback(lambda task: self._loaded(key, task))
        # Shielded: a client that hangs up must not take the context from the others who wait for it.
        return await asyncio.shield(loading)

    def is_bundled(self, url: str) -> bool:
        """Whether the broker brings that context with it."""
        return self._library.bundled(url) is not None

    async def reload(self, url: str) -> None:
        """Download a cached context anew. Raises LdContextNotAvailable or BadRequestData; the old one then stays."""
        gathered = _Gathered()
        source = await self._library.download(url)
        await self._gather_source(source, url, gathered, (url,))
        self._build(gathered, url)
        await self._keep(gathered)
        self.forget()

    async def flush(self) -> None:
        """Return once the store has the hits counted so far, those of other processes included."""
        await self._library.flush()
        if self._library.is_shared():
            await asyncio.sleep(_OTHERS_SECONDS)

    def forget(self) -> None:
        """Drop everything built; it is built again when asked for."""
        self._kept.clear()

    async def close(self) -> None:
        """Stop what is being loaded, write what was counted and close the connections."""
        for loading in list(self._loading.values()):
            loading.cancel()
        await self._library.close()

    async def _load(self, key: str, context: Any, *, counts: bool) -> ActiveContext:
        gathered = _Gathered(counts=counts)
        await self._gather(context, None, gathered, ())
        active = self._build(gathered, user_reference(context, self._core_url))
        await self._keep(gathered)
        if counts:
            for entry in gathered.fresh:
                self._library.used(entry["_id"])
        self._kept[key] = _Kept(active, gathered.entries, time.monotonic())
        self._kept.move_to_end(key)
        self._make_room()
        return active

    def _loaded(self, key: str, task: asyncio.Task[ActiveContext]) -> None:
        self._loading.pop(key, None)
        if not task.cancelled():
            # Looked at, so that asyncio does not complain where every client has gone away.
            task.exception()

    async def _keep(self, gathered: _Gathered) -> None:
        """Store what was downloaded, now that it has proved valid: a failure is never kept."""
        for entry in gathered.fresh:
            await self._library.keep(entry)

    def _make_room(self) -> None:
        terms = sum(len(kept.active) for kept in self._kept.values())
        while len(self._kept) > CONTEXTS_KEPT or (terms > TERMS_KEPT and len(self._kept) > 1):
            _, oldest = self._kept.popitem(last=False)
            terms -= len(oldest.active)

    async def _is_current(self, kept: _Kept) -> bool:
        trusted = 0.0 if self._library.is_shared() else _TRUSTED_SECONDS
        if not kept.entries or time.monotonic() - kept.checked < trusted:
            return True
        for entry_id, created_at in kept.entries.items():
            if await self._library.state(entry_id) != created_at:
                return False
        kept.checked = time.monotonic()
        return True

    async def _gather(
        self, context: Any, base: str | None, gathered: _Gathered, above: tuple[str, ...], depth: int = 0
    ) -> None:
        if is_core(context) and self._library.bundled(https(context)) is not None:
            return
        if type(context) is str:
            await self._gather_document(context, base, gathered, above)
        elif type(context) is list:
            if depth > _ARRAYS:
                raise BadRequestData("the arrays of the @context are nested too deep (JSON-LD 1.1 nests none)")
            for each in context:
                await self._gather(each, base, gathered, above, depth + 1)
        elif type(context) is dict:
            gathered.contexts.append(context)
        elif context is not None:
            raise BadRequestData("an @context is a URL, an object, or an array of those (JSON-LD 1.1, section 3.1)")

    async def _gather_document(self, name: str, base: str | None, gathered: _Gathered, above: tuple[str, ...]) -> None:
        if len(name) > MAX_NAME_LENGTH:
            raise BadRequestData(f"the URL of an @context is longer than {MAX_NAME_LENGTH} characters")
        url = name if base is None else urljoin(base, name)
        if url in above:
            raise BadRequestData(f"the @context {url} names itself, directly or through others")
        gathered.documents += 1
        if gathered.documents > MAX_DOCUMENTS:
            raise BadRequestData(f"the @context draws in more than {MAX_DOCUMENTS} documents")
        source = await self._library.find(url)
        await self._gather_source(source, url, gathered, (*above, url))

    async def _gather_source(self, source: Source, url: str, gathered: _Gathered, above: tuple[str, ...]) -> None:
        if source.entry_id is not None:
            gathered.entries[source.entry_id] = source.created_at
            if source.fresh is None:
                if gathered.counts:
                    self._library.used(source.entry_id)
            else:
                gathered.fresh.append(source.fresh)
        await self._gather(source.context, url, gathered, above)

    def _build(self, gathered: _Gathered, reference: Any) -> ActiveContext:
        return build_context(gathered.contexts, self._core, self._scoped, reference=reference, link=link_of(reference))

    def _scoped(self, url: str) -> Mapping[str, Any] | None:
        context = self._library.bundled(url)
        return None if context is None else {"@context": context}


def _key(context: Any) -> str:
    if type(context) is str:
        return context
    try:
        return sha256(orjson.dumps(context, option=orjson.OPT_SORT_KEYS)).hexdigest()
    except orjson.JSONEncodeError as error:
        raise BadRequestData(f"the @context cannot be used: {error}") from error
