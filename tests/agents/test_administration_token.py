"""Who administers shows a token, wherever others than this machine could reach the agents."""

import asyncio
import os
import sys
from pathlib import Path

import pytest
from aiohttp import web
from fastapi import FastAPI

from agents.app import create_app
from agents.http.guard import broker_credential
from agents.operations.listening import Interest, subscription
from agents.settings import read_settings
from tests.agents.calls import Calls

TOKEN = "a-secret-of-some-length"
ADMINISTERING = ["/devices", "/devices/a", "/devices/a/trace", "/rejected", "/models", "/skipped", "/unknown-devices",
                 "/admin/log", "/openapi.json", "/nowhere"]  # fmt: skip
PROVISIONING = ["/iot/groups", "/iot/services", "/iot/devices", "/iot/waiting", "/iot/devices/"]
PROBES = ["/health", "/ready", "/version", "/metrics", "/iot/about"]


def agents(tmp_path: Path, *options: str) -> FastAPI:
    nowhere = ("--mqtt-url", "mqtt://127.0.0.1:9", "--broker-url", "http://127.0.0.1:9")
    return create_app(read_settings((*nowhere, "--data-dir", str(tmp_path), *options), {}))


async def get(app: FastAPI, path: str, token: str | None = None) -> int:
    headers = {"fiware-service": "a", "fiware-servicepath": "/"}
    if token is not None:
        headers["authorization"] = token
    status, _ = await Calls(app, {}).get(path, headers=headers)
    return status


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_on_the_loopback_address_nobody_is_asked_until_a_token_is_set(tmp_path: Path, host: str) -> None:
    app = agents(tmp_path, "--host", host)
    assert [await get(app, path) for path in ("/devices", "/models", "/iot/groups")] == [200, 200, 200]
    app = agents(tmp_path, "--host", host, "--token", TOKEN)
    assert [await get(app, path) for path in ("/devices", "/models", "/iot/groups")] == [401, 401, 401]


@pytest.mark.parametrize("path", ADMINISTERING)
async def test_elsewhere_nothing_that_administers_is_served_without_a_token(tmp_path: Path, path: str) -> None:
    status, told = await Calls(agents(tmp_path, "--host", "0.0.0.0"), {}).get(path)
    assert status == 401
    assert "ECLOR_AGENTS_TOKEN=TOKEN" in told["detail"]


async def test_elsewhere_the_scripts_of_fiware_that_know_no_token_are_served_with_a_warning(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    app = agents(tmp_path, "--host", "0.0.0.0")
    assert "provisioning_open" in (told := "".join(capfd.readouterr()))
    assert "ECLOR_AGENTS_TOKEN" in told
    assert await get(app, "/iot/groups") == 200
    for silent in (("--token", TOKEN), ("--token", "off")):
        agents(tmp_path, "--host", "0.0.0.0", *silent)
    agents(tmp_path)
    told = "".join(capfd.readouterr())
    assert "provisioning_open" not in told
    assert TOKEN not in told


async def test_off_serves_all_though_others_may_reach_the_port(tmp_path: Path) -> None:
    app = agents(tmp_path, "--host", "0.0.0.0", "--token", "off")
    assert [await get(app, path) for path in ("/devices", "/iot/groups")] == [200, 200]


@pytest.mark.parametrize("shown", [None, "", TOKEN, "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Basic {TOKEN}"])
@pytest.mark.parametrize("path", [*ADMINISTERING, *PROVISIONING, "/iot/notify", "/ngsi-ld/v1/entities"])
async def test_where_one_is_set_nothing_else_opens(tmp_path: Path, path: str, shown: str | None) -> None:
    assert await get(agents(tmp_path, "--host", "0.0.0.0", "--token", TOKEN), path, shown) == 401


async def test_the_token_opens_what_administers_and_provisions(tmp_path: Path) -> None:
    app = agents(tmp_path, "--host", "0.0.0.0", "--token", TOKEN)
    for path in ("/devices", "/models", "/iot/groups", "/iot/devices", "/iot/waiting"):
        assert await get(app, path, f"Bearer {TOKEN}") == 200
        assert await get(app, path, f"bearer {TOKEN}") == 200


@pytest.mark.parametrize("token", ["", TOKEN])
async def test_probes_devices_and_network_servers_need_none(tmp_path: Path, token: str) -> None:
    app = agents(tmp_path, "--host", "0.0.0.0", "--token", token, "--lorawan-tokens", "another-secret")
    for path in PROBES:
        assert await get(app, path) in (200, 503)
    for path in ("/iot/json", "/iot/d", "/iot/json/commands"):
        status, told = await Calls(app, {}).post(path, {"t": 1})
        assert status == 400, told  # a key and an identifier are missing, which is their way to prove themselves
    status, told = await Calls(app, {}).post("/lorawan/any", {})
    assert "/lorawan" in str(told) or "?token=" in str(told)  # its own rule


async def test_the_broker_has_a_credential_of_its_own_that_administers_nothing(tmp_path: Path) -> None:
    app = agents(tmp_path, "--token", TOKEN)
    shown = f"Bearer {broker_credential(TOKEN)}"
    for path in ("/devices", "/models", "/iot/groups", "/iot/devices"):
        assert await get(app, path, shown) == 401
    content = {"type": "Notification", "data": []}
    for opened in (shown, f"Bearer {TOKEN}"):
        status, _ = await Calls(app, {"authorization": opened}).post("/iot/notify?command=on", content)
        assert status == 204
    status, _ = await Calls(app, {}).post("/iot/notify?command=on", content)
    assert status == 401
    assert await get(app, "/ngsi-ld/v1/entities/urn:x:1", shown) != 401


def test_without_a_token_the_broker_is_given_no_credential() -> None:
    told = subscription(Interest(None, "Lamp", "http://context", "on"), "http://agents/iot/notify", "")
    assert "receiverInfo" not in told["notification"]["endpoint"]
    told = subscription(Interest(None, "Lamp", "http://context", "on"), "http://agents/iot/notify", "c")
    assert told["notification"]["endpoint"]["receiverInfo"] == [{"key": "Authorization", "value": "Bearer c"}]


@pytest.mark.parametrize("token", ["short", "with a blank", "äöüäöüäöü", "line\nline\n"])
def test_a_token_that_no_header_could_carry_or_anybody_guess_ends_the_process(token: str) -> None:
    with pytest.raises(SystemExit):
        read_settings(("--token", token), {})
    assert read_settings((), {"ECLOR_AGENTS_TOKEN": TOKEN}).token == TOKEN


async def test_the_console_shows_the_token_of_the_environment() -> None:
    shown: list[str | None] = []

    async def devices(request: web.Request) -> web.Response:
        shown.append(request.headers.get("Authorization"))
        return web.json_response({"count": 0, "devices": []})

    app = web.Application()
    app.router.add_get("/devices", devices)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    for token in (TOKEN, ""):
        environment = {**os.environ, "ECLOR_AGENTS_URL": url, "ECLOR_AGENTS_TOKEN": token}
        console = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "agents.console", "silent", env=environment, stdout=asyncio.subprocess.DEVNULL
        )
        assert await console.wait() == 0
    await runner.cleanup()
    assert shown == [f"Bearer {TOKEN}", None]
