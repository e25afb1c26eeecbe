"""Registrations in a real MongoDB."""

import pytest

from agents.adapters.mongo.devices import MongoDevices
from agents.codecs.registry import bundled_models
from agents.core.errors import StoreUnavailable
from agents.operations.devices import Devices
from tests.agents.field import BIN, registration


async def test_registrations_outlive_the_process_with_their_keys_and_dotted_names(mongo_url: str) -> None:
    store = MongoDevices(mongo_url, database="agents_test_restart")
    first = Devices(bundled_models(), store)
    static = {"https://example.org/a.b$c": {"type": "Property", "value": 1}}
    air = {"id": "air", "model": "generic/air-quality-station", "apiKey": "k", "attributes": static}
    assert await first.register([registration(), air]) == (2, 0)
    assert await first.register([air]) == (0, 1)
    second = Devices(bundled_models(), store)
    assert await second.load() == []
    assert second.get(BIN) == first.get(BIN)
    assert second.get("air") == first.get("air")
    assert await second.remove(BIN)
    assert not await second.remove(BIN)
    third = Devices(bundled_models(), store)
    await third.load()
    assert [each.id for each in third.page(0, 10)] == ["air"]
    await store.close()


async def test_a_registration_of_a_model_that_is_gone_does_not_stop_the_others(mongo_url: str) -> None:
    store = MongoDevices(mongo_url, database="agents_test_gone")
    await Devices(bundled_models(), store).register([registration(), registration("b")])
    models = {**bundled_models()}
    del models["milesight-iot/em400-mud"]
    lone = Devices(models, store)
    assert len(await lone.load()) == 2
    assert len(lone) == 0
    await store.close()


async def test_an_absent_mongodb_is_told_without_its_url() -> None:
    store = MongoDevices("mongodb://user:hunter2@127.0.0.1:1/?serverSelectionTimeoutMS=200")
    with pytest.raises(StoreUnavailable) as told:
        await Devices(bundled_models(), store).load()
    assert "hunter2" not in told.value.detail
    await store.close()
