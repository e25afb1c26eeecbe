"""Which routes a port serves: devices get at those meant for devices, and at nothing that administers."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

_Scope: TypeAlias = MutableMapping[str, Any]
_Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_App: TypeAlias = Callable[[_Scope, _Receive, _Send], Awaitable[None]]
_SOUTH = ("/iot/json", "/iot/d", "/lorawan")


def devices_only(app: _App, south_port: int) -> _App:
    """The application, of which only the routes for devices can be reached on `south_port`."""

    async def guarded(scope: _Scope, receive: _Receive, send: _Send) -> None:
        if scope["type"] == "http" and south_port and (scope.get("server") or (None, 0))[1] == south_port:
            path: str = scope["path"]
            if not any(path == each or path.startswith(each + "/") for each in _SOUTH):
                await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"0")]})
                await send({"type": "http.response.body", "body": b""})
                return
        await app(scope, receive, send)

    return guarded
