"""Browsers as clients: which web pages may read and write here (Fetch standard), and OPTIONS for everyone else.

A broker on the loopback address is within reach of every web page that the user of that machine opens, and some writes
need no preflight. So a write that a browser sends for a page of another origin is refused here, whatever the browser
would do with the answer. Requests without `Origin` come from programs, or are a browser's own: they pass.
"""

from collections.abc import Collection, Iterable
from urllib.parse import urlsplit

from broker.core.model.errors import InvalidRequest
from broker.http.message import ALLOW, CONTENT_LENGTH, VARY, Header, HeaderName, Response
from broker.http.problems import Refusal

_ORIGIN = HeaderName(b"Access-Control-Allow-Origin")
_METHODS = HeaderName(b"Access-Control-Allow-Methods")
_HEADERS = HeaderName(b"Access-Control-Allow-Headers")
_EXPOSE = HeaderName(b"Access-Control-Expose-Headers")
_MAX_AGE = HeaderName(b"Access-Control-Max-Age")

_SENT = b"Accept, Content-Type, Link, NGSILD-Tenant, Fiware-Service, NGSILD-EntityMap, NGSILD-Snapshot, Prefer, Via"
_SHOWN = (
    b"Content-Range, Link, Location, NGSILD-EntityMap, NGSILD-Results-Count, NGSILD-Tenant, NGSILD-Warning, "
    b"Preference-Applied, Retry-After"
)
_DAY = b"86400"


class CrossOrigin:
    """What pages of other origins may do. The broker's own pages, at `public_url` and on loopback, may do everything.

    `origins`: exact ones such as `https://map.example.org`, or `*` for every one: these read and write, others do
    neither. None at all: every page reads, none writes. No credentials are ever allowed: the broker keeps no cookies.
    """

    def __init__(self, origins: Collection[str], public_url: str) -> None:
        self._readers_any = not origins or "*" in origins
        self._writers_any = "*" in origins
        self._named = frozenset(origin.rstrip("/").encode() for origin in origins) | _own(public_url)

    def refuse_write(self, origin: bytes) -> None:
        """Raises a 403 where a page of that origin may not change anything."""
        if not self._may_write(origin):
            raise Refusal(
                403,
                InvalidRequest(
                    f"Web pages of {origin[:200].decode('latin-1')} may not write here; "
                    "whoever runs the broker can allow it with --cors-origins."
                ),
            )

    def headers(self, origin: bytes) -> list[Header]:
        """What to add to an answer to a page of that origin; nothing where it has no business here."""
        granted = self._granted(origin)
        return [(_ORIGIN, granted), (_EXPOSE, _SHOWN), (VARY, b"Origin")] if granted else []

    def options(self, methods: Iterable[str], reading: Iterable[str], origin: bytes | None) -> Response:
        """The answer to OPTIONS: what is allowed here; `headers` completes it for a browser as it does any answer.

        `reading`: those of the methods that change nothing.
        """
        allowed = allowed_methods(methods)
        headers: list[Header] = [(ALLOW, allowed), (CONTENT_LENGTH, b"0")]
        if origin and self._granted(origin):
            offered = allowed if self._may_write(origin) else allowed_methods(reading)
            headers += [(_METHODS, offered), (_HEADERS, _SENT), (_MAX_AGE, _DAY)]
        return Response(200, headers)

    def _may_write(self, origin: bytes) -> bool:
        return self._writers_any or origin in self._named

    def _granted(self, origin: bytes) -> bytes | None:
        if self._readers_any:
            return b"*"
        return origin if origin in self._named else None


def allowed_methods(methods: Iterable[str]) -> bytes:
    """The Allow header's value: those methods, HEAD with GET, and OPTIONS."""
    names = set(methods) | {"OPTIONS"}
    if "GET" in names:
        names.add("HEAD")
    return ", ".join(sorted(names)).encode()


def _own(public_url: str) -> frozenset[bytes]:
    """The origins of the broker's own pages. Not what `Host` says: a name that an attacker owns may lead here."""
    url = urlsplit(public_url)
    hosts = {url.netloc}
    if url.port is not None:
        hosts |= {f"{name}:{url.port}" for name in ("127.0.0.1", "localhost", "[::1]")}
    return frozenset(f"{url.scheme}://{host}".encode() for host in hosts)
