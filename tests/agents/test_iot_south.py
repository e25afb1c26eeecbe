"""Devices over HTTP: who is let in, and resources of one's own."""

import logging
from collections.abc import Sequence
from typing import Any

import pytest
import structlog
from fastapi import FastAPI

from agents.core.provisioned import MODEL
from agents.http.administration import LogLevel, add_administration
from agents.http.iot_provisioning import add_provisioning
from agents.http.iot_south import South
from agents.http.ports import OWN
from agents.operations.devices import Devices
from agents.operations.iot import READABLE
from agents.operations.ports import Delivery
from agents.operations.provisioning import Provisioning
from agents.operations.status import Status
from tests.agents.calls import Calls

GROUP = {"resource": "/iot/json", "apikey": "key", "entity_type": "Room"}


class Taken:
    """The intake, which here keeps what it is given."""

    def __init__(self) -> None:
        self.topics: list[tuple[str, bytes]] = []

    async def accept(self, deliveries: Sequence[Delivery]) -> None:
        self.topics += [(each.topic, each.payload) for each in deliveries]


class NoCommands:
    def collect(self, device: object) -> list[Any]:
        return []


class Side:
    def __init__(self) -> None:
        self.ready = True
        self.taken = Taken()
        self.devices = Devices({MODEL: READABLE})
        self.provisioning = self.devices.provisioning = Provisioning()
        app = FastAPI()
        intake: Any = self.taken
        commands: Any = NoCommands()
        add_provisioning(app, self.provisioning)
        South(self.devices, intake, commands, lambda: self.ready).add(app)
        self.http = Calls(app, {})


@pytest.fixture
def side() -> Side:
    return Side()


@pytest.mark.parametrize("path", ["", "/attrs/t", "/commands", "/configuration"])
@pytest.mark.parametrize("resource", ["/iot/json", "/iot/d", OWN])
async def test_an_unknown_key_provisions_nothing_and_is_told_so(side: Side, resource: str, path: str) -> None:
    await side.provisioning.add_groups([GROUP], "openiot", "/")
    await side.provisioning.add_devices([{"device_id": "d1", "apikey": "own"}], "openiot", "/")
    for key in ("other", "own"):
        status, problem = await side.http.post(f"{resource}{path}?i=new&k={key}", {"t": 1})
        assert (status, problem["name"]) == (404, "DEVICE_GROUP_NOT_FOUND")
        assert key not in problem["message"]
    assert side.taken.topics == []
    assert [each["device_id"] for each in side.provisioning.devices("openiot", "/")] == ["d1"]
    assert (await side.http.get(f"{resource}?i=new&k=other&getCmd=1"))[0] == 404


async def test_a_known_key_or_device_is_let_in(side: Side) -> None:
    await side.provisioning.add_groups([{**GROUP, "autoprovision": False}], "openiot", "/")
    await side.provisioning.add_devices([{"device_id": "d1", "apikey": "own"}], "openiot", "/")
    for sender in ("i=new&k=key", "i=d1&k=own"):
        assert (await side.http.post(f"/iot/json?{sender}", {"t": 1}))[0] == 200
    assert [topic for topic, _ in side.taken.topics] == ["/json/key/new/attrs", "/json/own/d1/attrs"]


async def test_before_the_registrations_are_loaded_nobody_is_unknown(side: Side) -> None:
    side.ready = False
    assert (await side.http.post("/iot/json?i=d&k=key", {"t": 1}))[0] == 200
    assert side.taken.topics == [("/json/key/d/attrs", b'{"t": 1}')]


async def test_at_a_resource_of_ones_own_the_content_tells_the_protocol(side: Side) -> None:
    await side.provisioning.add_groups([{**GROUP, "resource": "/my/place"}], "openiot", "/")
    assert side.provisioning.resources == {"/my/place"}
    for path, body in (("", {"t": 1}), ("", b"t|1"), ("/attrs/t", {"a": 1}), ("/commands", b"d@switch|ok")):
        assert (await side.http.post(f"{OWN}{path}?i=d&k=key", body))[0] == 200
    assert [topic for topic, _ in side.taken.topics] == [
        "/json/key/d/attrs", "/ul/key/d/attrs", "/json/key/d/attrs/t", "/ul/key/d/cmdexe",
    ]  # fmt: skip


async def test_the_level_of_the_log_is_read_and_set_and_counts() -> None:
    app, level = FastAPI(), LogLevel()
    add_administration(app, Status(lambda: True, lambda: 0, lambda: True), level, 4041)
    http = Calls(app, {})
    assert await http.get("/admin/log") == (200, {"level": "INFO"})
    assert await http.put("/admin/log", None) == (400, {"error": "log level missing"})
    assert await http.put("/admin/log?level=loud", None) == (400, {"error": "invalid log level"})
    assert await http.put("/admin/log?level=warning", None) == (200, None)
    assert await http.get("/admin/log") == (200, {"level": "WARN"})
    logger = logging.getLogger("nobody")
    with pytest.raises(structlog.DropEvent):
        level(logger, "info", {"event": "started"})
    assert level(logger, "error", {"event": "failed"}) == {"event": "failed"}
    assert {"libVersion", "port", "baseRoot", "version"} <= set((await http.get("/iot/about"))[1])
    assert await http.get("/ready") == (200, {"ready": True})
