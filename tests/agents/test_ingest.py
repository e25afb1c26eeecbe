"""The pipeline with the real codecs and a broker in memory."""

import json
from collections import Counter
from pathlib import Path

import pytest

from agents.adapters.spool import REJECTED_OF_ONE, SqliteSpool
from agents.codecs import normalized
from agents.codecs.registry import bundled_models
from agents.codecs.sandbox import CodecSandbox
from agents.core.describe import device_model
from agents.core.errors import InvalidDescription
from agents.operations.backlog import Backlog
from agents.operations.devices import UNKNOWN_KEPT, Devices
from agents.operations.forward import Forwarder
from agents.operations.ingest import Ingest
from agents.operations.intake import Intake
from agents.operations.ports import Delivery, Rejection
from agents.operations.storage import Storage
from agents.operations.tally import Tally
from agents.operations.trace import Trace
from tests.agents.field import BIN, BIN_FRAME, BIN_TOPIC, Mute, event, registration

NOW = 1_795_000_000_000_000


class World:
    def __init__(self, directory: Path) -> None:
        models = bundled_models()
        self.broker = Mute()
        self.tally = Tally()
        self.devices = Devices(models)
        self.sandbox = CodecSandbox({name: model.codec for name, model in models.items() if model.codec})
        self.spool = SqliteSpool(directory / "spool.sqlite3")
        self.backlog = Backlog(self.spool, now=lambda: NOW)
        self.intake = Intake(self.backlog, self.tally)
        self.trace = Trace()
        storage = Storage(self.broker, Forwarder(self.broker, self.tally), self.tally)
        self.ingest = Ingest(self.backlog, self.devices, self.sandbox, storage, self.tally, self.trace, now=lambda: NOW)

    async def take(self, *messages: tuple[str, bytes]) -> None:
        await self.intake.accept([Delivery(topic, payload) for topic, payload in messages])
        await self.work()

    async def work(self) -> None:
        while self.backlog.count:
            await self.ingest.process(await self.backlog.take(1000))

    async def rejected(self) -> list[Rejection]:
        return await self.backlog.rejected(1000)

    async def reasons(self) -> list[str]:
        return [each.reason for each in await self.rejected()]


@pytest.fixture
async def world(tmp_path: Path):
    world = World(tmp_path)
    await world.backlog.open()
    world.devices.welcome = lambda names: world.backlog.replay(devices=names)
    await world.devices.register([registration()])
    yield world
    await world.sandbox.close()
    await world.spool.close()


async def test_the_same_uplink_twice_is_stored_once_in_one_batch_and_in_two(world: World) -> None:
    await world.take((BIN_TOPIC, event(BIN, BIN_FRAME, 85)), (BIN_TOPIC, event(BIN, BIN_FRAME, 85)))
    await world.take((BIN_TOPIC, event(BIN, BIN_FRAME, 85)))
    assert [len(batch) for batch in world.broker.batches] == [1]
    assert world.tally.counts["repeated"] == 2


async def test_5_5_11_2_two_readings_of_a_device_travel_in_one_batch_in_their_order(world: World) -> None:
    await world.take(*((BIN_TOPIC, event(BIN, BIN_FRAME, 85, number)) for number in (1, 2)))
    assert [[entity["id"] for entity in batch] for batch in world.broker.batches] == [
        [f"urn:ngsi-ld:WasteContainer:{BIN}"] * 2
    ]
    assert ["location" in entity for entity in world.broker.batches[0]] == [True, False]


async def test_the_introduction_is_sent_once_and_again_after_a_refusal_or_a_new_registration(world: World) -> None:
    world.broker.refuse = {f"urn:ngsi-ld:WasteContainer:{BIN}": "no"}
    await world.take((BIN_TOPIC, event(BIN, BIN_FRAME, 85, 1)))
    world.broker.refuse = {}
    await world.take((BIN_TOPIC, event(BIN, BIN_FRAME, 85, 2)))
    await world.take((BIN_TOPIC, event(BIN, BIN_FRAME, 85, 3)))
    await world.devices.register([registration()])
    await world.take((BIN_TOPIC, event(BIN, BIN_FRAME, 85, 4)))
    assert ["location" in batch[0] for batch in world.broker.batches] == [True, True, False, True]
    assert await world.reasons() == ["broker"]


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
    assert await world.reasons() == ["malformed"] * 5
    assert world.tally.counts["chirpstack_join"] == 1
    assert [len(batch) for batch in world.broker.batches] == [1]


async def test_the_key_in_a_configuration_frame_is_not_shown_to_the_operator(world: World) -> None:
    await world.devices.register([{"id": BIN, "model": "yobiiq/dsmr"}])
    frame = bytes.fromhex("ffb401ffdd00112233445566778899aabbccddeeff")
    await world.take((BIN_TOPIC, event(BIN, frame, 100)))
    assert await world.reasons() == ["no-attribute"]
    assert [each.shown for each in await world.rejected()] == [b""]
    assert "00112233" not in str(world.trace.of(BIN))
    assert world.broker.batches == []


async def test_a_lorawan_device_cannot_be_impersonated_over_a_json_topic(world: World) -> None:
    await world.take((f"/any/{BIN}/attrs", b'{"distance": 1}'))
    assert world.broker.batches == []
    assert await world.reasons() == ["unknown-device"]


async def test_what_is_kept_of_unknown_senders_is_bounded_and_one_does_not_push_out_the_others(world: World) -> None:
    await world.take(("/secret/quiet/attrs", b"{}"))
    for _ in range(3):
        await world.take(*(("/secret/noisy/attrs", b'{"a": 1}') for _ in range(100)))
    await world.take(*((f"/secret/dev{n}/attrs", b"{}") for n in range(500)))
    senders = Counter(each.device_id for each in await world.backlog.rejected(10_000))
    assert senders["noisy"] == REJECTED_OF_ONE
    assert senders["quiet"] == 1
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


NORMALIZER = """
function decodeUplink(i) { return { data: { raw: i.bytes[0] } }; }
function normalizeUplink(i) {
  return { data: [
    { air: { temperature: i.data.raw } },
    { air: { temperature: 1, co2: 400 } },
    { time: "2026-11-17T09:00:00Z", air: { temperature: i.data.raw - 1 } },
  ] };
}
"""


async def test_measurements_of_a_normalizer_are_one_reading_and_those_with_times_readings_of_their_own(
    world: World,
) -> None:
    described = {"description": "d", "keepsUnmapped": True, **normalized.mapping(frozenset({"air"}), "room")}
    world.devices.add_models({"maker/d": device_model("maker/d", described, NORMALIZER)})
    world.sandbox.replace({"maker/d": NORMALIZER})
    await world.devices.register([{"id": BIN, "model": "maker/d"}])
    await world.take((BIN_TOPIC, event(BIN, b"\x15", 1, time="2026-11-17T10:00:00Z")))
    earlier, now = world.broker.batches[0]
    assert (now["temperature"]["value"], now["co2"]["value"], now["raw"]["value"]) == (21, 400, 21)
    assert now["temperature"]["observedAt"].startswith("2026-11-17T10:00:00")
    assert earlier["temperature"] == {
        "type": "Property", "value": 20, "observedAt": "2026-11-17T09:00:00Z", "unitCode": "CEL",
    }  # fmt: skip
    assert "raw" not in earlier
    assert "normalized" not in now


PLACE = (
    b'{"deviceInfo": {"devEui": "%s"}, "time": "2026-11-17T10:00:00Z",'
    b' "location": {"latitude": 49.6, "longitude": 6.1}}'
)


async def test_where_the_network_found_a_device_becomes_its_entitys_location(world: World) -> None:
    tracker = "24e124713c0000ff"
    await world.devices.register([{"id": tracker, "model": "generic/cayenne-lpp", "attributes": {"name": NAME}}])
    topic = f"application/app/device/{tracker}/event/location"
    await world.take((topic, PLACE % tracker.encode()))
    solved = {"end_device_ids": {"device_id": "t", "dev_eui": tracker}, "received_at": "2026-11-17T11:00:00Z"}
    solved["location_solved"] = {"location": {"latitude": 49.7, "longitude": 6.2, "altitude": 300}}
    await world.take(("v3/app/devices/t/location/solved", json.dumps(solved).encode()))
    first, second = (batch[0] for batch in world.broker.batches)
    assert first["id"] == f"urn:ngsi-ld:DeviceMeasurement:{tracker}"
    assert first["location"] == {
        "type": "GeoProperty",
        "value": {"type": "Point", "coordinates": [6.1, 49.6]},
        "observedAt": "2026-11-17T10:00:00Z",
    }
    assert second["location"]["value"]["coordinates"] == [6.2, 49.7, 300]
    # What a registration tells comes with the first measures, however many events were before them.
    await world.take((topic.replace("location", "up"), event(tracker, bytes.fromhex("03670110"), 1)))
    assert world.broker.batches[2][0]["name"] == NAME


NAME = {"type": "Property", "value": "tracker 1"}


async def test_the_place_a_registration_tells_stays(world: World) -> None:
    await world.take((BIN_TOPIC.replace("/up", "/location"), PLACE % BIN.encode()))
    assert world.broker.batches == []
