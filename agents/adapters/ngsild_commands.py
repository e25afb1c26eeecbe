"""The context broker over HTTP, as listening for commands needs it: subscriptions, entities to begin with."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
import orjson
from yarl import URL

from agents.core.errors import BrokerUnavailable
from agents.core.model import Device

_API = "/ngsi-ld/v1"
_HEADERS = {"Accept": "application/json"}
_CONTENT = {"Content-Type": "application/ld+json"}
_TIMEOUT = aiohttp.ClientTimeout(total=30, connect=5)
_ANSWER_LIMIT = 1_048_576
_LATER = frozenset({401, 403, 404, 408, 425, 429})
"""Answers that speak of the set-up or the moment."""


class NgsiLdCommands:
    """One broker; the tenant is told with each request."""

    def __init__(self, url: str, *, tenant: str | None = None) -> None:
        self._url = url.rstrip("/") + _API
        self._tenant = tenant
        self._session: aiohttp.ClientSession | None = None

    async def subscribe(self, subscription: dict[str, Any], tenant: str | None) -> str | None:
        """Create a subscription (5.8.1), or bring the one of this id up to date (5.8.2); else the reason."""
        status, body = await self._request("POST", "/subscriptions", subscription, tenant)
        if status == 409:
            changed = {name: each for name, each in subscription.items() if name not in ("id", "type")}
            status, body = await self._request("PATCH", f"/subscriptions/{subscription['id']}", changed, tenant)
        return None if status < 300 else f"{status}: {body[:500].decode(errors='replace')}"

    async def register(self, registration: dict[str, Any], tenant: str | None) -> str | None:
        """Create a registration (5.9.2), or bring the one of this id up to date (5.9.3); else the reason."""
        status, body = await self._request("POST", "/csourceRegistrations", registration, tenant)
        if status == 409:
            changed = {name: each for name, each in registration.items() if name not in ("id", "type")}
            path = f"/csourceRegistrations/{registration['id']}"
            # 404: another registration is in the way, not an older one of this id.
            status, body = await self._request("PATCH", path, changed, tenant, gone=True)
        return None if status < 300 else f"{status}: {body[:500].decode(errors='replace')}"

    async def unregister(self, registration_id: str, tenant: str | None) -> None:
        """Remove a registration (5.9.4)."""
        await self._request("DELETE", f"/csourceRegistrations/{registration_id}", None, tenant, gone=True)

    async def introduce(self, entities: Sequence[dict[str, Any]], tenant: str | None) -> None:
        """Create entities (5.6.7); to those that exist add the attributes they lack (5.6.9 without overwriting)."""
        status, _ = await self._request("POST", "/entityOperations/create", entities, tenant)
        if status == 201:
            return
        await self._request("POST", "/entityOperations/update?options=noOverwrite", entities, tenant)

    async def values(self, device: Device, names: list[str]) -> Mapping[str, Any]:
        """Simplified values of some attributes of a device's entity (5.7.1); none where it has none of them."""
        query = urlencode({"attrs": ",".join(names), "format": "simplified", "options": "keyValues"})
        link = f'<{device.context}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'
        path = f"/entities/{quote(device.entity_id, safe='')}?{query}"
        try:
            status, body = await self._request("GET", path, None, device.tenant, {"Link": link})
        except BrokerUnavailable:
            return {}
        found = orjson.loads(body) if status == 200 else {}
        return {name: found[name] for name in names if name in found}

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _request(
        self,
        method: str,
        path: str,
        content: Any,
        tenant: str | None,
        further: Mapping[str, str] | None = None,
        *,
        gone: bool = False,
    ) -> tuple[int, bytes]:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=_TIMEOUT, headers=_HEADERS)
        tenant = tenant or self._tenant
        headers = {**({} if content is None else _CONTENT), **(further or {})}
        if tenant:
            headers["NGSILD-Tenant"] = tenant
        data = None if content is None else orjson.dumps(content)
        try:
            async with self._session.request(
                method, URL(self._url + path, encoded=True), data=data, headers=headers, allow_redirects=False
            ) as response:
                status, body = response.status, await response.content.read(_ANSWER_LIMIT)
        except (aiohttp.ClientError, TimeoutError, OSError) as problem:
            raise BrokerUnavailable(f"the broker cannot be reached: {type(problem).__name__}") from problem
        if gone and status == 404:
            return status, body
        if status >= 500 or status in _LATER:
            raise BrokerUnavailable(f"the broker answered {status}", answered=status == 500)
        return status, body


class HttpPoster:
    """Posts commands to devices and network servers."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes] | None:
        """Status and beginning of the answer; `None` where nobody answers within ten seconds."""
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10, connect=5))
        try:
            async with self._session.post(url, data=body, headers=dict(headers), allow_redirects=False) as response:
                return response.status, await response.content.read(65_536)
        except (aiohttp.ClientConnectionError, TimeoutError, OSError):
            return None
        except aiohttp.ClientError as problem:
            raise ValueError(f"the endpoint cannot be used: {type(problem).__name__}") from problem

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None
