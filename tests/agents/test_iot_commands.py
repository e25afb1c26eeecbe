"""Commands: on their way to the device and back, in every state."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.adapters.mongo.provisioning import MongoProvisioning
from agents.core.commands import Command, CommandStatus, advance
from agents.operations.commands import QUEUE_LIMIT
from agents.operations.courier import pending
from tests.agents.command_setting import HOUR, Setting
from tests.agents.conftest import eventually

P, D, OK, ERROR, EXPIRED = (CommandStatus(name) for name in ("PENDING", "DELIVERED", "OK", "ERROR", "EXPIRED"))


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
