"""What a handler gets and what it gives back: a request and a response that cost next to nothing."""

from collections.abc import Mapping
from typing import Any, TypeAlias
from urllib.parse import unquote_plus

from broker.core.model.errors import InvalidRequest

Header: TypeAlias = tuple[bytes, bytes]

_LIST_PARAMETERS = {"attrs", "containedBy", "datasetId", "drop", "expandValues", "id"}
_LIST_PARAMETERS |= {"jsonKeys", "keep", "omit", "options", "orderBy", "pick"}
_MAX_PARAMETERS = 64  # twice as many as the richest operation has


class HeaderName(bytes):
    """A response header's name in its usual spelling.

    HTTP names are case-insensitive, yet clients exist that compare them as strings. uvicorn sends
    `name.lower()`, so the spelling survives only if lowering leaves it alone. Never use it for the framing headers
    that uvicorn itself has to recognise: Content-Length, Transfer-Encoding, Connection.
    """

    __slots__ = ()

    def lower(self) -> "HeaderName":
        """The name as it is."""
        return self


CONTENT_TYPE = HeaderName(b"Content-Type")
LINK = HeaderName(b"Link")
CONTENT_RANGE = HeaderName(b"Content-Range")
LOCATION = HeaderName(b"Location")
ALLOW = HeaderName(b"Allow")
VARY = HeaderName(b"Vary")
RETRY_AFTER = HeaderName(b"Retry-After")
RESULTS_COUNT = HeaderName(b"NGSILD-Results-Count")
TENANT = HeaderName(b"NGSILD-Tenant")
SNAPSHOT = HeaderName(b"NGSILD-Snapshot")
ENTITY_MAP = HeaderName(b"NGSILD-EntityMap")
PREFERENCE_APPLIED = HeaderName(b"Preference-Applied")
CONTENT_LENGTH = b"content-length"


class Request:
    """One request: `headers` by lower-case name, `path` holds the decoded variables of the route's path.

    `public_url`: where clients reach the broker, such as `http://host:1026`.
    """

    __slots__ = ("_parameters", "body", "headers", "method", "path", "public_url", "query_string", "tenant")

    def __init__(
        self,
        method: str,
        headers: Mapping[bytes, bytes],
        query_string: bytes = b"",
        path: tuple[str, ...] = (),
        body: bytes = b"",
    ) -> None:
        self.method = method
        self.headers = headers
        self.query_string = query_string
        self.path = path
        self.body = body
        self.tenant = ""
        self.public_url = ""
        self._parameters: dict[str, str] | None = None

    def header(self, name: bytes) -> str | None:
        """A header's value (`name` in lower case), or None."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")

    @property
    def parameters(self) -> dict[str, str]:
        """The query parameters, decoded. Those that hold lists may be repeated.

        Raises InvalidRequest where they cannot be decoded or another one comes twice.
        """
        if self._parameters is None:
            self._parameters = _parse(self.query_string) if self.query_string else {}
        return self._parameters


class Response:
    """Status, headers in the order and spelling in which they are sent, body."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: list[Header] | None = None, body: bytes = b"") -> None:
        self.status = status
        self.headers: list[Header] = headers if headers is not None else []
        self.body = body

    def header(self, name: bytes) -> bytes | None:
        """The first header of that name, in whatever spelling."""
        wanted = bytes(name).lower()
        return next((value for key, value in self.headers if bytes(key).lower() == wanted), None)


def headers_of(scope: Mapping[str, Any]) -> dict[bytes, bytes]:
    """The headers of an ASGI scope; those that come several times are joined as RFC 9110 (5.3) allows."""
    pairs = scope["headers"]
    headers: dict[bytes, bytes] = dict(pairs)
    if len(headers) == len(pairs):
        return headers
    headers = {}
    for name, value in pairs:
        headers[name] = headers[name] + b", " + value if name in headers else value
    return headers


def _parse(query_string: bytes) -> dict[str, str]:
    parameters: dict[str, str] = {}
    parts = query_string.decode("latin-1").split("&", _MAX_PARAMETERS)
    if len(parts) > _MAX_PARAMETERS:
        raise InvalidRequest(f"A request has at most {_MAX_PARAMETERS} parameters.")
    for part in parts:
        if not part:
            continue
        name, _, value = part.partition("=")
        name, value = _decode(name), _decode(value)
        if name not in parameters:
            parameters[name] = value
        elif name in _LIST_PARAMETERS:
            parameters[name] += "," + value
        else:
            raise InvalidRequest(f"The parameter '{name}' was given twice; give it once.")
    return parameters


def _decode(text: str) -> str:
    if "%" not in text and "+" not in text and text.isascii():
        return text
    try:
        return unquote_plus(text.encode("latin-1").decode("utf-8"), errors="strict")
    except UnicodeDecodeError:
        raise InvalidRequest("The query of the URL is not UTF-8; percent-encode it as such.") from None
