"""Commands: from the broker's notification to the device and back, in every state."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import orjson
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from agents.adapters.mongo.provisioning import MongoProvisioning
from agents.codecs.outcome import Encoded
from agents.codecs.registry import bundled_models, sources
from agents.codecs.sandbox import CodecSandbox
from agents.core.commands import Command, CommandStatus, advance
from agents.core.errors import BrokerUnavailable, UndecodablePayload
from agents.core.model import Device
from agents.core.notified import notified
from agents.core.provisioned import device
from agents.http.iot_commands import NOTIFY, add_commands
from agents.http.iot_provisioning import add_provisioning
from agents.operations.commands import QUEUE_LIMIT, Commands
from agents.operations.courier import DeviceCourier, pending
from agents.operations.devices import Devices
from agents.operations.listening import Listening
from agents.operations.provisioned_devices import CORE_CONTEXT
from agents.operations.provisioning import Provisioning
from agents.operations.storage import Write
from agents.operations.tally import Tally
from tests.agents.calls import Calls
from tests.agents.conftest import eventually

P, D, OK, ERROR, EXPIRED = (CommandStatus(name) for name in ("PENDING", "DELIVERED", "OK", "ERROR", "EXPIRED"))
HOUR = 3_600_000_000


class Reports:
    """What the broker is told of commands."""

    def __init__(self) -> None:
        self.writes: list[Write] = []

    async def store(self, writes: Sequence[Write]) -> dict[int, str]:
        self.writes += writes
        return {}

    def of(self, name: str = "switch") -> list[tuple[str, Any]]:
        told = [write.entity for write in self.writes if f"{name}_status" in write.entity]
        return [(each[f"{name}_status"]["value"], each[f"{name}_info"]["value"]) for each in told]


class World:
    """MQTT broker, devices' endpoints and codecs, all in memory."""

    def __init__(self) -> None:
        self.connected = True
        self.published: list[tuple[str, bytes]] = []
        self.posted: list[tuple[str, bytes, dict[str, str]]] = []
        self.answer: tuple[int, bytes] | None = (200, b"")

    async def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool) -> bool:
        if self.connected:
            self.published.append((topic, payload))
        return self.connected

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes] | None:
        self.posted.append((url, body, dict(headers)))
        return self.answer

    async def encode(self, codec: str, data: Mapping[str, Any], f_port: int | None) -> Encoded | UndecodablePayload:
        return Encoded(bytes([data["switch"]]), 7, [])


class Setting:
    """Commands with devices that clients provisioned."""

    def __init__(self, store: Any = None) -> None:
        self.now = 1_000 * HOUR
        self.world, self.reports = World(), Reports()
        self.provisioning = Provisioning()
        self.courier = DeviceCourier(self.world, self.world, self.world, lambda: self.now)
        storage: Any = self.reports
        self.commands = Commands(self.courier, storage, Tally(), self.provisioning.by_id, store, now=lambda: self.now)
        self._work: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._work = asyncio.create_task(self.commands.run())

    async def stop(self) -> None:
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)
        await self.commands.close()

    async def device(self, **document: Any) -> Device:
        given = {"device_id": "d1", "apikey": "k", "entity_type": "Lamp", "commands": [{"name": "switch"}], **document}
        return (await self.provisioning.add_devices([given], "openiot", "/"))[0]


@pytest.fixture
async def setting() -> AsyncIterator[Setting]:
    made = Setting()
    made.start()
    yield made
    await made.stop()


@given(st.lists(st.sampled_from(list(CommandStatus))))
def test_a_state_is_never_left_for_one_that_says_less(reported: list[CommandStatus]) -> None:
    order = {CommandStatus.UNKNOWN: 0, P: 1, D: 2, OK: 3, ERROR: 3, EXPIRED: 3}
    command = Command("c", "d", "switch", 1, 0, 1)
    for status in reported:
        after = advance(command, status, None, 5)
        assert order[after.status] >= order[command.status]
        assert not command.ended or after is command
        command = after


async def test_a_command_goes_out_over_mqtt_and_its_result_comes_back(setting: Setting) -> None:
    lamp = await setting.device()
    await setting.commands.accept(lamp, "switch", {"level": 3}, "n1")
    await eventually(lambda: ("DELIVERED", "") in setting.reports.of())
    assert setting.world.published == [("/k/d1/cmd", b'{"switch":{"level":3}}')]
    setting.commands.results(lamp, {"switch": "done", "unknown": 1})
    await eventually(lambda: setting.reports.of()[-1] == ("OK", "done"))
    assert setting.commands.open(lamp.id) == []
    assert all("unknown_status" not in write.entity for write in setting.reports.writes)
    assert {write.tenant for write in setting.reports.writes} == {"openiot"}


async def test_the_same_notification_twice_is_one_command(setting: Setting) -> None:
    lamp = await setting.device()
    for _ in range(3):
        await setting.commands.accept(lamp, "switch", "on", "n1")
    await eventually(lambda: setting.reports.of()[-1:] == [("DELIVERED", "")])
    setting.commands.results(lamp, {"switch": "done"})
    await setting.commands.accept(lamp, "switch", "on", "n1")
    await asyncio.sleep(0)
    assert len(setting.world.published) == 1


async def test_commands_wait_for_the_mqtt_broker_and_keep_their_order(setting: Setting) -> None:
    setting.world.connected = False
    lamp = await setting.device()
    for number in range(3):
        await setting.commands.accept(lamp, "switch", number, f"n{number}")
    await eventually(lambda: setting.reports.of() == [("PENDING", "")])
    setting.world.connected = True
    setting.commands.heard(lamp)
    await eventually(lambda: len(setting.world.published) == 3)
    assert [payload for _, payload in setting.world.published] == [b'{"switch":0}', b'{"switch":1}', b'{"switch":2}']


async def test_a_command_nobody_could_take_in_time_expires_and_never_goes_out(setting: Setting) -> None:
    setting.world.connected = False
    lamp = await setting.device()
    await setting.commands.accept(lamp, "switch", "on", "n1", setting.now + HOUR)
    await eventually(lambda: setting.reports.of() == [("PENDING", "")])
    setting.now += 2 * HOUR
    setting.world.connected = True
    setting.commands.heard(lamp)
    await eventually(lambda: setting.reports.of()[-1][0] == "EXPIRED")
    assert setting.world.published == []
    setting.commands.results(lamp, {})
    assert setting.commands.open(lamp.id) == []


async def test_a_sleeping_device_collects_its_commands_once(setting: Setting) -> None:
    lamp = await setting.device(transport="HTTP", commands=[{"name": "switch"}, {"name": "dim"}])
    await setting.commands.accept(lamp, "switch", "on", "n1")
    await setting.commands.accept(lamp, "dim", 3, "n2")
    assert setting.world.published == []
    assert orjson.loads(pending(lamp, setting.commands.collect(lamp))) == {"switch": "on", "dim": 3}
    assert setting.commands.collect(lamp) == []
    await eventually(lambda: setting.reports.of("dim")[-1:] == [("DELIVERED", "")])


async def test_a_device_with_an_endpoint_answers_with_the_result(setting: Setting) -> None:
    lamp = await setting.device(endpoint="http://127.0.0.1:9/lamp", transport="HTTP")
    setting.world.answer = (200, b'{"switch":"is on"}')
    await setting.commands.accept(lamp, "switch", "on", "n1")
    await eventually(lambda: ("OK", "is on") in setting.reports.of())
    url, body, headers = setting.world.posted[0]
    assert (url, body) == ("http://127.0.0.1:9/lamp", b'{"switch":"on"}')
    assert headers["fiware-service"] == "openiot"
    setting.world.answer = (500, b"")
    await setting.commands.accept(lamp, "switch", "off", "n2")
    await eventually(lambda: setting.reports.of()[-1] == ("ERROR", "the device answered 500"))


async def test_ultralight_devices_are_told_in_ultralight(setting: Setting) -> None:
    lamp = await setting.device(protocol="PDI-IoTA-UltraLight", commands=[{"name": "switch"}, {"name": "set"}])
    await setting.commands.accept(lamp, "switch", "on", "n1")
    await setting.commands.accept(lamp, "set", {"a": 1, "b": "x"}, "n2")
    await eventually(lambda: len(setting.world.published) == 2)
    assert [payload for _, payload in setting.world.published] == [b"d1@switch|on", b"d1@set|a=1|b=x"]


@pytest.mark.parametrize(
    ("command", "value", "told"),
    [
        ({"name": "switch", "expression": "{state: value == 'on' ? 1 : 0}"}, "on", b'{"switch":{"state":1}}'),
        ({"name": "switch", "payloadType": "binaryfromhex"}, "01ff", b"\x01\xff"),
        ({"name": "switch", "payloadType": "text"}, "on", b"on"),
        ({"name": "switch", "payloadType": "json"}, {"a": 1}, b'{"a":1}'),
    ],
)
async def test_a_command_says_how_it_is_told(setting: Setting, command: Any, value: Any, told: bytes) -> None:
    lamp = await setting.device(commands=[command])
    await setting.commands.accept(lamp, "switch", value, "n1")
    await eventually(lambda: bool(setting.world.published))
    assert setting.world.published[0][1] == told


@pytest.mark.parametrize(
    ("command", "value"),
    [
        ({"name": "switch", "expression": "value|nothing + 1"}, "on"),
        ({"name": "switch", "payloadType": "binaryfromhex"}, "xyz"),
    ],
)
async def test_a_command_that_cannot_be_told_ends_in_error_with_the_reason(
    setting: Setting, command: dict[str, Any], value: Any
) -> None:
    command = {**command, "expression": "missing + 1"} if "expression" in command else command
    lamp = await setting.device(commands=[command])
    await setting.commands.accept(lamp, "switch", value, "n1")
    await eventually(lambda: bool(setting.reports.of()) and setting.reports.of()[-1][0] == "ERROR")
    assert setting.reports.of()[-1][1]
    assert setting.world.published == []


async def test_a_lorawan_device_gets_its_command_with_its_next_uplink(setting: Setting) -> None:
    lorawan = {"dev_eui": "0011223344556677", "data_model": "application_server"}
    lamp = await setting.device(apikey=None, internal_attributes={"lorawan": lorawan})
    await setting.commands.accept(lamp, "switch", 1, "3ac7e3c4-0000-4000-8000-000000000000")
    await eventually(lambda: setting.reports.of() == [("PENDING", "")])
    setting.courier.routed(lamp, {"network": "chirpstack", "application": "app"})
    setting.commands.heard(lamp)
    await eventually(lambda: bool(setting.world.published))
    topic, payload = setting.world.published[0]
    assert topic == "application/app/device/0011223344556677/command/down"
    assert {"data": "AQ==", "fPort": 7, "id": "3ac7e3c4-0000-4000-8000-000000000000"}.items() <= orjson.loads(
        payload
    ).items()
    setting.commands.settled(["3ac7e3c4-0000-4000-8000-000000000000"], ERROR, "not acknowledged")
    await eventually(lambda: setting.reports.of()[-1] == ("ERROR", "not acknowledged"))


async def test_a_queue_that_is_full_refuses_and_says_so(setting: Setting) -> None:
    lamp = await setting.device(transport="HTTP")
    for number in range(QUEUE_LIMIT):
        await setting.commands.accept(lamp, "switch", number, f"n{number}")
    refused = await setting.commands.accept(lamp, "switch", "more", "last")
    assert refused.status is ERROR
    assert len(setting.commands.open(lamp.id)) == QUEUE_LIMIT


async def test_an_overtaken_command_does_not_hide_how_far_the_newest_has_come(setting: Setting) -> None:
    lamp = await setting.device(transport="HTTP")
    await setting.commands.accept(lamp, "switch", "on", "n1")
    await setting.commands.accept(lamp, "switch", "off", "n2")
    setting.commands.results(lamp, {"switch": "was on"})
    await eventually(lambda: bool(setting.reports.of()))
    assert ("OK", "was on") not in setting.reports.of()
    setting.commands.results(lamp, {"switch": "is off"})
    await eventually(lambda: setting.reports.of()[-1] == ("OK", "is off"))


async def test_commands_outlive_the_process(mongo_url: str) -> None:
    store = MongoProvisioning(mongo_url, database="agents_test_commands")
    first = Setting(store)
    lamp = await first.device(transport="HTTP")
    await first.commands.accept(lamp, "switch", "on", "n1")
    second = Setting(store)
    lamp = await second.device(transport="HTTP")
    await second.commands.load()
    second.start()
    assert (await second.commands.accept(lamp, "switch", "on", "n1")).id == "n1"
    assert [each.value for each in second.commands.collect(lamp)] == ["on"]
    second.commands.results(lamp, {"switch": "done"})
    await eventually(lambda: second.reports.of()[-1:] == [("OK", "done")])
    third = Setting(store)
    for _ in range(100):
        await third.commands.load()
        if not third.commands.open(lamp.id):
            break
        third = Setting(store)
        await asyncio.sleep(0.02)
    assert third.commands.open(lamp.id) == []
    await second.stop()
    await store.close()


# How the agents hear of commands


class Broker:
    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.entities: list[dict[str, Any]] = []
        self.subscriptions: list[tuple[dict[str, Any], str | None]] = []

    async def introduce(self, entities: Sequence[dict[str, Any]], tenant: str | None) -> None:
        if self.failures:
            self.failures -= 1
            raise BrokerUnavailable("away")
        self.entities += entities

    async def subscribe(self, subscription: dict[str, Any], tenant: str | None) -> str | None:
        self.subscriptions.append((subscription, tenant))
        return None


async def test_one_subscription_for_each_command_of_each_type_however_many_devices() -> None:
    broker = Broker(failures=1)
    listening = Listening(broker, Tally(), "http://127.0.0.1:4041/iot/notify")
    where = {"service": "openiot", "service_path": "/", "commands": [{"name": "switch"}, {"name": "dim"}]}
    devices = [device({"device_id": f"d{n}", "entity_type": "Lamp", **where}, None, CORE_CONTEXT) for n in range(5)]
    silent = device({"device_id": "mute", "service": "openiot", "service_path": "/"}, None, CORE_CONTEXT)
    work = asyncio.create_task(listening.run())
    listening.watch([*devices, silent])
    await eventually(lambda: len(broker.subscriptions) == 2)
    listening.watch(devices)
    await eventually(lambda: len(broker.entities) == 10)
    work.cancel()
    assert len(broker.subscriptions) == 2
    subscription, tenant = broker.subscriptions[0]
    assert tenant == "openiot"
    assert subscription["watchedAttributes"] == subscription["notification"]["attributes"] == ["switch"]
    assert subscription["notificationTrigger"] == ["attributeUpdated"]
    assert subscription["notification"]["endpoint"]["uri"].endswith("?command=switch&tenant=openiot")
    assert broker.entities[0]["switch_status"] == {"type": "Property", "value": "UNKNOWN"}
    assert all(not each["id"].endswith("mute") for each in broker.entities)


@pytest.fixture
async def http(setting: Setting) -> Calls:
    app = FastAPI()
    add_provisioning(app, setting.provisioning)
    add_commands(app, setting.provisioning, Devices({}), setting.commands)
    await setting.device()
    return Calls(app, {})


async def test_the_value_of_a_free_command_attribute_commands_nothing(setting: Setting, http: Calls) -> None:
    lamp = setting.provisioning.all()[0]
    free = {"type": "Property", "value": "UNKNOWN"}
    told = {"id": "urn:n:1", "type": "Notification", "data": [{"id": lamp.entity_id, "type": "Lamp", "switch": free}]}
    assert await http.post(f"{NOTIFY}?command=switch&tenant=openiot", told) == (204, None)
    path, headers = f"/ngsi-ld/v1/entities/{lamp.entity_id}/attrs", {"ngsild-tenant": "openiot"}
    assert (await http.patch(path, {"switch": free}, headers=headers))[0] == 204
    assert setting.commands.open(lamp.id) == []
    assert setting.world.published == []


async def test_a_wish_stands_until_it_is_taken_up_and_beside_the_state_afterwards(setting: Setting) -> None:
    lamp = await setting.device(transport="HTTP")
    await setting.commands.accept(lamp, "switch", "on", "n1")
    await eventually(lambda: setting.reports.of() == [("PENDING", "")])
    assert "switch" not in setting.reports.writes[-1].entity
    setting.commands.collect(lamp)
    await eventually(lambda: setting.reports.of()[-1] == ("DELIVERED", ""))
    assert setting.reports.writes[-1].entity["switch"] == {"type": "Property", "value": "UNKNOWN"}
    assert setting.reports.writes[-1].entity["switch_status"]["commanded"]["value"] == "on"


async def test_a_result_nobody_asked_for_leaves_a_wish_alone(setting: Setting) -> None:
    lamp = await setting.device()
    setting.commands.results(lamp, {"switch": "by hand"})
    await eventually(lambda: setting.reports.of() == [("OK", "by hand")])
    assert "switch" not in setting.reports.writes[-1].entity


async def test_a_notification_is_a_command_for_the_device_of_the_entity(setting: Setting, http: Calls) -> None:
    told = {
        "id": "urn:ngsi-ld:Notification:1",
        "type": "Notification",
        "data": [
            {"id": "urn:ngsi-ld:Lamp:d1", "type": "Lamp", "switch": {"type": "Property", "value": "on"}},
            {"id": "urn:ngsi-ld:Lamp:of-others", "type": "Lamp", "switch": {"type": "Property", "value": "on"}},
        ],
    }
    for _ in range(2):
        assert await http.post(f"{NOTIFY}?command=switch&tenant=openiot", told) == (204, None)
    assert await http.post(f"{NOTIFY}?command=switch&tenant=elsewhere", told) == (204, None)
    await eventually(lambda: setting.reports.of()[-1:] == [("DELIVERED", "")])
    assert setting.world.published == [("/k/d1/cmd", b'{"switch":"on"}')]


async def test_an_update_that_a_registration_passes_on_is_a_command(setting: Setting, http: Calls) -> None:
    headers = {"ngsild-tenant": "openiot"}
    path = "/ngsi-ld/v1/entities/urn:ngsi-ld:Lamp:d1/attrs"
    assert await http.patch(path, {"switch": {"type": "Property", "value": 1}}, headers=headers) == (204, None)
    assert await http.patch(f"{path}/switch", {"value": 2}, headers=headers) == (204, None)
    assert (await http.patch(f"{path}/nothing", {"value": 2}, headers=headers))[0] == 404
    assert (await http.patch(f"{path}/switch", {"value": 2}))[0] == 404
    await eventually(lambda: len(setting.world.published) == 2)


@pytest.mark.parametrize(
    "content", [b"{", b"[]", b"{}", b'{"data":1}', b'{"data":[1,{"id":2},{"id":"a","switch":null}]}']
)
async def test_whatever_else_is_told_does_no_harm(setting: Setting, http: Calls, content: bytes) -> None:
    status, _ = await http.post(f"{NOTIFY}?command=switch&tenant=openiot", content)
    assert status in (204, 400)
    assert setting.commands.open("openiot/d1") == []


async def test_a_radiator_valve_registered_by_its_model_takes_its_command_through_its_codec() -> None:
    models = bundled_models()
    devices = Devices(models)
    watched: list[Device] = []
    devices.on_registered = watched.extend
    await devices.register([{"id": "0011223344556677", "model": "mclimate/vicki"}])
    valve = devices.by_entity(watched[0].entity_id)
    assert valve is not None
    assert set(valve.commands) == {"targetTemperature"}
    sandbox = CodecSandbox(sources(models))
    world, reports = World(), Reports()
    courier = DeviceCourier(world, world, sandbox, lambda: 0)
    courier.routed(valve, {"network": "chirpstack", "application": "app"})
    storage: Any = reports
    commands = Commands(courier, storage, Tally(), devices.get)
    work = asyncio.create_task(commands.run())
    await commands.accept(valve, "targetTemperature", 21, "n1")
    await eventually(lambda: bool(world.published))
    topic, payload = world.published[0]
    assert topic == "application/app/device/0011223344556677/command/down"
    assert {"data": "DhU=", "fPort": 1}.items() <= orjson.loads(payload).items()
    await commands.accept(valve, "targetTemperature", "warm", "n2")
    await eventually(lambda: reports.of("targetTemperature")[-1][0] == "ERROR")
    assert "from 5 to 30" in reports.of("targetTemperature")[-1][1]
    work.cancel()
    await commands.close()
    await sandbox.close()


@pytest.mark.parametrize(
    "expires",
    [
        {"type": "Property", "value": "2026-11-23T12:00:00Z"},
        {"type": "Property", "value": {"@type": "DateTime", "@value": "2026-11-23T12:00:00Z"}},
        "2026-11-23T12:00:00Z",
    ],
)
def test_a_command_may_say_until_when_it_is_wished(expires: Any) -> None:
    told = {"id": "n", "data": [{"id": "urn:a", "switch": {"type": "Property", "value": 1, "expires": expires}}]}
    assert [each.expires for each in notified(told, "switch")] == [1_795_435_200_000_000]
    told["data"][0]["switch"]["expires"] = {"value": "soon"}  # type: ignore[index]
    assert [each.expires for each in notified(told, "switch")] == [None]
