"""The broker's HTTP face: a bare ASGI path for the NGSI-LD API in front of a FastAPI application for the rest.

A request to the API passes, in this order: route, body (411, 413), tenant, parameters, handler. The order is what
clients can see: a chunked body is refused before its tenant is looked at (clause 6.3.4).
"""

from asyncio import CancelledError
from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping
from time import perf_counter
from typing import Any, TypeAlias
from urllib.parse import quote

from broker.core.model.errors import InvalidRequest, OperationNotSupported, ResourceNotFound, Unavailable
from broker.http.application import application
from broker.http.cors import CrossOrigin, allowed_methods
from broker.http.deliveries import Deliveries
from broker.http.federation import Joining, add_federation
from broker.http.guarded import Door
from broker.http.message import ALLOW, SNAPSHOT, TENANT, Request, Response, headers_of
from broker.http.metrics import Metrics
from broker.http.problems import Refusal, respond_to
from broker.http.router import Match, Router, Target
from broker.http.table import ROUTES
from broker.http.tenant import tenant_of
from broker.operations.indexes import IndexOperations
from broker.operations.ports import Ports
from broker.operations.snapshots import place_of

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Asgi: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_BODY = 16 * 1024 * 1024
"""Bytes: about 16,000 entities of 1 kB, more than a batch should have."""

_ROOT = b"/ngsi-ld/v1/"
_ROOT_ITSELF = b"/ngsi-ld/v1"
_WITH_BODY = frozenset(("POST", "PATCH", "PUT"))


def build(
    ports: Ports,
    *,
    health: Callable[[], Awaitable[dict[str, Any]]],
    public_url: str,
    deliveries: Deliveries | None = None,
    indexes: IndexOperations | None = None,
    max_body: int = MAX_BODY,
    origins: Collection[str] = (),
    joining: Joining | None = None,
) -> Asgi:
    """The ASGI callable that serves everything.

    `health` tells the state of what the broker depends on: it is answered as JSON, with 503 unless its `status` is
    `ok`. `deliveries` tells which notifications failed (`GET /deliveries`), `indexes` what queries are prepared for
    (`/indexes`). `public_url` is where clients reach the broker. `max_body` is in bytes. `origins` are those of web
    pages, for `CrossOrigin`. `joining` lets brokers join this one, and knows who may come in.
    """
    metrics = Metrics()
    rest = application(health=health, public_url=public_url, metrics=metrics, deliveries=deliveries, indexes=indexes)
    door = Door()
    if joining is not None:
        add_federation(rest, joining)
        door = joining.door
    return Gateway(
        ports, rest, metrics, CrossOrigin(origins, public_url), door, public_url=public_url, max_body=max_body
    )


class Gateway:
    """The ASGI callable: the API here, everything else in `rest`."""

    def __init__(
        self,
        ports: Ports,
        rest: Asgi,
        metrics: Metrics,
        cross_origin: CrossOrigin,
        door: Door,
        *,
        public_url: str,
        max_body: int,
    ) -> None:
        self._ports = ports
        self._rest = rest
        self._metrics = metrics
        self._cross_origin = cross_origin
        self._door = door
        self._public_url = public_url
        self._max_body = max_body
        self._router = Router(ROUTES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand the scope on."""
        if scope["type"] == "http":
            path = scope.get("raw_path") or quote(scope["path"]).encode()
            if path.startswith(_ROOT) or path == _ROOT_ITSELF:
                await self._serve(scope, path[len(_ROOT) :].decode("utf-8", "replace"), receive, send)
                return
            if not self._door.is_open:
                try:
                    self._door.check_path(scope, path)
                except Refusal as refusal:
                    await _answer(send, respond_to(refusal, scope["method"], ""), scope["method"])
                    return
        await self._rest(scope, receive, send)

    async def _serve(self, scope: Scope, path: str, receive: Receive, send: Send) -> None:
        begun = perf_counter()
        headers = headers_of(scope)
        method = scope["method"]
        name = "none"
        try:
            match = self._router.match(path)
            if match is None:
                raise ResourceNotFound(f"There is no resource /ngsi-ld/v1/{path[:200]}; see /docs for those there are.")
            target = match.targets.get("GET" if method == "HEAD" else method)
            if target is None:
                response = self._other_method(method, match, headers)
            else:
                name = target.name
                if not self._door.is_open:
                    self._door.check_route(scope, headers, name)
                if b"origin" in headers and not target.is_reading:
                    self._cross_origin.refuse_write(headers[b"origin"])
                request = Request(method, headers, scope["query_string"], match.variables)
                if method in _WITH_BODY:
                    request.body = await self._body(headers, receive)
                response = await self._handle(target, request, is_of_snapshots=path.startswith("snapshots"))
        except CancelledError:
            # The server ends, and has waited for this request as long as it does.
            response = respond_to(Unavailable("The broker is stopping; try again in a few seconds."), method, path)
        except Exception as error:
            response = respond_to(error, method, path)
        self._finish(response, headers)
        self._metrics.note(name, response.status, perf_counter() - begun)
        await _answer(send, response, method)

    async def _handle(self, target: Target, request: Request, *, is_of_snapshots: bool) -> Response:
        """Have the request handled. `is_of_snapshots`: it is about snapshots themselves, never about what is in one."""
        headers, ports = request.headers, self._ports
        request.tenant = tenant_of(headers)
        request.public_url = self._public_url
        if request.query_string:
            target.check(request)
        if b"authorization" in headers:
            ports = await self._door.enter(ports, target, request)
        federation = self._ports.federation
        if federation is not None:
            await federation.registry.catch_up(request.tenant)
        if b"ngsild-snapshot" in headers and not is_of_snapshots:
            await _enter_snapshot(ports, request, headers[b"ngsild-snapshot"])
        return await target.handler(ports, request)

    def _finish(self, response: Response, headers: Mapping[bytes, bytes]) -> None:
        """Echo the tenant as it was written (clause 6.3.14), and let a browser read the answer."""
        tenant = headers.get(b"ngsild-tenant") or headers.get(b"fiware-service")
        if tenant and tenant.isascii():
            response.headers.append((TENANT, tenant))
        snapshot = headers.get(b"ngsild-snapshot")
        if snapshot and snapshot.isascii():
            response.headers.append((SNAPSHOT, snapshot))
        origin = headers.get(b"origin")
        if origin is not None:
            response.headers.extend(self._cross_origin.headers(origin))

    def _other_method(self, method: str, match: Match, headers: Mapping[bytes, bytes]) -> Response:
        if method == "OPTIONS":
            return self._cross_origin.options(match.methods, match.reading, headers.get(b"origin"))
        allowed = allowed_methods(match.methods)
        error = OperationNotSupported(f"{method} is not possible here; {allowed.decode()} are.")
        raise Refusal(405, error, ((ALLOW, allowed),))

    async def _body(self, headers: Mapping[bytes, bytes], receive: Receive) -> bytes:
        """The body, read to its end. A bare 411 where its length was not announced, 413 where it is too long."""
        length = headers.get(b"content-length")
        if length is None or b"transfer-encoding" in headers:
            raise Refusal(411)
        if not length.isdigit() or int(length) > self._max_body:
            raise self._too_large()
        message = await receive()
        body: bytes = message.get("body", b"")
        if not message.get("more_body"):
            return body
        parts = [body]
        size = len(body)
        while message.get("more_body"):
            message = await receive()
            if message["type"] == "http.disconnect":
                raise InvalidRequest("The connection closed before the body was complete.")
            parts.append(message["body"])
            size += len(message["body"])
            if size > self._max_body:
                raise self._too_large()
        return b"".join(parts)

    def _too_large(self) -> Refusal:
        return Refusal(413, InvalidRequest(f"The body has more than {self._max_body} bytes; send it in several parts."))


async def _enter_snapshot(ports: Ports, request: Request, name: bytes) -> None:
    """Let the request be about a snapshot, which means this broker alone (clauses 5.5.15, 6.3.22)."""
    request.tenant = await place_of(ports, request.tenant, name.decode("latin-1"))
    request.parameters["local"] = "true"


async def _answer(send: Send, response: Response, method: str) -> None:
    await send({"type": "http.response.start", "status": response.status, "headers": response.headers})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else response.body})
