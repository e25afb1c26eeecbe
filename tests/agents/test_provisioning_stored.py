"""What was provisioned outlives the process: kept in a store that may be away for a while."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import pytest

from agents.adapters.mongo.provisioning import MongoProvisioning
from agents.core.errors import StoreUnavailable
from agents.operations.outstanding import Outstanding
from agents.operations.provisioning import Provisioning
from agents.operations.provisioning_store import NoStore
from tests.agents.test_iot_provisioning import GROUP, uplink


class Faltering(NoStore):
    """A store in memory that fails when told."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, Any]] = {}
        self.kept_groups: list[dict[str, Any]] = []
        self.failures: list[str] = []
        self.failed = asyncio.Event()
        self.saved = asyncio.Event()

    def fail(self, work: str) -> None:
        if self.failures and self.failures[0] == work:
            self.failures.pop(0)
            self.failed.set()
            raise StoreUnavailable("away")

    async def groups(self) -> AsyncIterator[dict[str, Any]]:
        for each in self.kept_groups:
            yield dict(each)

    async def save_groups(self, documents: Sequence[Mapping[str, Any]]) -> None:
        self.kept_groups += map(dict, documents)

    async def devices(self) -> AsyncIterator[dict[str, Any]]:
        for each in self.kept.values():
            yield dict(each)
            self.fail("read")

    async def save_devices(self, documents: Sequence[Mapping[str, Any]]) -> None:
        self.fail("save")
        self.kept.update({each["device_id"]: dict(each) for each in documents})
        self.saved.set()

    async def remove_devices(self, documents: Sequence[Mapping[str, Any]]) -> None:
        for each in documents:
            self.kept.pop(each["device_id"], None)


async def test_what_was_provisioned_or_came_by_itself_outlives_the_process(mongo_url: str) -> None:
    store = MongoProvisioning(mongo_url, database="agents_test_iot")
    first = Provisioning(store)
    commands = [{"name": "a.b$c", "type": "command"}]
    await first.add_groups([{**GROUP, "commands": commands}], "openiot", "/")
    await first.add_devices(
        [{"device_id": "d1", "apikey": "key"}, {"device_id": "gone", "apikey": "key"}], "openiot", "/"
    )
    assert first.find(uplink("auto")) is not None
    work = asyncio.create_task(first.run())
    for _ in range(200):
        if len([each async for each in store.devices()]) == 3:
            break
        await asyncio.sleep(0.02)
    work.cancel()
    await first.remove_devices([("gone", None)], "openiot", "/")
    second = Provisioning(store)
    assert await second.load() == []
    assert [each["device_id"] for each in second.devices("openiot", "/")] == ["auto", "d1"]
    found = second.find(uplink("auto"))
    assert found is not None
    assert set(found.provisioned.commands) == {"a.b$c"}
    await second.remove_group("openiot", "/", "/iot/json", "key", with_devices=True)
    third = Provisioning(store)
    await third.load()
    assert third.groups("openiot", "/") == []
    assert len(third) == 0
    await store.close()


async def test_nothing_changes_while_the_store_is_away() -> None:
    store = MongoProvisioning("mongodb://user:hunter2@127.0.0.1:1/?serverSelectionTimeoutMS=200")
    provisioning = Provisioning(store)
    with pytest.raises(StoreUnavailable) as told:
        await provisioning.add_groups([GROUP], "openiot", "/")
    assert "hunter2" not in told.value.detail
    assert provisioning.groups("openiot", "/") == []
    await store.close()


async def test_a_store_that_fails_half_way_through_reading_leaves_nothing_to_be_found_twice() -> None:
    store = Faltering()
    await Provisioning(store).add_devices([{"device_id": "d1"}, {"device_id": "d2"}], "openiot", "/")
    provisioning = Provisioning(store)
    store.failures = ["read"]
    with pytest.raises(StoreUnavailable):
        await provisioning.load()
    for _ in range(2):
        assert await provisioning.load() == []
        assert [each.id for each in provisioning.all()] == ["openiot/d1", "openiot/d2"]


async def test_a_device_that_came_by_itself_is_saved_when_the_store_is_back_unless_it_was_removed_meanwhile() -> None:
    store = Faltering()
    provisioning = Provisioning(store)
    await provisioning.add_groups([GROUP], "openiot", "/")
    for name in ("d1", "d2"):
        assert provisioning.find(uplink(name)) is not None
    store.failures = ["save"]
    saving = asyncio.create_task(provisioning.run())
    await store.failed.wait()
    await provisioning.remove_devices([("d1", None)], "openiot", "/")
    await store.saved.wait()
    saving.cancel()
    assert list(store.kept) == ["d2"]


async def test_what_could_not_be_told_comes_again_and_gives_way_to_what_is_newer() -> None:
    outstanding: Outstanding[str, int] = Outstanding()
    told: list[dict[str, int]] = []
    twice = asyncio.Event()

    async def telling(wanted: dict[str, int]) -> None:
        told.append(dict(wanted))
        if len(told) == 1:
            wanted.pop("a")
            outstanding.add("b", 20)
            raise ValueError("a flaw")
        twice.set()

    for name, content in (("a", 1), ("b", 2), ("c", 3)):
        outstanding.add(name, content)
    with pytest.raises(ValueError, match="a flaw"):
        await outstanding.tell(telling)
    again = asyncio.create_task(outstanding.tell(telling))
    await twice.wait()
    again.cancel()
    assert told == [{"a": 1, "b": 2, "c": 3}, {"b": 20, "c": 3}]
