"""Notifications over HTTP (clause 6.3.8)."""

import asyncio
import ssl

import aiohttp
from multidict import CIMultiDict

from broker.core.model.subscription import Endpoint
from broker.core.subscribe.message import Message
from broker.operations.notify import DeliveryError

DEFAULT_TIMEOUT = 5.0
"""Seconds for a receiver to answer, connection included. A subscription may ask for less, or for more up to
`LONGEST_TIMEOUT`."""
LONGEST_TIMEOUT = 60.0
_CONNECTIONS = 512
"""At once over all receivers: half of the 1,024 files that a process may commonly have open."""
_CONNECTIONS_PER_HOST = 64


class HttpSink:
    """Sink of `http` and `https` endpoints: one session, connections kept open, redirects not followed.

    To be used within one event loop; the session begins with the first message. `tls` is for `https`; by default the
    system's authorities are trusted.
    """

    def __init__(
        self, *, timeout: float = DEFAULT_TIMEOUT, user_agent: str = "ECLOR", tls: ssl.SSLContext | None = None
    ) -> None:
        self._tls = tls
        self._timeout = timeout
        self._user_agent = user_agent
        self._session: aiohttp.ClientSession | None = None
        self._timeouts: dict[float, aiohttp.ClientTimeout] = {}

    async def send(self, endpoint: Endpoint, message: Message) -> None:
        """POST the message. Any 2xx answer means that it was taken; else DeliveryError."""
        headers = CIMultiDict({"Content-Type": message.content_type})
        if message.link is not None:
            headers["Link"] = message.link
        if message.tenant:
            headers.extend(message.origin)
        for key, value in message.info:
            # A receiver may want another Content-Type or Link than ours; two of them would help nobody.
            headers[key] = value
        try:
            async with self._opened().post(
                endpoint.uri,
                data=message.body,
                headers=headers,
                timeout=self._timeout_of(endpoint),
                allow_redirects=False,
            ) as response:
                status = response.status
        except TimeoutError:
            raise DeliveryError("no answer in time") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise DeliveryError(f"{type(error).__name__}: {_reason(error)}") from error
        if not 200 <= status < 300:
            raise DeliveryError(f"answered {status}")

    async def close(self) -> None:
        """End all connections."""
        if self._session is not None:
            await self._session.close()
            # A TLS connection is closed within the next turns of the loop (aiohttp, graceful shutdown).
            await asyncio.sleep(0)
            self._session = None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=_CONNECTIONS, limit_per_host=_CONNECTIONS_PER_HOST, ssl=self._tls or True
                ),
                headers={"User-Agent": self._user_agent},
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            )
        return self._session

    def _timeout_of(self, endpoint: Endpoint) -> aiohttp.ClientTimeout:
        seconds = min(endpoint.timeout or self._timeout, LONGEST_TIMEOUT)
        timeout = self._timeouts.get(seconds)
        if timeout is None:
            if len(self._timeouts) >= 1_000:
                self._timeouts.clear()
            timeout = self._timeouts[seconds] = aiohttp.ClientTimeout(total=seconds)
        return timeout


def _reason(error: Exception) -> str:
    """What went wrong without the URL, which may hold a password."""
    certificate_error = getattr(error, "certificate_error", None)
    if certificate_error is not None:
        reason = getattr(certificate_error, "verify_message", "") or certificate_error
        return f"{reason} (an authority of your own is named with --trusted-ca)"[:200]
    cause = getattr(error, "os_error", None) or error
    return str(getattr(cause, "strerror", "") or "")[:200]
