"""The whole HTTP side over stores in memory, called as ASGI without a socket."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson

from broker.adapters.clock import SystemClock
from broker.adapters.contexts.fetch import Fetcher
from broker.adapters.contexts.library import Library
from broker.adapters.contexts.loader import Loader
from broker.adapters.memory.entities import MemoryEntities
from broker.adapters.memory.entity_maps import MemoryEntityMaps
from broker.adapters.memory.stores import MemoryContexts, MemorySubscriptions, MemoryTenants
from broker.core.model.change import Change
from broker.http.gateway import Asgi, build
from broker.operations.ports import OutboxEntry, Ports
from schemas import DEFAULT_CORE_CONTEXT, read_context

PUBLIC_URL = "http://broker.test:1026"
CORE_LINK = f'<{DEFAULT_CORE_CONTEXT}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'
LD = "application/ld+json"
GEO = "application/geo+json"


class Deaf:
    """A notification side that nobody subscribed to."""

    def match(self, tenant: str, changes: Sequence[Change]) -> list[tuple[str, ...]]:
        return [()] * len(changes)

    async def refresh(self, tenant: str) -> bool:
        return False

    def dispatch(self, entries: Sequence[OutboxEntry]) -> None:
        raise AssertionError("there is nothing to deliver")

    def subscribed(self, tenant: str, subscription: Any) -> None:
        pass

    def unsubscribed(self, tenant: str, subscription_id: str) -> None:
        pass

    async def counted(self, tenant: str) -> None:
        pass


@dataclass
class Answer:
    """What came back; `headers` by lower-case name, `raw` as they were sent."""

    status: int
    raw: list[tuple[bytes, bytes]]
    body: bytes

    @property
    def headers(self) -> dict[str, str]:
        merged: dict[str, str] = {}
        for name, value in self.raw:
            key = bytes(name).decode().lower()
            merged[key] = f"{merged[key]}, {value.decode()}" if key in merged else value.decode()
        return merged

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def error(self) -> str:
        return self.json["type"].rsplit("/", 1)[-1]


class Client:
    """Calls the ASGI application. Paths are below /ngsi-ld/v1 unless they begin with `//`."""

    def __init__(self, asgi: Asgi, ports: Ports) -> None:
        self.asgi = asgi
        self.ports = ports

    async def call(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None, **more: str
    ) -> Answer:
        """`body` is sent as JSON unless it is bytes; keyword arguments are headers, `_` standing for `-`."""
        given = {name.lower(): value for name, value in (headers or {}).items()}
        given |= {name.replace("_", "-").lower(): value for name, value in more.items()}
        data = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
        if body is not None:
            given.setdefault("content-type", "application/json")
        if method in ("POST", "PATCH", "PUT") and "transfer-encoding" not in given:
            given.setdefault("content-length", str(len(data)))
        url = urlsplit(path[1:] if path.startswith("//") else "/ngsi-ld/v1" + path)
        return await self._send(method, url.path, url.query, given, data)

    async def _send(self, method: str, path: str, query: str, headers: dict[str, str], data: bytes) -> Answer:
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
            "server": ("broker.test", 1026),
            "client": ("127.0.0.1", 4711),
        }
        sent: list[Any] = []
        messages = [
            {"type": "http.request", "body": data[i : i + 65536], "more_body": True} for i in range(0, len(data), 65536)
        ]
        messages.append({"type": "http.request", "body": b"", "more_body": False})

        async def receive() -> Any:
            return messages.pop(0) if messages else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.asgi(scope, receive, send)
        start = sent[0]
        return Answer(start["status"], list(start["headers"]), b"".join(part.get("body", b"") for part in sent[1:]))

    async def get(self, path: str, **headers: str) -> Answer:
        return await self.call("GET", path, None, **headers)

    async def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        return await self.call("POST", path, body, **headers)

    async def patch(self, path: str, body: Any = None, **headers: str) -> Answer:
        return await self.call("PATCH", path, body, **headers)

    async def put(self, path: str, body: Any = None, **headers: str) -> Answer:
        return await self.call("PUT", path, body, **headers)

    async def delete(self, path: str, **headers: str) -> Answer:
        return await self.call("DELETE", path, None, **headers)


def memory_ports() -> Ports:
    clock, notifier, contexts = SystemClock(), Deaf(), MemoryContexts()
    library = Library(contexts, clock, Fetcher(), read_context, (PUBLIC_URL,))
    return Ports(
        entities=MemoryEntities(clock, notifier),
        tenants=MemoryTenants(),
        subscriptions=MemorySubscriptions(),
        contexts=contexts,
        loader=Loader(library, DEFAULT_CORE_CONTEXT),
        clock=clock,
        notifier=notifier,
        entity_maps=MemoryEntityMaps(),
    )


async def healthy() -> dict[str, Any]:
    return {"status": "ok"}


def memory_client(**settings: Any) -> Client:
    ports = memory_ports()
    return Client(build(ports, health=healthy, public_url=PUBLIC_URL, **settings), ports)
