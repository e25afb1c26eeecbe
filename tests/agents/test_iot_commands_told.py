"""How the agents hear of commands: what they ask of the broker, and what it tells them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import orjson
import pytest
from fastapi import FastAPI

from agents.codecs.registry import bundled_models, sources
from agents.codecs.sandbox import CodecSandbox
from agents.core.errors import BrokerUnavailable
from agents.core.model import Device
from agents.core.notified import notified
from agents.core.provisioned import device
from agents.http.iot_commands import NOTIFY, add_commands
from agents.http.iot_provisioning import add_provisioning
from agents.operations.commands import Commands
from agents.operations.courier import DeviceCourier
from agents.operations.devices import Devices
from agents.operations.listening import Listening
from agents.operations.provisioned_devices import CORE_CONTEXT
from agents.operations.tally import Tally
from tests.agents.calls import Calls
from tests.agents.command_setting import Reports, Setting, World
from tests.agents.conftest import eventually


@pytest.fixture
async def setting() -> AsyncIterator[Setting]:
    made = Setting()
    made.start()
    yield made
    await made.stop()


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
