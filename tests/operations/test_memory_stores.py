"""The ports on dicts: what operations rely on."""

import pytest

from broker.adapters.memory.stores import MemoryContexts, MemorySubscriptions
from broker.core.model.errors import AlreadyExists, ResourceNotFound


async def test_subscriptions_are_copies_in_order_of_creation_and_stamped():
    store = MemorySubscriptions()
    before = await store.stamp("")
    given = {"id": "urn:s:2", "document": {"a": 1}}
    await store.create("", given)
    given["document"]["a"] = 2
    await store.create("", {"id": "urn:s:1"})
    assert await store.get("", "urn:s:2") == {"id": "urn:s:2", "document": {"a": 1}}
    page, total = await store.page("", 1, 0)
    assert ([one["id"] for one in page], total) == (["urn:s:2"], 2)
    assert await store.stamp("") > before
    assert await store.get("city", "urn:s:2") is None
    with pytest.raises(AlreadyExists):
        await store.create("", {"id": "urn:s:1"})


async def test_absent_subscriptions_are_not_found():
    store = MemorySubscriptions()
    for operation in (store.delete("", "urn:s:1"), store.replace("", {"id": "urn:s:1"})):
        with pytest.raises(ResourceNotFound):
            await operation


async def test_contexts_are_found_by_identifier_and_url():
    store = MemoryContexts()
    await store.put({"_id": "1", "url": "https://example.org/c"})
    assert (
        await store.get("1") == await store.get("https://example.org/c") == {"_id": "1", "url": "https://example.org/c"}
    )
    assert await store.delete("1")
    assert not await store.delete("1")
    assert await store.all() == []
