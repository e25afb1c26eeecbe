"""A subscriber: a real HTTP server that keeps what it was told, and that can go away and come back."""

from typing import Any

from aiohttp import web

from tests.chaos.platform_under_test import free_ports


class Receiver:
    """`told` has pairs of entity id and sequence number in the order of arrival."""

    def __init__(self) -> None:
        (self.port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}/"
        self.told: list[tuple[str, int]] = []
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen, always on the same port."""
        application = web.Application(client_max_size=64 * 1024 * 1024)
        application.router.add_post("/", self._take)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()

    async def stop(self) -> None:
        """Go away."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _take(self, request: web.Request) -> web.Response:
        notification: dict[str, Any] = await request.json()
        for entity in notification["data"]:
            self.told.append((entity["id"], entity["number"]["value"]))
        return web.Response()


def subscription(url: str, entity_type: str, name: str) -> dict[str, Any]:
    """A subscription to the sequence numbers of entities of a type."""
    return {
        "id": f"urn:ngsi-ld:Subscription:{name}",
        "type": "Subscription",
        "entities": [{"type": entity_type}],
        "watchedAttributes": ["number"],
        "notification": {"endpoint": {"uri": url, "accept": "application/json"}},
    }
