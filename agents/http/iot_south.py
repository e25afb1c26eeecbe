"""Devices over HTTP, as FIWARE's agents for JSON and UltraLight serve them: `/iot/json` and `/iot/d`."""

from collections.abc import Callable, Mapping
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response

from agents.core.errors import MalformedMessage, SpoolFull
from agents.core.iot_refusals import ProvisioningError
from agents.core.model import Device, Uplink
from agents.core.topics import MeasureTopic
from agents.http.ports import OWN
from agents.networks import json_measures, ultralight
from agents.operations.commands import Commands
from agents.operations.courier import pending
from agents.operations.devices import Devices
from agents.operations.intake import Intake
from agents.operations.ports import Delivery
from agents.operations.read import PAYLOAD_LIMIT


class South:
    """The south side over HTTP."""

    def __init__(
        self, devices: Devices, intake: Intake, commands: Commands, ready: Callable[[], bool] = lambda: True
    ) -> None:
        self._devices = devices
        self._intake = intake
        self._commands = commands
        self._ready = ready

    def add(self, app: FastAPI) -> None:
        """Add the routes to an application."""
        # At the resource of a group of one's own, the content tells the protocol.
        for path, protocol in (("/iot/json", "json"), ("/iot/d", "ul"), (OWN, "")):
            self._add(app, path, protocol)

    def _add(self, app: FastAPI, path: str, protocol: str) -> None:
        @app.get(path)
        async def measures_in_query(request: Request) -> Response:
            """Measures in the parameter `d`, or a question for commands (`getCmd=1`) alone."""
            return await self._measures(request, protocol, request.query_params.get("d", "").encode())

        @app.post(path)
        async def measures(request: Request) -> Response:
            """Measures in the body; answered when they are durable."""
            return await self._measures(request, protocol, await _body(request))

        @app.post(path + "/attrs/{name}")
        async def single(name: str, request: Request) -> Response:
            """The value of one measure."""
            key, device_id = self._sender(request)
            payload = await _body(request)
            if "octet-stream" in request.headers.get("content-type", ""):
                payload = orjson.dumps(payload.hex())
            elif "json" not in request.headers.get("content-type", "json"):
                payload = orjson.dumps(payload.decode(errors="replace"))
            if "/" in name:
                raise _bad("a measure's name has no /")
            await self._accept(f"/{protocol or 'json'}/{key}/{device_id}/attrs/{name}", payload)
            return _taken(b"")

        @app.post(path + "/commands")
        async def results(request: Request) -> Response:
            """Results of commands."""
            key, device_id = self._sender(request)
            payload = await _body(request)
            await self._accept(f"/{protocol or _spoken(payload)}/{key}/{device_id}/cmdexe", payload)
            return _taken(b"")

        @app.post(path + "/configuration")
        async def configuration(request: Request) -> Response:
            """Values of the entity that the device asks for."""
            key, device_id = self._sender(request)
            payload = await _body(request)
            topic = f"/{protocol or _spoken(payload)}/{key}/{device_id}/configuration/commands"
            await self._accept(topic, payload)
            return _taken(b"")

    async def _measures(self, request: Request, protocol: str, payload: bytes) -> Response:
        key, device_id = self._sender(request)
        protocol = protocol or _spoken(payload)
        asks = request.query_params.get("getCmd") == "1"
        if payload:
            payload = _timed(payload, protocol, request.query_params.get("t"))
            _check(MeasureTopic(key, device_id, None, "measures", protocol), payload)
            await self._accept(f"/{protocol}/{key}/{device_id}/attrs", payload)
        elif not asks:
            raise _bad("d or a body with measures is needed, or getCmd=1")
        if not asks:
            return _taken(b"")
        device = self._device(key, device_id)
        told = pending(device, self._commands.collect(device)) if device is not None else b""
        return _taken(told)

    def _sender(self, request: Request) -> tuple[str, str]:
        """Key and identifier of a device, where it or a group has that key."""
        key, device_id = _sender(request)
        # Until the registrations are loaded nobody is unknown: what a device sends then is looked at afterwards.
        if self._ready() and not self._devices.knows(key, device_id):
            raise ProvisioningError(
                "DEVICE_GROUP_NOT_FOUND", 404, "Couldn't find a device group or device with the apikey of the request"
            )
        return key, device_id

    async def _accept(self, topic: str, payload: bytes) -> None:
        try:
            await self._intake.accept([Delivery(topic, payload)])
        except SpoolFull as full:
            raise ProvisioningError("UNAVAILABLE", 503, full.detail) from None

    def _device(self, key: str, device_id: str) -> Device | None:
        found = self._devices.find(Uplink(json_measures.NETWORK, device_id, api_key=key))
        return found if found is not None and found.provisioned is not None else None


def _sender(request: Request) -> tuple[str, str]:
    key, device_id = request.query_params.get("k"), request.query_params.get("i")
    if not key or not device_id:
        missing = [name for name, value in (("i", device_id), ("k", key)) if not value]
        raise ProvisioningError(
            "MANDATORY_PARAMS_NOT_FOUND", 400, f"Some of the mandatory params weren't found in the request: {missing}"
        )
    if len(key) > 256 or len(device_id) > 128 or "/" in key + device_id:
        raise _bad("i has at most 128 characters, k 256, and none is /")
    return key, device_id


async def _body(request: Request) -> bytes:
    read = bytearray()
    async for chunk in request.stream():
        read += chunk
        if len(read) > PAYLOAD_LIMIT:
            raise ProvisioningError("REQUEST_TOO_LARGE", 413, f"a message has at most {PAYLOAD_LIMIT} bytes")
    return bytes(read)


def _check(topic: MeasureTopic, payload: bytes) -> None:
    """Tell the device at once what could never be read."""
    try:
        json_measures.uplinks(topic, payload)
    except MalformedMessage as problem:
        raise _bad(problem.detail) from None


def _timed(payload: bytes, protocol: str, time: str | None) -> bytes:
    """The payload with the time of the parameter `t` in every measure that has none of its own."""
    if not time:
        return payload
    try:
        read: Any = ultralight.groups(payload.decode()) if protocol == "ul" else orjson.loads(payload)
    except (MalformedMessage, ValueError):
        return payload
    group = read if isinstance(read, list) else [read]
    timed = [{"TimeInstant": time, **each} if isinstance(each, Mapping) else each for each in group]
    if protocol == "json":
        return orjson.dumps(timed if isinstance(read, list) else timed[0])
    parts = payload.decode().strip().split("#")
    return "#".join(
        part if len(part.removeprefix("|").split("|")) % 2 else f"{time}|{part.removeprefix('|')}" for part in parts
    ).encode()


def _spoken(payload: bytes) -> str:
    """The protocol of a message: what UltraLight writes has a bar, and never begins like JSON."""
    return "ul" if b"|" in payload and payload.lstrip()[:1] not in (b"{", b"[", b'"') else "json"


def _taken(told: bytes) -> Response:
    return Response(told, 200, media_type="application/json" if told[:1] == b"{" else "text/plain")


def _bad(detail: str) -> ProvisioningError:
    return ProvisioningError("BAD_REQUEST", 400, detail)
