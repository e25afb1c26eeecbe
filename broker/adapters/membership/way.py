"""The way to other brokers' `/federation` resources over HTTP."""

import os
import ssl
import time
from collections.abc import Mapping
from typing import Any

import aiohttp
import orjson

from broker.core.model.errors import SourceFailed
from broker.operations.membership.ports import Probe

_SECONDS = 10.0
"""For one request to another broker, somebody at a terminal waiting for it."""
_PROBE_SECONDS = 3.0
LARGEST = 262_144
"""Bytes of one answer: an invitation with a detailed area has some tens of kB."""


class HttpWay:
    """Way over HTTP: a session for each request, since there are a few a day. Redirects are not followed."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls

    async def fetch(self, url: str, token: str) -> dict[str, Any]:
        """The envelope of an invitation."""
        return _object(await self._ask("GET", url, token, None), url)

    async def join(self, url: str, token: str, envelope: Mapping[str, Any]) -> dict[str, Any]:
        """Hand in what answers an invitation; the envelope that comes back."""
        return _object(await self._ask("POST", f"{url}/federation/members", token, envelope), url)

    async def depart(self, url: str, envelope: Mapping[str, Any]) -> None:
        """Tell that this broker leaves."""
        await self._ask("POST", f"{url}/federation/departures", "", envelope)

    async def probe(self, url: str, token: str, tenant: str) -> Probe:
        """Ask who it is, as its members may."""
        begun = time.perf_counter()
        problem = None
        try:
            await self._ask("GET", f"{url}/ngsi-ld/v1/info/sourceIdentity", token, None, _PROBE_SECONDS, tenant)
        except SourceFailed as error:
            problem = error.detail
        return Probe((time.perf_counter() - begun) * 1_000, problem)

    async def _ask(
        self,
        method: str,
        url: str,
        token: str,
        body: Mapping[str, Any] | None,
        seconds: float = _SECONDS,
        tenant: str = "",
    ) -> bytes:
        headers = {"Accept": "application/json", "User-Agent": "ECLOR"}
        headers |= {"Authorization": f"Bearer {token}"} if token else {}
        headers |= {"NGSILD-Tenant": tenant} if tenant else {}
        headers |= {} if body is None else {"Content-Type": "application/json"}
        content = None if body is None else orjson.dumps(body)
        try:
            async with (
                aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(ssl=self._tls or True),
                    timeout=aiohttp.ClientTimeout(total=seconds),
                    cookie_jar=aiohttp.DummyCookieJar(),
                ) as session,
                session.request(method, url, data=content, headers=headers, allow_redirects=False) as answer,
            ):
                return await _read(answer)
        except TimeoutError:
            raise SourceFailed(f"{_place(url)} did not answer within {seconds:g} seconds.") from None
        except aiohttp.ClientConnectorError as error:
            number = error.os_error.errno
            reason = os.strerror(number) if number and number > 0 else str(error.os_error)
            raise SourceFailed(f"{_place(url)} can't be reached: {reason}.") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise SourceFailed(f"{_place(url)} can't be asked: {error or type(error).__name__}.") from None


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    content = b""
    async for part in answer.content.iter_any():
        content += part
        if len(content) > LARGEST:
            raise SourceFailed(f"{_place(str(answer.url))} sent more than {LARGEST} bytes: this is no ECLOR broker.")
    if not 200 <= answer.status < 300:
        raise SourceFailed(f"{_place(str(answer.url))} answered {answer.status}: {_reason(content)}")
    return content


def _reason(content: bytes) -> str:
    try:
        told = orjson.loads(content)
    except orjson.JSONDecodeError:
        return "no reason given"
    detail = told.get("detail") if isinstance(told, dict) else None
    return detail[:500] if isinstance(detail, str) else "no reason given"


def _object(content: bytes, url: str) -> dict[str, Any]:
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise SourceFailed(f"{_place(url)} did not answer as an ECLOR broker does.")
    return found


def _place(url: str) -> str:
    """The URL as far as it may be shown: without what came after the host."""
    return "/".join(url.split("/", 3)[:3])
