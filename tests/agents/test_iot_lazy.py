"""Lazy attributes: registered at the broker, asked of the device, never stored."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from fastapi import FastAPI

from agents.core.errors import BrokerUnavailable, UnusableReading
from agents.core.measured import measured
from agents.core.model import Device, Reading
from agents.http.iot_lazy import add_lazy
from agents.operations.lazy_reading import FRESH, SILENCE, LazyReading
from agents.operations.lazy_registration import LazyRegistration, registration
from agents.operations.provisioning import Provisioning
from agents.operations.tally import Tally
from tests.agents.calls import Calls
from tests.agents.conftest import eventually

NOW = 1_764_000_000_000_000
LAZY = [{"object_id": "b", "name": "battery", "type": "Number", "expression": "b / 100"}]
ROOM = "urn:ngsi-ld:Room:d1"


class Field:
    """Devices over MQTT and HTTP."""

    def __init__(self) -> None:
        self.published: list[tuple[str, bytes]] = []
        self.posted: list[tuple[str, bytes]] = []
        self.said: tuple[int, bytes] | None = (200, b'{"b": 70}')

    async def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool) -> bool:
        self.published.append((topic, payload))
        return True

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes] | None:
        self.posted.append((url, body))
        return self.said


class Setting:
    def __init__(self, patience: float = 30) -> None:
        self.now = NOW
        self.field = Field()
        self.provisioning = Provisioning()
        self.reading = LazyReading(self.field, self.field, patience=patience, now=lambda: self.now)
        app = FastAPI()
        add_lazy(app, self.provisioning, self.reading)
        self.http = Calls(app, {"ngsild-tenant": "openiot"})

    async def device(self, **document: Any) -> Device:
        given = {"device_id": "d1", "apikey": "k", "entity_type": "Room", "lazy": LAZY, **document}
        return (await self.provisioning.add_devices([given], "openiot", "/"))[0]


@pytest.fixture
def setting() -> Setting:
    return Setting()


@pytest.fixture
def impatient() -> Setting:
    return Setting(patience=0.05)


async def test_a_device_over_mqtt_is_asked_and_its_measure_is_the_answer(setting: Setting) -> None:
    room = await setting.device()
    asked = asyncio.create_task(setting.http.get(f"/ngsi-ld/v1/entities/{ROOM}?attrs=battery"))
    await eventually(lambda: setting.field.published == [("/k/d1/cmd", b'{"b":""}')])
    setting.reading.heard(room, {"b": 50, "other": 1}, NOW)
    status, entity = await asked
    assert status == 200
    assert entity["battery"] == {"type": "Property", "value": 0.5, "observedAt": "2025-11-24T16:00:00Z"}
    assert set(entity) == {"id", "type", "battery", "@context"}


async def test_several_readers_at_once_ask_once_and_a_fresh_value_is_not_asked_for(setting: Setting) -> None:
    room = await setting.device()
    asked = [asyncio.create_task(setting.reading.read(room)) for _ in range(5)]
    await eventually(lambda: bool(setting.field.published))
    setting.reading.heard(room, {"battery": 50}, NOW)
    assert all(each["battery"]["value"] == 0.5 for each in await asyncio.gather(*asked))
    await setting.reading.read(room)
    assert len(setting.field.published) == 1
    setting.now += FRESH
    later = asyncio.create_task(setting.reading.read(room))
    await eventually(lambda: len(setting.field.published) == 2)
    setting.reading.heard(room, {"battery": 60}, setting.now)
    assert (await later)["battery"]["value"] == 0.6


async def test_who_reads_something_else_meanwhile_has_the_device_asked_for_that(setting: Setting) -> None:
    room = await setting.device(lazy=[*LAZY, {"name": "door", "type": "Text"}])
    battery = asyncio.create_task(setting.reading.read(room, ["battery"]))
    await eventually(lambda: bool(setting.field.published))
    door = asyncio.create_task(setting.reading.read(room, ["door"]))
    await eventually(lambda: len(setting.field.published) == 2)
    assert setting.field.published[1] == ("/k/d1/cmd", b'{"door":""}')
    setting.reading.heard(room, {"b": 50}, NOW)
    assert (await battery)["battery"]["value"] == 0.5
    assert not door.done()
    setting.reading.heard(room, {"door": "open"}, NOW)
    assert (await door)["door"]["value"] == "open"


async def test_what_a_silent_device_said_last_is_answered_and_nobody_waits_for_it_again_soon(
    impatient: Setting,
) -> None:
    room = await impatient.device()
    impatient.reading.heard(room, {"b": 20}, NOW - 10 * FRESH)
    assert (await impatient.reading.read(room))["battery"]["value"] == 0.2
    again = asyncio.create_task(impatient.reading.read(room))
    for _ in range(5):
        await asyncio.sleep(0)
    assert again.done()
    impatient.now += SILENCE + 1
    later = asyncio.create_task(impatient.reading.read(room))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not later.done()
    await later
    assert len(impatient.field.published) == 3


@pytest.mark.parametrize("said", [b'{"b": 70}', b'{"battery": 70}', b"70"])
async def test_a_device_with_an_endpoint_answers_there(setting: Setting, said: bytes) -> None:
    await setting.device(endpoint="http://device/", transport="HTTP")
    setting.field.said = (200, said)
    _, entity = await setting.http.get(f"/ngsi-ld/v1/entities/{ROOM}")
    assert entity["battery"]["value"] == 0.7
    assert setting.field.posted == [("http://device/", b'{"b":""}')]
    assert setting.field.published == []


async def test_ultralight_is_asked_and_answers_in_ultralight(setting: Setting) -> None:
    await setting.device(endpoint="http://device/", protocol="PDI-IoTA-UltraLight")
    setting.field.said = (200, b"b|70")
    _, entity = await setting.http.get(f"/ngsi-ld/v1/entities/{ROOM}")
    assert entity["battery"]["value"] == 0.7
    assert setting.field.posted == [("http://device/", b"d1@b|")]


@pytest.mark.parametrize("said", [None, (500, b""), (200, b""), (200, b'{"b": "full"}')])
async def test_what_a_device_never_said_is_not_answered(setting: Setting, said: Any) -> None:
    await setting.device(endpoint="http://device/")
    setting.field.said = said
    assert (await setting.http.get(f"/ngsi-ld/v1/entities/{ROOM}"))[0] == 404
    assert await setting.http.get(f"/ngsi-ld/v1/entities?id={ROOM}&type=Room") == (200, [])


async def test_a_query_gives_the_entities_it_names_within_the_tenant(setting: Setting) -> None:
    await setting.device(endpoint="http://device/")
    await setting.device(device_id="d2", lazy=[])
    path = f"/ngsi-ld/v1/entities?id={ROOM},urn:ngsi-ld:Room:d2,urn:ngsi-ld:Room:no&attrs=battery"
    _, found = await setting.http.get(path)
    assert [each["id"] for each in found] == [ROOM]
    assert await setting.http.get(path, headers={"ngsild-tenant": "other"}) == (200, [])
    assert (await setting.http.get(f"/ngsi-ld/v1/entities/{ROOM}", headers={}))[0] == 404


async def test_measures_of_lazy_attributes_are_not_stored(setting: Setting) -> None:
    room = await setting.device()
    found = measured(Reading(room.id, {"b": 50, "battery": 50, "t": 1}, NOW), room, NOW, timed=False)
    assert {name for name in found.entities[0] if name not in ("id", "type", "@context")} == {"t"}
    assert measured(Reading(room.id, {"b": 50}, NOW), room, NOW, timed=False).entities == []
    with pytest.raises(UnusableReading):
        measured(Reading(room.id, {}, NOW), room, NOW, timed=False)


class Registry:
    """The broker's registrations."""

    def __init__(self) -> None:
        self.away = False
        self.standing: dict[str, Any] = {}

    async def register(self, document: dict[str, Any], tenant: str | None) -> str | None:
        if self.away:
            raise BrokerUnavailable("away")
        self.standing[document["id"]] = (document, tenant)
        return None

    async def unregister(self, registration_id: str, tenant: str | None) -> None:
        self.standing.pop(registration_id, None)


async def test_the_broker_is_told_of_lazy_attributes_and_of_their_end(setting: Setting) -> None:
    registry = Registry()
    registry.away = True
    registering = LazyRegistration(registry, Tally(), "http://agents")
    work = asyncio.create_task(registering.run())
    room = await setting.device(lazy=[*LAZY, {"name": "owner", "type": "Relationship"}])
    registering.watch([room, await setting.device(device_id="plain", lazy=[])])
    await asyncio.sleep(0.01)
    registry.away = False
    await eventually(lambda: len(registry.standing) == 1)
    document, tenant = next(iter(registry.standing.values()))
    assert tenant == document["tenant"] == "openiot"
    assert document["information"] == [
        {"entities": [{"id": ROOM, "type": "Room"}], "propertyNames": ["battery"], "relationshipNames": ["owner"]}
    ]
    assert (document["operations"], document["endpoint"]) == (["retrieveOps"], "http://agents")
    assert document == registration(room, "http://agents")
    registering.gone([room])
    await eventually(lambda: registry.standing == {})
    work.cancel()
