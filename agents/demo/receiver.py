"""The demonstration as a subscriber: a small HTTP server that the broker notifies."""

import socket
import time
from typing import Any

import orjson
from aiohttp import web

from agents.demo.console import Console
from agents.demo.fleet import Device

PATH = "/notify"
MAX_BODY = 4 * 1024 * 1024


class Receiver:
    """Counts and prints notifications; knows when each device's last frame left."""

    def __init__(self, devices: list[Device], console: Console) -> None:
        self._devices = {device.entity_id: device for device in devices}
        self._left: dict[str, float] = {}
        self._console = console

    def left(self, device: Device) -> None:
        """The device's frame leaves now."""
        self._left[device.entity_id] = time.monotonic()
        self._console.sent()

    async def serve(self, host: str) -> tuple[web.AppRunner, int]:
        """Listen on a free port of that address; the runner, to be cleaned up, and the port."""
        application = web.Application(client_max_size=MAX_BODY)
        application.router.add_post(PATH, self._notify)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        listening = socket.create_server((host, 0))
        port: int = listening.getsockname()[1]
        await web.SockSite(runner, listening).start()
        return runner, port

    async def _notify(self, request: web.Request) -> web.Response:
        try:
            entities = orjson.loads(await request.read())["data"]
            for entity in entities:
                self._take(entity)
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            return web.Response(status=400)
        return web.Response(status=200)

    def _take(self, entity: dict[str, Any]) -> None:
        device = self._devices.get(entity["id"])
        if device is None:
            return
        # Without a @context of its own the notification bears whole IRIs: the last part is the name.
        plain = {name.rsplit("/", 1)[-1]: value for name, value in entity.items()}
        values = {name: plain[name] for name in device.kind.watched if name in plain}
        if not values:
            # The agents announce what a device can be told to do (a lamp's switch) before its first reading.
            return
        left = self._left.pop(device.entity_id, None)
        delay = None if left is None else time.monotonic() - left
        self._console.notified(device.kind.entity_type, f"{device.commune.name}, {device.street}", values, delay)
