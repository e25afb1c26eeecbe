"""What administers asks for a token, so that it can be reached from other machines without being everybody's."""

import hashlib
import hmac

import orjson
from starlette.types import ASGIApp, Receive, Scope, Send

_PROBES = frozenset({"/health", "/ready", "/version", "/metrics", "/iot/about"})
_DEVICES = ("/iot/json", "/iot/d", "/iot/own", "/lorawan")
"""Devices have the key of their group, network servers tokens of their own."""
_BROKER = ("/iot/notify", "/ngsi-ld/v1")
"""Where the broker tells of commands and asks for lazy attributes."""
_PROVISIONING = ("/iot", *_BROKER)
_REMEDY = "start the agents with ECLOR_AGENTS_TOKEN=TOKEN and send it as Authorization: Bearer TOKEN"


def broker_credential(token: str) -> str:
    """What the broker shows instead of the token: it stands in subscriptions, which more people may read.

    It opens what the broker calls and nothing else. Empty without a token.
    """
    return hmac.new(token.encode(), b"eclor agents: calls of the broker", hashlib.sha256).hexdigest() if token else ""


class Guard:
    """An application of which devices, probes and those who know the token get at what is theirs.

    Args:
        token: What to show; empty where none is set.
        open_without: Whether all is served as long as none is set: on the loopback address, or where the operator says
            that somebody else sees to it. Otherwise only provisioning is, since FIWARE's scripts send no token.
    """

    def __init__(self, app: ASGIApp, token: str, *, open_without: bool) -> None:
        self._app = app
        self._token = token.encode()
        self._of_broker = broker_credential(token).encode()
        self._open_without = open_without

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or refuse it with 401."""
        refusal = self._refusal(scope) if scope["type"] == "http" else None
        if refusal is None:
            await self._app(scope, receive, send)
            return
        body = orjson.dumps({"title": "Unauthorized", "detail": refusal})
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"www-authenticate", b"Bearer"),
        ]
        await send({"type": "http.response.start", "status": 401, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _refusal(self, scope: Scope) -> str | None:
        path: str = scope["path"]
        if path in _PROBES or _below(path, _DEVICES):
            return None
        if not self._token:
            if self._open_without or _below(path, _PROVISIONING):
                return None
            return f"no token is set, and this port can be reached from other machines: {_REMEDY}"
        shown = _bearer(scope)
        if shown is None:
            return "a token is missing: send ECLOR_AGENTS_TOKEN as Authorization: Bearer TOKEN"
        # Both are compared: how long that takes must not tell which was near.
        is_token, is_of_broker = (hmac.compare_digest(shown, each) for each in (self._token, self._of_broker))
        if is_token or (is_of_broker and _below(path, _BROKER)):
            return None
        return "the token is not the one set as ECLOR_AGENTS_TOKEN"


def _below(path: str, places: tuple[str, ...]) -> bool:
    return any(path == each or path.startswith(each + "/") for each in places)


def _bearer(scope: Scope) -> bytes | None:
    given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
    scheme, _, token = given.partition(b" ")
    return token.strip() or None if scheme.lower() == b"bearer" else None
