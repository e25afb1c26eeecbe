"""A broker's upsert endpoint that remembers what it was sent, and a device's ChirpStack event."""

import base64
import json
from collections.abc import Callable, Sequence
from typing import Any

from aiohttp import web

from agents.core.errors import NoHistory
from agents.operations.ports import EntityRef


class FakeBroker:
    """`POST …/entityOperations/upsert` on a free port."""

    def __init__(self) -> None:
        self.requests: list[list[dict[str, Any]]] = []
        self.answer: Callable[[list[dict[str, Any]]], web.Response] = lambda entities: web.Response(status=204)
        self._runner: web.AppRunner | None = None
        self.url = ""

    @property
    def entities(self) -> list[dict[str, Any]]:
        return [entity for request in self.requests for entity in request]

    async def start(self, port: int = 0) -> None:
        app = web.Application()
        app.router.add_post("/ngsi-ld/v1/entityOperations/upsert", self._upsert)
        app.router.add_post("/ngsi-ld/v1/entityOperations/query", self._query)
        app.router.add_post("/ngsi-ld/v1/entityOperations/update", self._query)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self.port}"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _query(self, request: web.Request) -> web.Response:
        return web.json_response([])

    async def _upsert(self, request: web.Request) -> web.Response:
        assert request.query["options"] == "update"
        assert request.content_type == "application/ld+json"
        entities = await request.json()
        response = self.answer(entities)
        if response.status < 300:
            self.requests.append(entities)
        return response


class Mute:
    """A broker in memory that takes everything, knows no state and keeps no history."""

    def __init__(self) -> None:
        self.batches: list[list[dict[str, Any]]] = []
        self.refuse: dict[str, str] = {}

    async def upsert(self, entities: Sequence[dict[str, Any]], tenant: str | None = None) -> dict[str, str]:
        self.batches.append(list(entities))
        return {e["id"]: self.refuse[e["id"]] for e in entities if e["id"] in self.refuse}

    async def decided(self, entities: Sequence[EntityRef]) -> None:
        return None

    async def newest(self, entities: Sequence[EntityRef]) -> dict[str, dict[str, int]]:
        return {}

    async def recorded(self, entity: EntityRef, at: int) -> dict[str, list[Any]] | None:
        return None

    async def append_to_history(self, entity: EntityRef, fragment: dict[str, Any]) -> str | None:
        raise NoHistory("none")


def event(dev_eui: str, payload: bytes, port: int, number: int = 1, **members: Any) -> bytes:
    message = {
        "deduplicationId": f"{dev_eui}-{number}",
        "time": "2026-11-23T10:00:00.123456789+00:00",
        "deviceInfo": {"devEui": dev_eui, "tags": {}},
        "fCnt": number,
        "fPort": port,
        "data": base64.b64encode(payload).decode(),
        "rxInfo": [{"gatewayId": "a", "rssi": -110, "snr": -3}, {"gatewayId": "b", "rssi": -57, "snr": 9.5}],
        **members,
    }
    return json.dumps(message).encode()


BIN = "24e124713c000001"
BIN_TOPIC = f"application/app/device/{BIN}/event/up"
BIN_FRAME = bytes.fromhex("01755c0367010104824408050000")
"""92 % battery, 25.7 °C, 2116 mm, upright."""


def registration(device_id: str = BIN, **members: Any) -> dict[str, Any]:
    return {
        "id": device_id,
        "model": "milesight-iot/em400-mud",
        "entityId": f"urn:ngsi-ld:WasteContainer:{device_id}",
        "parameters": {"emptyDistance": 3000, "fullDistance": 1000},
        "attributes": {"location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [5.93, 49.47]}}},
        **members,
    }
