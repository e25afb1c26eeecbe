"""The pipeline with the real codecs and a broker in memory."""

from collections.abc import Sequence
from typing import Any

import pytest

from agents.codecs.registry import bundled_models
from agents.codecs.sandbox import CodecSandbox
from agents.core.errors import InvalidDescription
from agents.operations.devices import UNKNOWN_KEPT, Devices
from agents.operations.forward import Forwarder
from agents.operations.ingest import Ingest
from agents.operations.ports import Delivery
from agents.operations.tally import REJECTED_KEPT, Tally
from tests.agents.field import BIN, BIN_FRAME, BIN_TOPIC, event, registration

NOW = 1_795_000_000_000_000


class Memory:
    def __init__(self) -> None:
        self.batches: list[list[dict[str, Any]]] = []
        self.refuse: dict[str, str] = {}

    async def upsert(self, entities: Sequence[dict[str, Any]]) -> dict[str, str]:
        self.batches.append(list(entities))
        return {e["id"]: self.refuse[e["id"]] for e in entities if e["id"] in self.refuse}


class World:
    def __init__(self) -> None:
        models = bundled_models()
        self.broker = Memory()
        self.tally = Tally()
        self.devices = Devices(models)
        self.sandbox = CodecSandbox({name: model.codec for name, model in models.items() if model.codec})
        self.ingest = Ingest(
            self.devices, self.sandbox, Forwarder(self.broker, self.tally), self.tally, now=lambda: NOW
        )

    async def take(self, *messages: tuple[str, bytes]) -> None:
        await self.ingest.process([Delivery(topic, payload) for topic, payload in messages])

    @property
    def reasons(self) -> list[str]:
        return [each["reason"] for each in self.tally.rejected()]


@pytest.fixture
async def world():
    world = World()
    await world.devices.register([registration()])
    yield world
    await world.sandbox.close()


async def test_the_same_uplink_twice_is_stored_once_in_one_batch_and_in_two(world: World) -> None:
    await world.take((BIN_TOPIC, event(BIN, BIN_FRAME, 85)), (BIN_TOPIC, event(BIN, BIN_FRAME, 85)))
    await world.take((BIN_TOPIC, event(BIN, BIN_FRAME, 85)))
    assert [len(batch) for batch in world.broker.batches] == [1]
    assert world.tally.counts["repeated"] == 2


async def test_two_readings_of_a_device_in_one_batch_are_sent_one_after_the_other(world: World) -> None:
    await world.take(*((BIN_TOPIC, event(BIN, BIN_FRAME, 85, number)) for number in (1, 2)))
    assert [[entity["id"] for entity in batch] for batch in world.broker.batches] == [
        [f"urn:ngsi-ld:WasteContainer:{BIN}"]
    ] * 2
    assert ["location" in batch[0] for batch in world.broker.batches] == [True, False]


async def test_the_introduction_is_sent_once_and_again_after_a_refusal_or_a_new_registration(world: World) -> None:
    world.broker.refuse = {f"urn:ngsi-ld:WasteContainer:{BIN}": "no"}
    await world.take((BIN_TOPIC, event(BIN, BIN_FRAME, 85, 1)))
    world.broker.refuse = {}
    await world.take((BIN_TOPIC, event(BIN, BIN_FRAME, 85, 2)))
    await world.take((BIN_TOPIC, event(BIN, BIN_FRAME, 85, 3)))
    await world.devices.register([registration()])
    await world.take((BIN_TOPIC, event(BIN, BIN_FRAME, 85, 4)))
    assert ["location" in batch[0] for batch in world.broker.batches] == [True, True, False, True]
    assert world.reasons == ["broker"]


async def test_our_codec_is_preferred_to_the_object_of_the_network_server(world: World) -> None:
    await world.take((BIN_TOPIC, event(BIN, BIN_FRAME, 85, object={"distance": 1})))
    assert world.broker.batches[0][0]["fillingLevel"]["value"] == 0.442


@pytest.mark.parametrize("time", [None, "1970-01-01T00:00:05Z", "2099-01-01T00:00:00Z", "noon"])
async def test_a_clock_that_cannot_be_right_gives_way_to_the_time_of_arrival(world: World, time: str | None) -> None:
    await world.take((BIN_TOPIC, event(BIN, BIN_FRAME, 85, time=time)))
    assert world.broker.batches[0][0]["fillingLevel"]["observedAt"] == "2026-11-18T11:06:40Z"


async def test_garbage_of_every_kind_is_rejected_and_the_good_goes_through(world: World) -> None:
    good = (BIN_TOPIC, event(BIN, BIN_FRAME, 85))
    join = (BIN_TOPIC.replace("/up", "/join"), b'{"deviceInfo": {}}')
    bad = [(BIN_TOPIC, b""), (BIN_TOPIC, b"[]"), ("x", b"{}"), ("/k/d/attrs", b"\xff"), (BIN_TOPIC, b"a" * 300_000)]
    await world.take(*bad, join, good)
    assert world.reasons == ["malformed"] * 5
    assert world.tally.counts["chirpstack_join"] == 1
    assert [len(batch) for batch in world.broker.batches] == [1]


async def test_the_key_in_a_configuration_frame_is_not_shown_to_the_operator(world: World) -> None:
    await world.devices.register([{"id": BIN, "model": "yobiiq/dsmr"}])
    frame = bytes.fromhex("ffb401ffdd00112233445566778899aabbccddeeff")
    await world.take((BIN_TOPIC, event(BIN, frame, 100)))
    assert world.reasons == ["no-attribute"]
    assert "00112233" not in str(world.tally.rejected())
    assert world.broker.batches == []


async def test_a_lorawan_device_cannot_be_impersonated_over_a_json_topic(world: World) -> None:
    await world.take((f"/any/{BIN}/attrs", b'{"distance": 1}'))
    assert world.broker.batches == []
    assert world.reasons == ["unknown-device"]


async def test_what_is_kept_for_the_operator_is_bounded(world: World) -> None:
    for start in range(0, 500, 100):
        await world.take(*((f"/secret/dev{start + n}/attrs", b"{}" * 2000) for n in range(100)))
    await world.take(*((f"/secret/dev{n}/attrs", b"{}") for n in range(500)))
    rejected = world.tally.rejected()
    assert len(rejected) == REJECTED_KEPT
    assert max(len(each["payload"]) for each in rejected) <= 2048
    assert not any("secret" in each["topic"] for each in rejected)
    assert list(world.devices.unknown()) == [f"dev{n}" for n in range(500 - UNKNOWN_KEPT, 500)]


async def test_a_registration_with_one_mistake_registers_nothing(world: World) -> None:
    with pytest.raises(InvalidDescription):
        await world.devices.register([registration("ok"), registration("not ok")])
    with pytest.raises(InvalidDescription):
        await world.devices.register([registration(model="none/such")])
    assert len(world.devices) == 1


async def test_a_thousand_frames_travel_in_one_batch(world: World) -> None:
    names = [f"{n:016x}" for n in range(1000)]
    await world.devices.register([registration(name) for name in names])
    await world.take(*((f"application/a/device/{n}/event/up", event(n, BIN_FRAME, 85)) for n in names))
    assert [len(batch) for batch in world.broker.batches] == [1000]
    assert world.tally.counts["stored"] == 1000
