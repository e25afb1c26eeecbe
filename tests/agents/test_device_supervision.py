"""Supervision: how devices are doing, as entities, over HTTP and on the command line."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agents.adapters.spool import SqliteSpool
from agents.codecs.registry import bundled_models
from agents.core.errors import UndecodablePayload, UnusableReading
from agents.core.health import FIRST_SILENCE, LEAST_SILENCE, SECOND, Health, battery_level, from_json, to_json
from agents.core.model import Uplink
from agents.operations.devices import Devices
from agents.operations.forward import Forwarder
from agents.operations.item import Item
from agents.operations.ports import Message
from agents.operations.read import uplinks
from agents.operations.supervise import REPORT_EVERY, Supervision
from agents.operations.tally import Tally
from agents.operations.trace import KEPT, KEPT_OF_ONE, Trace
from models.device.device import Device as DeviceEntity
from tests.agents.conftest import Mosquitto, eventually
from tests.agents.field import BIN, BIN_FRAME, BIN_TOPIC, FakeBroker, Mute, event, registration
from tests.agents.test_process import AgentProcess, agent, publish  # noqa: F401  agent is a fixture

_START = 1_795_000_000 * SECOND


class World:
    def __init__(self, spool: SqliteSpool) -> None:
        self.now = _START
        self.broker, self.tally, self.devices = Mute(), Tally(), Devices(bundled_models())
        self.spool = spool
        self.supervision = self.anew()

    def anew(self) -> Supervision:
        forwarder = Forwarder(self.broker, self.tally)
        return Supervision(self.devices, forwarder, self.spool, self.tally, now=lambda: self.now)

    def hear(self, device_id: str = BIN, f_cnt: int | None = None, **measures: Any) -> None:
        self.hear_of(Uplink("chirpstack", device_id, f_cnt=f_cnt, rssi=-57, snr=9.5), **measures)

    def hear_of(self, uplink: Uplink, **measures: Any) -> None:
        device = self.devices.get(uplink.device_id)
        assert device is not None
        message = Message(1, self.now, "t", b"")
        item = Item(message, uplink, device, self.devices.models[device.model], self.now, measures=measures)
        self.supervision.observe(item)

    @property
    def reports(self) -> list[dict[str, Any]]:
        return [entity for batch in self.broker.batches for entity in batch]

    def states(self) -> list[str]:
        return [each["deviceState"]["value"] for each in self.reports]


@pytest.fixture
async def world(tmp_path: Path):
    spool = SqliteSpool(tmp_path / "spool.sqlite3")
    await spool.open()
    world = World(spool)
    await world.devices.register([registration(), registration("never")])
    yield world
    await spool.close()


async def test_a_device_is_an_entity_of_its_smart_data_model(world: World) -> None:
    world.hear(f_cnt=1, battery=92)
    await world.supervision.report()
    (report,) = world.reports
    assert report["id"] == f"urn:ngsi-ld:Device:{BIN}"
    plain = {n: e.get("value", e.get("object")) for n, e in report.items() if isinstance(e, dict)}
    assert plain["batteryLevel"] == 0.92
    assert (plain["rssi"], plain["snr"], plain["frameLossRate"]) == (-57, 9.5, 0.0)
    assert plain["controlledAsset"] == f"urn:ngsi-ld:WasteContainer:{BIN}"
    assert plain["supportedProtocol"] == ["lora"]
    assert plain["deviceState"] == "ok"
    known = set(DeviceEntity.model_fields)
    assert set(plain) - known == {"snr", "frameLossRate"}


async def test_the_margin_that_a_network_server_tells_of_is_told_with_its_unit(world: World) -> None:
    world.hear()
    await world.supervision.report()
    assert "margin" not in world.reports[0]
    status = {"deviceInfo": {"devEui": BIN}, "margin": -7, "batteryLevel": 88.3}
    told = Message(1, world.now, f"application/a/device/{BIN}/event/status", json.dumps(status).encode())
    (uplink,) = uplinks(told, Tally())
    world.hear_of(uplink)
    world.hear()  # a measure has no margin, and takes none away
    world.now += REPORT_EVERY
    await world.supervision.report()
    margin = world.reports[1]["margin"]
    assert (margin["type"], margin["value"], margin["unitCode"]) == ("Property", -7, "2N")
    health = world.supervision.of(BIN)
    assert health is not None
    assert health["margin"] == -7


async def test_reports_are_rare_and_together(world: World) -> None:
    for _ in range(20):
        world.hear()
        world.hear("never")
        await world.supervision.report()
        world.now += SECOND
    assert [len(batch) for batch in world.broker.batches] == [2]
    world.now += REPORT_EVERY
    await world.supervision.report()
    assert [len(batch) for batch in world.broker.batches] == [2, 2]
    world.now += 200 * SECOND
    await world.supervision.report()
    assert [len(batch) for batch in world.broker.batches] == [2, 2]


async def test_silence_is_told_once_and_so_is_its_end(world: World) -> None:
    for _ in range(5):
        world.hear()
        world.now += 30 * SECOND
    await world.supervision.report()
    world.now += LEAST_SILENCE - 60 * SECOND
    await world.supervision.report()
    assert world.states() == ["ok"]
    assert BIN not in [each.id for each in world.supervision.silent()]
    world.now += 60 * SECOND
    await world.supervision.report()
    await world.supervision.report()
    assert world.states() == ["ok", "silent"]
    assert BIN in [each.id for each in world.supervision.silent()]
    world.hear()
    await world.supervision.report()
    assert world.states() == ["ok", "silent", "ok"]


async def test_silence_is_measured_by_the_habits_of_the_device(world: World) -> None:
    for _ in range(3):
        world.hear()
        world.now += 6 * 3600 * SECOND
    world.now += 6 * 3600 * SECOND
    assert [each.id for each in world.supervision.silent()] == ["never"]
    assert {each.id for each in world.supervision.silent(3600)} == {BIN, "never"}
    world.now += 12 * 3600 * SECOND
    assert {each.id for each in world.supervision.silent()} == {BIN, "never"}


async def test_what_is_known_outlives_the_process_and_its_absence_is_nobodys_silence(world: World) -> None:
    for _ in range(3):
        world.hear(battery=50)
        world.now += 30 * SECOND
    await world.supervision.report()
    world.now += FIRST_SILENCE
    world.supervision = world.anew()
    await world.supervision.load()
    shown = world.supervision.of(BIN)
    assert shown is not None
    assert (shown["batteryLevel"], shown["silent"]) == (0.5, False)
    world.now += LEAST_SILENCE + SECOND
    await world.supervision.report()
    assert world.states()[-1] == "silent"


async def test_a_device_that_was_removed_is_forgotten(world: World) -> None:
    world.hear()
    await world.supervision.report()
    await world.devices.remove(BIN)
    await world.supervision.report()
    assert world.supervision.of(BIN) is None
    assert await world.spool.health() == {}


def heard(*counts: int) -> Health:
    health = Health()
    for n, count in enumerate(counts):
        health.hear(Uplink("chirpstack", "d", f_cnt=count), _START + n * SECOND, None)
    return health


def test_frame_loss_is_the_share_of_the_counters_gaps() -> None:
    assert heard(1, 2, 3).loss == 0
    assert heard(1, 3, 5, 7).loss == pytest.approx(3 / 7, abs=0.001)
    # A join sets the counter anew, a frame heard late steps back: nothing is lost by either.
    assert heard(500, 0, 1, 0, 1).loss == 0
    assert Health().loss is None


def test_frame_loss_follows_the_present() -> None:
    assert heard(*range(0, 200, 2), *range(200, 900)).loss < 0.01


@pytest.mark.parametrize(
    ("measures", "entity", "level"),
    [
        ({"battery": 92}, None, 0.92),
        ({"battery": 92}, {"batteryLevel": {"type": "Property", "value": 0.5}}, 0.5),
        ({"battery": 3600}, None, None),
        ({"battery": "low"}, {}, None),
        ({"battery": True}, {}, None),
        (None, None, None),
    ],
)
def test_the_battery_is_a_share_or_unknown(measures: Any, entity: Any, level: float | None) -> None:
    assert battery_level(measures, entity) == level


def test_health_is_stored_and_read_and_other_versions_members_are_left_out() -> None:
    health = heard(1, 2)
    assert from_json(json.loads(json.dumps({**to_json(health), "moonPhase": 1}))) == health


def traced(trace: Trace, world: World, device_id: str = BIN, error: Any = None) -> None:
    device = world.devices.get(device_id)
    assert device is not None
    uplink = Uplink("chirpstack", device_id, payload=b"\x01\x02", f_port=85, f_cnt=7)
    item = Item(Message(1, _START, "t", b""), uplink, device, world.devices.models[device.model], _START)
    item.measures, item.error = {"key": 5}, error
    item.entities = [] if error else [{"id": "urn:x", "a": {"value": 1}}]
    trace.observe(item)


async def test_a_trace_shows_every_step_or_the_one_that_failed(world: World) -> None:
    trace = Trace()
    traced(trace, world)
    traced(trace, world, error=UndecodablePayload("cut short"))
    good, bad = trace.of(BIN)
    assert good["frame"]["payload"] == "0102"
    assert (good["decoded"], good["mapped"], good["stored"]) == ({"key": 5}, [{"id": "urn:x", "a": {"value": 1}}], True)
    assert bad["error"] == {"reason": "codec", "detail": "cut short"}
    assert "stored" not in bad


async def test_a_trace_hides_what_may_be_a_devices_configuration(world: World) -> None:
    trace = Trace()
    traced(trace, world, error=UnusableReading("no attribute"))
    (message,) = trace.of(BIN)
    assert message["frame"]["payload"] == ""
    assert "decoded" not in message


async def test_traces_are_bounded_for_each_device_and_for_all(world: World) -> None:
    trace = Trace()
    for _ in range(KEPT_OF_ONE + 5):
        traced(trace, world)
    assert len(trace.of(BIN)) == KEPT_OF_ONE
    names = [f"d{n}" for n in range(KEPT // KEPT_OF_ONE + 1)]
    await world.devices.register([registration(name) for name in names])
    for name in names:
        for _ in range(KEPT_OF_ONE):
            traced(trace, world, name)
    assert trace.of(BIN) == []
    assert len(trace.of(names[-1])) == KEPT_OF_ONE


def console(agent: AgentProcess, *arguments: str) -> "subprocess.CompletedProcess[str]":  # noqa: F811
    command = [sys.executable, "-m", "broker.cli", "device", *arguments, "--agents-url", agent.url]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


async def test_the_command_line_tells_what_became_of_messages_and_replays_them(
    agent: AgentProcess,  # noqa: F811
    broker: FakeBroker,
    mosquitto: Mosquitto,
) -> None:
    await agent.healthy()
    await publish(mosquitto, BIN_TOPIC, event(BIN, BIN_FRAME, 85, 1))
    await agent.register(registration("0000000000000001"))
    await publish(
        mosquitto, BIN_TOPIC.replace(BIN, "0000000000000001"), event("0000000000000001", bytes.fromhex("048244"), 85, 1)
    )
    await eventually(lambda: console(agent, "rejected").stdout.count("\n") == 2)
    rejected = console(agent, "rejected").stdout
    assert "unknown-device" in rejected
    assert "codec" in rejected
    # Registering the device takes in what it had sent before.
    await agent.register(registration())
    await eventually(lambda: bool(broker.entities))
    shown = console(agent, "trace", BIN)
    assert shown.returncode == 0
    assert "fillingLevel 0.442" in shown.stdout
    assert shown.stdout.rstrip().endswith("stored")
    number = console(agent, "rejected").stdout.split()[0]
    assert console(agent, "replay", number).returncode == 0
    assert console(agent, "trace", "nobody").returncode == 1
    assert "2 silent" in console(agent, "silent", "--seconds", "0").stdout


def test_the_way_back_to_a_device_is_kept_with_its_health() -> None:
    route = {"network": "tts", "application": "a@t", "device": "d"}
    health = Health()
    health.hear(Uplink("tts", "d", route=route), 1, None)
    health.hear(Uplink("tts", "d"), 2, None)  # a state of the network tells none
    assert from_json(json.loads(json.dumps(to_json(health)))).route == route
