"""Where the context broker asks for lazy attributes, as of a context source (4.3.6.5): one entity, or several."""

import asyncio
from typing import Any
from urllib.parse import unquote

import orjson
from fastapi import FastAPI, Request, Response

from agents.core.model import Device
from agents.operations.lazy_reading import LazyReading
from agents.operations.provisioning import Provisioning

_ENTITIES = 100
"""Devices asked for one query: as many at once as one broker has connections to a source several times over."""


def add_lazy(app: FastAPI, provisioning: Provisioning, reading: LazyReading) -> None:
    """Add the routes to an application."""

    @app.get("/ngsi-ld/v1/entities/{entity_id:path}")
    async def retrieve(entity_id: str, request: Request) -> Response:
        """The lazy attributes of an entity (5.7.1)."""
        device = provisioning.by_entity(_tenant(request), unquote(entity_id))
        found = await _entity(device, request) if device is not None else None
        if found is None:
            problem = {"type": "https://uri.etsi.org/ngsi-ld/errors/ResourceNotFound", "title": "Not found",
                       "detail": "no device has lazy attributes for this entity"}  # fmt: skip
            return Response(orjson.dumps(problem), 404, media_type="application/json")
        return _answer(found)

    @app.get("/ngsi-ld/v1/entities")
    @app.get("/ngsi-ld/v1/entities/")
    async def query(request: Request) -> Response:
        """The same of several entities, named by `id` (5.7.2)."""
        tenant, names = _tenant(request), request.query_params.get("id", "").split(",")
        devices = [provisioning.by_entity(tenant, name) for name in names[:_ENTITIES] if name]
        found = await asyncio.gather(*[_entity(each, request) for each in devices if each is not None])
        return _answer([each for each in found if each is not None])

    async def _entity(device: Device, request: Request) -> dict[str, Any] | None:
        if not device.provisioned.lazy:
            return None
        names = [each for each in request.query_params.get("attrs", "").split(",") if each]
        attributes = await reading.read(device, names or None)
        if not attributes:
            return None
        return {"id": device.entity_id, "type": device.entity_type, **attributes, "@context": device.context}


def _answer(content: Any) -> Response:
    return Response(orjson.dumps(content), media_type="application/ld+json")


def _tenant(request: Request) -> str | None:
    tenant = request.headers.get("ngsild-tenant")
    return tenant.lower() if tenant else None
