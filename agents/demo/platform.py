"""What the demonstration asks of the platform over HTTP: devices, communes, one subscription. All of it idempotent."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import aiohttp

from agents.demo.fleet import KINDS, Device
from agents.demo.territory import COMMUNES

SUBSCRIPTION_ID = "urn:ngsi-ld:Subscription:eclor-demo"
_LD_JSON = {"Content-Type": "application/ld+json"}
_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 5.0


class RefusedError(Exception):
    """The platform answered, and said no."""


class Platform:
    """The broker's and the agents' HTTP APIs."""

    def __init__(self, session: aiohttp.ClientSession, broker_url: str, agents_url: str, token: str = "") -> None:
        self._session = session
        self._broker = broker_url + "/ngsi-ld/v1"
        self._agents = agents_url
        self._shown = {"Authorization": f"Bearer {token}"} if token else None

    async def register(self, devices: Sequence[Device]) -> None:
        """Make the devices known to the agents; a device that is known already is replaced."""
        registrations = [device.registration() for device in devices]
        await self._call("POST", f"{self._agents}/devices", registrations, self._shown)

    async def knows(self, device: Device) -> bool:
        """Whether the agents still know the device."""
        status, _ = await self._ask("GET", f"{self._agents}/devices/{device.id}", headers=self._shown)
        return status != HTTPStatus.NOT_FOUND

    async def draw_communes(self) -> None:
        """Create or refresh the communes' entities."""
        body = [commune.entity() for commune in COMMUNES]
        await self._call("POST", f"{self._broker}/entityOperations/upsert", body, _LD_JSON)

    async def subscribe(self, endpoint: str) -> None:
        """Ask to be told of every change of the devices' entities; an earlier subscription of ours is replaced."""
        types = sorted({kind.type_iri for kind in KINDS})
        body = {
            "id": SUBSCRIPTION_ID,
            "type": "Subscription",
            "description": "ECLOR demonstration",
            "entities": [{"type": type_iri} for type_iri in types],
            "notification": {"format": "simplified", "endpoint": {"uri": endpoint, "accept": "application/json"}},
        }
        status, text = await self._ask("POST", f"{self._broker}/subscriptions", body)
        if status == HTTPStatus.CONFLICT:
            await self.unsubscribe()
            status, text = await self._ask("POST", f"{self._broker}/subscriptions", body)
        if status >= HTTPStatus.BAD_REQUEST:
            raise RefusedError(f"POST subscription: {status} {text[:300]}")

    async def subscribed(self) -> bool:
        """Whether the broker still has our subscription."""
        status, _ = await self._ask("GET", self._subscription_url)
        return status != HTTPStatus.NOT_FOUND

    async def unsubscribe(self) -> None:
        """Remove our subscription, if it is there."""
        status, text = await self._ask("DELETE", self._subscription_url)
        if status >= HTTPStatus.BAD_REQUEST and status != HTTPStatus.NOT_FOUND:
            raise RefusedError(f"DELETE subscription: {status} {text[:300]}")

    @property
    def _subscription_url(self) -> str:
        return f"{self._broker}/subscriptions/{quote(SUBSCRIPTION_ID, safe=':')}"

    async def _call(self, method: str, url: str, body: Any, headers: dict[str, str] | None = None) -> None:
        status, text = await self._ask(method, url, body, headers)
        if status >= HTTPStatus.BAD_REQUEST or status == HTTPStatus.MULTI_STATUS:
            raise RefusedError(f"{method} {url}: {status} {text[:300]}")

    async def _ask(
        self, method: str, url: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, str]:
        async with self._session.request(method, url, json=body, headers=headers) as answer:
            return answer.status, await answer.text()


async def insist(step: Callable[[], Awaitable[None]], waiting: Callable[[str], None]) -> None:
    """Do the step; while the platform is not there (or refuses, as one that is still starting may), try again.

    `waiting` is told why, once per reason. Pauses grow from a quarter of a second to five seconds.
    """
    pause, told = _FIRST_PAUSE, ""
    while True:
        try:
            await step()
        except (aiohttp.ClientError, TimeoutError, RefusedError) as error:
            reason = str(error) or type(error).__name__
            if reason != told:
                told = reason
                waiting(reason)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
        else:
            return
