"""Uses of stored @contexts (`numberOfHits`, clause 5.13.4) where several processes serve them."""

import asyncio

import pytest
from context_server import ContextServer

from broker.adapters.clock import SystemClock
from broker.adapters.contexts.fetch import Fetcher
from broker.adapters.contexts.library import Library
from broker.adapters.contexts.loader import Loader
from broker.adapters.memory.stores import MemoryContexts
from schemas import DEFAULT_CORE_CONTEXT, read_context


@pytest.mark.parametrize(("shared", "seen"), [(True, 2), (False, 0)])
async def test_5_13_4_uses_are_told_to_other_processes_at_once(shared: bool, seen: int) -> None:
    store = MemoryContexts()
    await store.put({"_id": "c", "kind": "Hosted", "document": "{}", "createdAt": 0, "hits": 0})
    library = Library(store, SystemClock(), Fetcher(), lambda _: None, is_shared=lambda: shared)
    library.used("c")
    library.used("c")
    for _ in range(5):
        await asyncio.sleep(0)
    entry = await store.get("c")
    assert entry is not None
    assert entry["hits"] == seen
    await library.close()


async def test_5_13_5_a_context_that_another_process_deleted_is_stored_anew_when_used(server: ContextServer) -> None:
    store = MemoryContexts()
    server.documents["/c"] = {"@context": {"a": "https://example.org/a"}}
    library = Library(store, SystemClock(), Fetcher(), read_context, is_shared=lambda: True)
    loader = Loader(library, DEFAULT_CORE_CONTEXT)
    await loader.load(f"{server.url}/c")
    (entry,) = await store.all()
    await store.delete(entry["_id"])
    await loader.load(f"{server.url}/c")
    assert [each["_id"] for each in await store.all()] == [entry["_id"]]
    await loader.close()


async def test_5_13_4_what_the_broker_loads_for_itself_is_no_use(server: ContextServer) -> None:
    store = MemoryContexts()
    server.documents["/c"] = {"@context": {"a": "https://example.org/a"}}
    library = Library(store, SystemClock(), Fetcher(), read_context)
    loader = Loader(library, DEFAULT_CORE_CONTEXT)
    await loader.load(f"{server.url}/c", counts=False)
    await loader.load(f"{server.url}/c", counts=False)
    loader.forget()
    await loader.load(f"{server.url}/c", counts=False)
    await loader.flush()
    (entry,) = await store.all()
    assert entry["hits"] == 0
    await loader.load(f"{server.url}/c")
    await loader.flush()
    (entry,) = await store.all()
    assert entry["hits"] == 1
    await loader.close()
