"""Browsers as clients: cross-origin requests (Fetch standard), and OPTIONS for everyone else."""

from collections.abc import Collection, Iterable

from broker.http.message import ALLOW, CONTENT_LENGTH, VARY, Header, HeaderName, Response

_ORIGIN = HeaderName(b"Access-Control-Allow-Origin")
_METHODS = HeaderName(b"Access-Control-Allow-Methods")
_HEADERS = HeaderName(b"Access-Control-Allow-Headers")
_EXPOSE = HeaderName(b"Access-Control-Expose-Headers")
_MAX_AGE = HeaderName(b"Access-Control-Max-Age")

_SENT = b"Accept, Content-Type, Link, NGSILD-Tenant, Fiware-Service, NGSILD-EntityMap, Prefer, Via"
_SHOWN = b"Link, Location, NGSILD-Results-Count, NGSILD-EntityMap, NGSILD-Tenant, Preference-Applied, Retry-After"
_DAY = b"86400"


class CrossOrigin:
    """Which origins may read answers: exact origins such as `https://map.example.org`, or `*` for every one.

    No credentials are ever allowed: the broker keeps no cookies.
    """

    def __init__(self, origins: Collection[str]) -> None:
        self._any = "*" in origins
        self._origins = frozenset(origin.encode() for origin in origins)

    def headers(self, origin: bytes) -> list[Header]:
        """What to add to an answer to a page of that origin; nothing where it has no business here."""
        granted = self._granted(origin)
        return [(_ORIGIN, granted), (_EXPOSE, _SHOWN), (VARY, b"Origin")] if granted else []

    def options(self, methods: Iterable[str], origin: bytes | None) -> Response:
        """The answer to OPTIONS: what is allowed here; `headers` completes it for a browser as it does any answer."""
        allowed = allowed_methods(methods)
        headers: list[Header] = [(ALLOW, allowed), (CONTENT_LENGTH, b"0")]
        if origin and self._granted(origin):
            headers += [(_METHODS, allowed), (_HEADERS, _SENT), (_MAX_AGE, _DAY)]
        return Response(200, headers)

    def _granted(self, origin: bytes) -> bytes | None:
        if self._any:
            return b"*"
        return origin if origin in self._origins else None


def allowed_methods(methods: Iterable[str]) -> bytes:
    """The Allow header's value: those methods, HEAD with GET, and OPTIONS."""
    names = set(methods) | {"OPTIONS"}
    if "GET" in names:
        names.add("HEAD")
    return ", ".join(sorted(names)).encode()
