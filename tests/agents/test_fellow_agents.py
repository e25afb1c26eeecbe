"""Several agents that share messages: one is told of groups and devices, all know them, each measure is stored once."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import aiohttp
import aiomqtt
import pytest

from agents.core.errors import StoreUnavailable
from agents.core.model import Device
from agents.operations.fellow_agents import follow
from agents.operations.provisioning import Provisioning
from tests.agents.conftest import Mosquitto, eventually
from tests.agents.field import FakeBroker
from tests.agents.test_iot_provisioning import GROUP, uplink
from tests.agents.test_process import AgentProcess
from tests.agents.test_provisioning_stored import Faltering

IOT = {"fiware-service": "fellows", "fiware-servicepath": "/"}
MESSAGES, DEVICES = 60, 6


async def test_what_one_is_told_the_other_takes_up() -> None:
    store = Faltering()
    gone: list[str] = []
    changed: list[str] = []

    def told(names: list[str]) -> Callable[[Sequence[Device]], None]:
        return lambda found: names.extend(each.provisioned.device_id for each in found)

    one = Provisioning(store)
    other = Provisioning(store, on_change=told(changed), on_gone=told(gone))
    await one.add_groups([GROUP], "openiot", "/")
    await one.add_devices([{"device_id": "d1"}, {"device_id": "d2"}], "openiot", "/")
    await other.refresh()
    assert [each.id for each in other.all()] == ["openiot/d1", "openiot/d2"]
    assert changed == ["d1", "d2"]
    came = other.find(uplink("d3"))
    assert isinstance(came, Device)  # of a group that the other one was told of; not saved yet
    await one.change_device({"entity_name": "hall"}, "openiot", "/", "d1")
    await one.remove_devices([("d2", None)], "openiot", "/")
    changed.clear()
    await other.refresh()
    assert {each.provisioned.device_id: each.entity_id for each in other.all()} == {
        "d1": "urn:ngsi-ld:Room:hall",
        "d3": came.entity_id,
    }
    assert changed == ["d1"]
    assert sorted(gone) == ["d1", "d2"]  # the entity that d1 had, and d2
    changed.clear()
    await other.refresh()
    assert changed == []


async def test_others_are_followed_only_where_something_changed_and_a_store_that_is_away_is_asked_again() -> None:
    class Kept:
        def __init__(self) -> None:
            self.answers: list[int | None] = [1, None, 1, 2]
            self.refreshed: list[int] = []
            self.asked = asyncio.Event()

        async def revision(self) -> int:
            if not self.answers:
                self.asked.set()
                await asyncio.Event().wait()
            answer = self.answers.pop(0)
            if answer is None:
                raise StoreUnavailable("away")
            return answer

        async def refresh(self) -> None:
            self.refreshed.append(len(self.answers))

    kept, reasons = Kept(), list[str]()
    following = asyncio.create_task(follow([kept], reasons.append, every=0))
    await kept.asked.wait()
    following.cancel()
    assert kept.refreshed == [3, 0]
    assert reasons == ["away"]


@pytest.fixture
async def fellows(
    broker: FakeBroker, mosquitto: Mosquitto, mongo_url: str, tmp_path: Path
) -> AsyncIterator[list[AgentProcess]]:
    fellows = []
    for name in ("one", "other"):
        directory = tmp_path / name
        directory.mkdir()
        fellow = AgentProcess(broker, mosquitto, directory / "agent.log")
        fellow.use_mongo(mongo_url)
        fellow.use("--mqtt-share", "fellows", "--mqtt-client-id", name)
        fellow.start()
        fellows.append(fellow)
    for fellow in fellows:
        await fellow.healthy()
    yield fellows
    for fellow in fellows:
        fellow.stop()


async def test_a_group_told_to_one_agent_serves_messages_that_come_to_either_each_once(
    fellows: list[AgentProcess], broker: FakeBroker, mosquitto: Mosquitto
) -> None:
    group = {"resource": "/iot/json", "apikey": "fellowkey", "entity_type": "Room"}
    async with aiohttp.ClientSession() as http:
        async with http.post(fellows[0].url + "/iot/groups", json={"groups": [group]}, headers=IOT) as answer:
            assert answer.status == 201
        async with aiomqtt.Client("127.0.0.1", mosquitto.port) as client:
            for number in range(MESSAGES):
                await client.publish(f"/json/fellowkey/d{number % DEVICES}/attrs", b'{"n": %d}' % number, qos=1)

        def stored() -> Counter[int]:
            return Counter(each["n"]["value"] for each in broker.entities if "n" in each)

        await eventually(lambda: len(stored()) == MESSAGES)
        for fellow in fellows:
            async with http.get(fellow.url + "/rejected") as answer:
                assert await answer.json() == []
        async with http.delete(
            fellows[1].url + "/iot/groups?resource=/iot/json&apikey=fellowkey&device=true", headers=IOT
        ) as answer:
            assert answer.status == 204
    assert set(stored().values()) == {1}
