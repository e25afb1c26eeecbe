"""Requests to context sources over HTTP (clauses 4.3.6.4 to 4.3.6.6, 6.3.17 to 6.3.19)."""

import asyncio
import re
import ssl
import time
from typing import Any

import aiohttp
import orjson
from multidict import CIMultiDict

from broker.core.federate.loop import write_via
from broker.core.federate.registration import Registration
from broker.core.jsonld.context import ActiveContext
from broker.core.model.entity_map import named_by
from broker.core.model.uri import segment
from broker.operations.federation import Answer, Failure, Forward, Origin

DEFAULT_TIMEOUT = 6.0
"""Seconds for a source to answer, connection included: a little more than the 5 s after which servers commonly give
up themselves. A registration may ask for less, or for more up to `LONGEST_TIMEOUT`."""
LONGEST_TIMEOUT = 60.0
LARGEST_ANSWER = 16 * 1024 * 1024
"""Bytes: what the broker itself takes in one request."""
_CONNECTIONS = 256
"""At once over all sources, a quarter of the 1,024 files that a process may commonly have open."""
_CONNECTIONS_PER_SOURCE = 32
_COOLING = 10_000
"""Endpoints remembered as failed; clients choose them, so there is an end."""

_JSON, _JSON_LD = "application/json", "application/ld+json"
_FROM_REQUEST = "urn:ngsi-ld:request"
_SPECIAL = frozenset(("accept", "contenttype", "jsonldcontext", "ngsildconformance"))
_OURS = frozenset(
    (
        *("host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "expect"),
        *("via", "ngsild-tenant", "content-type", "link", "ngsild-entitymap"),
    )
)
"""What the connection or the registration itself decides; `contextSourceInfo` can't override it (clause 6.3.19)."""
_NEXT = re.compile(r';\s*rel="?next\b')
_CONTEXT_LINK = re.compile(r'<([^<>]*)>[^<]*rel="?http://www\.w3\.org/ns/json-ld#context')


class HttpForwarder:
    """Forwarder of `http` and `https` endpoints: one session, connections kept open, redirects not followed.

    An endpoint that gave no answer is left alone for the `cooldown` of its registration: until then the answer is that
    there was none in time (clause 5.2.34). To be used within one event loop. `tls` is for `https`; by default the
    system's authorities are trusted.
    """

    def __init__(
        self, *, timeout: float = DEFAULT_TIMEOUT, user_agent: str = "ECLOR", tls: ssl.SSLContext | None = None
    ) -> None:
        self._tls = tls
        self._timeout = timeout
        self._user_agent = user_agent
        self._session: aiohttp.ClientSession | None = None
        self._cooling: dict[str, float] = {}

    async def send(self, registration: Registration, forward: Forward, origin: Origin, alias: str) -> Answer:
        """Ask the source. Whatever goes wrong is told in the answer."""
        if self._is_cooling(registration.endpoint):
            return Answer(0, failure=Failure.TIMEOUT)
        answer = await self._ask(registration, forward, origin, alias)
        if answer.failure in (Failure.TIMEOUT, Failure.UNREACHABLE) and registration.cooldown:
            if len(self._cooling) >= _COOLING:
                self._cooling.clear()
            self._cooling[registration.endpoint] = time.monotonic() + registration.cooldown
        return answer

    def deadline(self, registration: Registration) -> float:
        """Seconds: what the registration says, within bounds, else the default."""
        return min(registration.timeout or self._timeout, LONGEST_TIMEOUT)

    async def close(self) -> None:
        """End all connections."""
        if self._session is not None:
            await self._session.close()
            # A TLS connection is closed within the next turns of the loop (aiohttp, graceful shutdown).
            await asyncio.sleep(0)
            self._session = None

    async def _ask(self, registration: Registration, forward: Forward, origin: Origin, alias: str) -> Answer:
        headers, body = _written(registration, forward, origin, alias)
        # A map that a source keeps is its own in any case, and its resource knows no such parameter.
        alone = registration.is_local_only and not forward.path.startswith("/entityMaps/")
        parameters = [*forward.parameters, *((("local", "true"),) if alone else ())]
        try:
            async with self._opened().request(
                forward.method,
                url_of(registration.endpoint, forward.path),
                params=parameters,
                data=body,
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=self.deadline(registration)),
                allow_redirects=False,
            ) as response:
                return await _read(response)
        except TimeoutError:
            return Answer(0, failure=Failure.TIMEOUT)
        except (aiohttp.ClientError, OSError, ValueError):
            return Answer(0, failure=Failure.UNREACHABLE)

    def _is_cooling(self, endpoint: str) -> bool:
        until = self._cooling.get(endpoint)
        if until is None:
            return False
        if until > time.monotonic():
            return True
        del self._cooling[endpoint]
        return False

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=_CONNECTIONS, limit_per_host=_CONNECTIONS_PER_SOURCE, ssl=self._tls or True
                ),
                headers={"User-Agent": self._user_agent},
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session


def url_of(endpoint: str, path: str) -> str:
    """The URL of a resource at a source, whose endpoint is registered with or without the root of the API."""
    root = endpoint if endpoint.endswith("/ngsi-ld/v1") else endpoint + "/ngsi-ld/v1"
    return root + path


async def _read(response: aiohttp.ClientResponse) -> Answer:
    parts, size = [], 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > LARGEST_ANSWER:
            return Answer(response.status, failure=Failure.INVALID)
        parts.append(part)
    links = response.headers.getall("Link", [])
    content, link, following = b"".join(parts), _linked(links), any(map(_NEXT.search, links))
    named, location = response.headers.get("NGSILD-EntityMap"), response.headers.get("Location")
    entity_map = named_by(named) if named else None
    if not content.strip():
        return Answer(response.status, None, link, None, entity_map, following, location)
    try:
        return Answer(response.status, orjson.loads(content), link, None, entity_map, following, location)
    except orjson.JSONDecodeError:
        # An error is an error, in whatever words; an entity has to be JSON.
        failure = Failure.INVALID if 200 <= response.status < 300 else None
        return Answer(response.status, None, link, failure, location=location)


def _linked(headers: list[str]) -> str | None:
    for header in headers:
        match = _CONTEXT_LINK.search(header)
        if match is not None:
            return match[1].strip()
    return None


def _written(
    registration: Registration, forward: Forward, origin: Origin, alias: str
) -> tuple[CIMultiDict[str], bytes | None]:
    """Headers and body (clauses 4.3.6.5, 4.3.6.6, 6.3.19)."""
    info = {key.lower(): value for key, value in registration.source_info if key.lower() in _SPECIAL}
    headers = CIMultiDict({"Accept": info.get("accept", _JSON), "Via": write_via(origin.via, alias)})
    for key, value in registration.source_info:
        if key.lower() in _SPECIAL or key.lower() in _OURS:
            continue
        if value == _FROM_REQUEST:
            given = origin.headers.get(key.lower().encode("latin-1", "ignore"))
            if given is not None:
                headers[key] = given.decode("latin-1")
        else:
            headers[key] = value
    if registration.tenant:
        headers["NGSILD-Tenant"] = registration.tenant
    if forward.entity_map is not None:
        headers["NGSILD-EntityMap"] = f"/ngsi-ld/v1/entityMaps/{segment(forward.entity_map)}"
    context = forward.context
    inside = forward.body is not None and registration.context is None and _is_inside(info, forward.body, context)
    if context.link is not None and not inside:
        headers["Link"] = f'<{context.link}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'
    if forward.body is None:
        return headers, None
    headers["Content-Type"] = _JSON_LD if inside else _JSON
    return headers, orjson.dumps(_with_context(forward.body, context) if inside else forward.body)


def _is_inside(info: dict[str, str], body: Any, context: ActiveContext) -> bool:
    """Whether the @context stands in the body: where the source wants it so, or no Link header could name it."""
    has_names = isinstance(body, dict) or (isinstance(body, list) and bool(body) and isinstance(body[0], dict))
    return has_names and (context.link is None or info.get("contenttype") == _JSON_LD)


def _with_context(body: Any, context: ActiveContext) -> Any:
    if isinstance(body, list):
        return [{**each, "@context": context.reference} for each in body]
    return {**body, "@context": context.reference}
