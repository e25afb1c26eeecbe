"""What the broker has at other sources, as stores keep it."""

from dataclasses import replace

import pytest

from broker.adapters.membership.keys import SecretKeys
from broker.adapters.memory.remote_subscriptions import MemoryRemoteSubscriptions
from broker.adapters.mongo.client import Databases, connect
from broker.adapters.mongo.remote_subscriptions import MongoRemoteSubscriptions
from broker.operations.distributed.subscriptions import RemoteSubscription

REMOTE = RemoteSubscription(
    key="k1",
    tenant="one",
    subscription="urn:s:1",
    registration={"id": "urn:r:1", "document": {"a.b": 1, "$c": 2}},
    remote_id="urn:remote:1",
    token="secret",
    desired={"type": "Subscription", "q": "a.b==1"},
    context={"$a": "b"},
    filters_here=True,
    made_of="1 2",
    due=10,
)


@pytest.fixture(params=["memory", "mongo", "sealed"])
async def store(request):
    if request.param == "memory":
        yield MemoryRemoteSubscriptions()
        return
    client = connect(request.getfixturevalue("mongo_url"))
    await client.drop_database("eclor")
    sealing = SecretKeys(b"k" * 32) if request.param == "sealed" else None
    yield MongoRemoteSubscriptions(Databases(client), sealing)
    await client.close()


async def test_what_was_stored_comes_back(store):
    await store.put(REMOTE)
    assert await store.get("k1") == REMOTE
    assert await store.by_token("secret") == REMOTE
    assert await store.by_token("other") is None
    assert await store.of_subscription("one", "urn:s:1") == await store.of_tenant("one") == [REMOTE]
    assert await store.of_subscription("", "urn:s:1") == []
    assert await store.subscribers_of("one", "urn:r:1") == ["urn:s:1"]
    assert await store.subscribers_of("one", "urn:r:2") == []
    assert await store.tenants() == ["one"]


async def test_what_is_wanted_changes_and_what_the_source_has_stays(store):
    await store.put(REMOTE)
    claimed = await store.claim("k1", 20, 100)
    assert claimed == REMOTE
    done = replace(claimed, sent=claimed.desired, is_attempted=True, remote_id="urn:remote:9", due=None)
    await store.settle(done, claimed)
    assert await store.get("k1") == done
    changed = replace(REMOTE, desired={"type": "Subscription"}, token="new", due=30)
    await store.put(changed)
    kept = await store.get("k1")
    assert (kept.token, kept.remote_id, kept.sent) == ("secret", "urn:remote:9", REMOTE.desired)
    assert (kept.desired, kept.due) == ({"type": "Subscription"}, 30)


async def test_a_change_while_a_source_is_told_stays_due(store):
    await store.put(REMOTE)
    claimed = await store.claim("k1", 20, 100)
    await store.put(replace(REMOTE, desired={"type": "Subscription", "q": "b"}, due=25))
    await store.settle(replace(claimed, sent=claimed.desired, due=None), claimed)
    kept = await store.get("k1")
    assert (kept.due, kept.sent) == (25, REMOTE.desired)


async def test_one_process_at_a_time_has_it_and_it_counts_as_attempted(store):
    await store.put(REMOTE)
    assert not (await store.claim("k1", 20, 100)).is_attempted
    assert await store.claim("k1", 50, 200) is None
    assert await store.due(50, 10) == []
    again = await store.claim("k1", 100, 200)
    assert again.is_attempted
    assert await store.claim("unknown", 1, 2) is None


async def test_what_is_due_is_found_in_time(store):
    await store.put(REMOTE)
    await store.put(replace(REMOTE, key="k2", token="b", due=None))
    assert await store.due(9, 10) == []
    assert await store.due(10, 10) == ["k1"]


async def test_only_what_nobody_wants_is_removed(store):
    await store.put(REMOTE)
    assert not await store.remove("k1")
    await store.put(replace(REMOTE, is_wanted=False))
    assert await store.remove("k1")
    assert await store.get("k1") is None
