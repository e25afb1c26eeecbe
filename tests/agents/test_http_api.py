"""The agents' HTTP API over ASGI."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from fastapi import FastAPI

from agents.adapters.spool import SqliteSpool
from agents.codecs.registry import bundled_models
from agents.core.errors import StoreUnavailable
from agents.http.api import BODY_LIMIT, add_routes
from agents.http.supervision import add_supervision
from agents.operations.backlog import Backlog
from agents.operations.devices import Devices
from agents.operations.forward import Forwarder
from agents.operations.observation import Observation
from agents.operations.status import Status
from agents.operations.supervise import Supervision
from agents.operations.tally import Tally
from agents.operations.trace import Trace
from tests.agents.field import BIN, Mute, registration


class Away:
    def all(self) -> Any:
        raise StoreUnavailable("away")

    async def save(self, devices: object) -> None:
        raise StoreUnavailable("MongoDB does not answer")

    async def remove(self, device_id: str) -> None:
        raise StoreUnavailable("MongoDB does not answer")


class Answer:
    def __init__(self, status: int, body: bytes) -> None:
        self.status_code = status
        self.text = body.decode()

    def json(self) -> Any:
        return json.loads(self.text)


class Http:
    """Calls an ASGI application without a socket."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    async def call(self, method: str, path: str, content: bytes = b"") -> Answer:
        path, _, query = path.partition("?")
        scope = {"type": "http", "method": method, "path": path, "raw_path": path.encode(), "headers": []}
        scope |= {"query_string": query.encode(), "http_version": "1.1", "asgi": {"version": "3.0"}}
        sent: list[dict[str, Any]] = []
        chunks = iter([{"type": "http.request", "body": content, "more_body": False}])

        async def receive() -> dict[str, Any]:
            return next(chunks, {"type": "http.disconnect"})

        async def send(message: Any) -> None:
            sent.append(message)

        await self._app(scope, receive, send)
        return Answer(sent[0]["status"], b"".join(each.get("body", b"") for each in sent[1:]))

    async def get(self, path: str) -> Answer:
        return await self.call("GET", path)

    async def delete(self, path: str) -> Answer:
        return await self.call("DELETE", path)

    async def post(self, path: str, body: object) -> Answer:
        return await self.call("POST", path, body if isinstance(body, bytes) else json.dumps(body).encode())


Serve: TypeAlias = Callable[..., Awaitable[Http]]


@pytest.fixture
async def serve(tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[Http]]]:
    """Makes clients of an API of their own."""
    spools: list[SqliteSpool] = []

    async def client(store: Any = None, *, working: bool = True) -> Http:
        app, tally, devices = FastAPI(), Tally(), Devices(bundled_models(), store)
        spool = SqliteSpool(tmp_path / f"{len(spools)}.sqlite3")
        spools.append(spool)
        backlog = Backlog(spool)
        await backlog.open()
        supervision = Supervision(devices, Forwarder(Mute(), tally), spool, tally)
        add_supervision(app, devices, backlog, Observation(supervision, Trace()))
        add_routes(app, devices, tally, Status(lambda: working, lambda: 0, lambda: True))
        return Http(app)

    yield client
    for spool in spools:
        await spool.close()


async def test_devices_are_registered_listed_shown_and_forgotten(serve: Serve) -> None:
    http = await serve()
    assert (await http.post("/devices", [registration(), registration("b")])).json() == {"created": 2, "updated": 0}
    assert (await http.post("/devices", registration())).json() == {"created": 0, "updated": 1}
    listed = (await http.get("/devices?limit=1&offset=1")).json()
    assert (listed["count"], [each["id"] for each in listed["devices"]]) == (2, ["b"])
    assert (await http.get(f"/devices/{BIN}")).json()["model"] == "milesight-iot/em400-mud"
    assert (await http.delete(f"/devices/{BIN}")).status_code == 204
    assert (await http.delete(f"/devices/{BIN}")).status_code == 404
    assert (await http.get(f"/devices/{BIN}")).status_code == 404


@pytest.mark.parametrize("body", [b"{", b"5", b'{"id": "a"}', b'[{"id": "a", "model": "no/such"}]'])
async def test_a_wrong_registration_says_why(serve: Serve, body: bytes) -> None:
    answer = await (await serve()).post("/devices", body)
    assert answer.status_code == 400
    assert answer.json()["detail"]


async def test_a_body_without_end_is_cut_off(serve: Serve) -> None:
    answer = await (await serve()).post("/devices", b" " * (BODY_LIMIT + 1))
    assert answer.status_code == 400


async def test_a_store_that_is_away_is_503_and_registers_nothing(serve: Serve) -> None:
    http = await serve(Away())
    assert (await http.post("/devices", registration())).status_code == 503
    assert (await http.get("/devices")).json()["count"] == 0


async def test_health_tells_probes_whether_measures_flow(serve: Serve) -> None:
    assert (await (await serve()).get("/health")).status_code == 200
    assert (await (await serve(working=False)).get("/health")).status_code == 503


async def test_about_models_metrics_and_lists_answer(serve: Serve) -> None:
    http = await serve()
    assert {each["id"] for each in (await http.get("/models")).json()} == set(bundled_models())
    assert "eclor_agents_devices 0" in (await http.get("/metrics")).text
    assert (await http.get("/rejected")).json() == []
    assert (await http.get("/unknown-devices")).json() == []
