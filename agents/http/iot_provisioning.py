"""FIWARE's provisioning under `/iot`: routes, headers, statuses and errors as its clients expect them."""

from collections.abc import Mapping
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response

from agents.core.iot_refusals import ProvisioningError, wrong_syntax
from agents.operations.provisioning import Provisioning

BODY_LIMIT = 16 * 1024 * 1024
"""Bytes of a request: ten thousand devices of 1.6 KB."""
_PAGE = 1_000


def add_provisioning(app: FastAPI, provisioning: Provisioning) -> None:
    """Add every provisioning route to an application."""
    for path, plural in (("/iot/groups", "groups"), ("/iot/services", "services")):
        _add_groups(app, provisioning, path, plural)
    _add_devices(app, provisioning)
    _add_waiting(app, provisioning)
    app.add_exception_handler(ProvisioningError, _problem)


def _add_groups(app: FastAPI, provisioning: Provisioning, path: str, plural: str) -> None:
    @app.post(path, status_code=201)
    async def create(request: Request) -> Response:
        """Provision groups of devices."""
        service, subservice = _where(request)
        await provisioning.add_groups(_list_in(await body(request), plural), service, subservice)
        return answer({}, 201)

    @app.get(path)
    async def retrieve(request: Request) -> Response:
        """Groups of a service, or the one with `resource` and `apikey`."""
        service, subservice = _where(request)
        query = request.query_params
        found = provisioning.groups(service, subservice, resource=query.get("resource"), apikey=query.get("apikey"))
        return answer({"count": len(found), plural: _page(request, found)})

    @app.put(path, status_code=204)
    async def change(request: Request) -> Response:
        """Change members of a group."""
        service, subservice = _where(request)
        resource, apikey = _group(request)
        await provisioning.change_group(await body(request), service, subservice, resource, apikey)
        return Response(status_code=204)

    @app.delete(path, status_code=204)
    async def remove(request: Request) -> Response:
        """Forget a group; with `device=true` its devices too."""
        service, subservice = _where(request)
        resource, apikey = _group(request)
        with_devices = request.query_params.get("device") == "true"
        await provisioning.remove_group(service, subservice, resource, apikey, with_devices=with_devices)
        return Response(status_code=204)


def _add_devices(app: FastAPI, provisioning: Provisioning) -> None:
    @app.post("/iot/devices", status_code=201)
    async def create(request: Request) -> Response:
        """Provision devices."""
        service, subservice = _where(request)
        await provisioning.add_devices(_list_in(await body(request), "devices"), service, subservice)
        return answer({}, 201)

    @app.get("/iot/devices")
    async def retrieve_all(request: Request) -> Response:
        """Devices of a service and path."""
        found = provisioning.devices(*_where(request))
        return answer({"count": len(found), "devices": _page(request, found)})

    @app.get("/iot/devices/{device_id}")
    async def retrieve(device_id: str, request: Request) -> Response:
        """One device."""
        service, subservice = _where(request)
        return answer(provisioning.device(service, subservice, device_id, request.query_params.get("apikey")))

    @app.put("/iot/devices/{device_id}", status_code=204)
    async def change(device_id: str, request: Request) -> Response:
        """Change members of a device."""
        service, subservice = _where(request)
        apikey = request.query_params.get("apikey")
        await provisioning.change_device(await body(request), service, subservice, device_id, apikey)
        return Response(status_code=204)

    @app.delete("/iot/devices/{device_id}", status_code=204)
    async def remove(device_id: str, request: Request) -> Response:
        """Forget a device; its entity stays at the broker."""
        wanted = [(device_id, request.query_params.get("apikey"))]
        await provisioning.remove_devices(wanted, *_where(request))
        return Response(status_code=204)

    @app.post("/iot/op/delete", status_code=204)
    async def remove_all(request: Request) -> Response:
        """Forget several devices."""
        where = _where(request)
        await provisioning.remove_devices(_wanted(await body(request)), *where)
        return Response(status_code=204)


def _add_waiting(app: FastAPI, provisioning: Provisioning) -> None:
    @app.get("/iot/waiting")
    async def waiting(request: Request) -> Response:
        """Devices that sent with the key of a group whose `autoprovision` is false."""
        found = provisioning.waiting(*_where(request))
        return answer({"count": len(found), "devices": _page(request, found)})

    @app.post("/iot/waiting/accept", status_code=201)
    async def accept(request: Request) -> Response:
        """Provision waiting devices as their group describes them."""
        where = _where(request)
        await provisioning.accept(_wanted(await body(request)), *where)
        return answer({}, 201)


async def body(request: Request) -> Any:
    """The JSON in a request.

    Raises:
        ProvisioningError: Too long, or no JSON.
    """
    read = bytearray()
    async for chunk in request.stream():
        read += chunk
        if len(read) > BODY_LIMIT:
            raise ProvisioningError("REQUEST_TOO_LARGE", 413, f"the body has at most {BODY_LIMIT} bytes")
    try:
        return orjson.loads(read)
    except orjson.JSONDecodeError as problem:
        raise wrong_syntax(f"the body is not JSON: {problem}") from None


def answer(content: Any, status: int = 200) -> Response:
    """A JSON response."""
    return Response(orjson.dumps(content), status, media_type="application/json")


def _where(request: Request) -> tuple[str, str]:
    """Service and path of the headers; FIWARE's services have no upper case."""
    service, path = (request.headers.get(name) for name in ("fiware-service", "fiware-servicepath"))
    missing = [name for name, value in (("fiware-service", service), ("fiware-servicepath", path)) if not value]
    if missing or service is None or path is None:
        detail = f"Some headers were missing from the request: {orjson.dumps(missing).decode()}"
        raise ProvisioningError("MISSING_HEADERS", 400, detail)
    if len(service) > 64 or len(path) > 256:
        raise wrong_syntax("fiware-service has at most 64 characters, fiware-servicepath 256")
    return service.lower(), path


def _group(request: Request) -> tuple[str, str]:
    query = request.query_params
    missing = [name for name in ("resource", "apikey") if name not in query]
    if missing:
        detail = f"Some headers were missing from the request: {orjson.dumps(missing).decode()}"
        raise ProvisioningError("MISSING_HEADERS", 400, detail)
    return query["resource"], query["apikey"]


def _list_in(document: Any, plural: str) -> list[Any]:
    other = {"groups": "services", "services": "groups"}.get(plural, plural)
    members = None
    if isinstance(document, Mapping):
        members = document.get(plural, document.get(other))
        if members is None and plural == "devices" and "device_id" in document:
            members = [document]
    if not isinstance(members, list):
        raise wrong_syntax(f"{plural} is a list of objects")
    return members


def _wanted(document: Any) -> list[tuple[str, str | None]]:
    found: list[tuple[str, str | None]] = []
    for each in _list_in(document, "devices"):
        name = (each.get("deviceId") or each.get("device_id")) if isinstance(each, Mapping) else None
        apikey = each.get("apikey") if isinstance(each, Mapping) else None
        if not isinstance(name, str) or not (apikey is None or isinstance(apikey, str)):
            raise wrong_syntax("devices: each is an object with deviceId and, where needed, apikey")
        found.append((name, apikey or None))
    return found


def _page(request: Request, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    offset, limit = (_whole(request, name, default) for name, default in (("offset", 0), ("limit", _PAGE)))
    return found[offset : offset + min(limit, _PAGE)]


def _whole(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, str(default))
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise wrong_syntax(f"{name} is a whole number")
    return int(text)


async def _problem(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, ProvisioningError)  # noqa: S101  registered for this class alone
    return answer({"name": problem.name, "message": problem.detail}, problem.status)
