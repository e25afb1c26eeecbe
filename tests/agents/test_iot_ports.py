"""The port for devices serves devices, and nothing that administers."""

from typing import Any

import pytest

from agents.http.ports import OWN, devices_only


async def reached(path: str, port: int, south: int, *resources: str) -> list[str]:
    calls: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        calls.append(scope["path"])

    async def send(message: Any) -> None:
        assert message.get("status", 404) == 404

    async def receive() -> Any:
        raise AssertionError("nothing is read of what is not served")

    scope = {"type": "http", "path": path, "server": ("127.0.0.1", port)}
    await devices_only(app, south, lambda: resources)(scope, receive, send)
    return calls


@pytest.mark.parametrize("path", ["/iot/json", "/iot/json/attrs/t", "/iot/d", "/iot/d/commands", "/lorawan/chirpstack"])
async def test_devices_are_served_on_both_ports(path: str) -> None:
    assert await reached(path, 7896, 7896)
    assert await reached(path, 4041, 7896)


@pytest.mark.parametrize(
    "path",
    ["/iot/devices", "/iot/groups", "/iot/notify", "/devices", "/health", "/iot/jsonx", "/", "/ngsi-ld/v1/entities/a"],
)
async def test_what_administers_is_served_on_its_own_port_alone(path: str) -> None:
    assert not await reached(path, 7896, 7896)
    assert await reached(path, 4041, 7896)
    assert await reached(path, 7896, 0)


@pytest.mark.parametrize("end", ["", "/attrs/t", "/commands", "/configuration"])
async def test_the_resource_of_a_group_is_a_route_for_devices(end: str) -> None:
    assert await reached("/my/place" + end, 7896, 7896, "/my/place") == [OWN + end]
    assert await reached("/my/place" + end, 7896, 7896, "/my") == []
    assert await reached("/my/place" + end, 7896, 7896, "") == []


@pytest.mark.parametrize("path", ["/iot/devices", "/devices", "/iot/notify", "/admin/log"])
async def test_a_resource_named_like_a_route_that_administers_does_not_lead_there(path: str) -> None:
    assert await reached(path, 7896, 7896, path) == [OWN]
