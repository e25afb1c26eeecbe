"""Which routes a port serves: devices get at those meant for devices, and at nothing that administers."""

from collections.abc import Callable, Collection

from starlette.types import ASGIApp, Receive, Scope, Send

_SOUTH = ("/iot/json", "/iot/d", "/lorawan")
OWN = "/iot/own"
"""Where devices are served that post to the resource of their group, whatever its name."""
_ENDS = ("", "/commands", "/configuration")


def devices_only(app: ASGIApp, south_port: int, resources: Callable[[], Collection[str]] = tuple) -> ASGIApp:
    """The application, of which only the routes for devices can be reached on `south_port`.

    Args:
        resources: The resources of all groups; a path of that name is served there too.
    """

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and south_port and (scope.get("server") or (None, 0))[1] == south_port:
            path: str = scope["path"]
            if not any(path == each or path.startswith(each + "/") for each in _SOUTH):
                own = _own(path, resources())
                if own is None:
                    await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"0")]})
                    await send({"type": "http.response.body", "body": b""})
                    return
                scope = {**scope, "path": own, "raw_path": own.encode()}
        await app(scope, receive, send)

    return guarded


def _own(path: str, resources: Collection[str]) -> str | None:
    """The path under which a resource of one's own is served; whatever it is called, it leads nowhere else."""
    for end in _ENDS:
        resource = path.removesuffix(end)
        if resource and path.endswith(end) and resource in resources:
            return OWN + end
    resource, _, name = path.rpartition("/attrs/")
    return f"{OWN}/attrs/{name}" if resource and name and resource in resources else None
