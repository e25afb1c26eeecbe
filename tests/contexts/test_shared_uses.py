"""Uses of stored @contexts (`numberOfHits`, clause 5.13.4) where several processes serve them."""

import asyncio

import pytest

from broker.adapters.clock import SystemClock
from broker.adapters.contexts.fetch import Fetcher
from broker.adapters.contexts.library import Library
from broker.adapters.memory.stores import MemoryContexts


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
