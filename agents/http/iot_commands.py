"""Where the context broker tells of commands: notifications, and updates it passes on for a registration."""

import secrets
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote

from fastapi import FastAPI, Request, Response

from agents.core.commands import FREE
from agents.core.iot_refusals import wrong_syntax
from agents.core.model import Device
from agents.core.notified import Commanded, notified, updated
from agents.http.iot_provisioning import answer, body
from agents.operations.commands import Commands
from agents.operations.devices import Devices
from agents.operations.provisioning import Provisioning

NOTIFY = "/iot/notify"


def add_commands(app: FastAPI, provisioning: Provisioning, devices: Devices, commands: Commands) -> None:
    """Add the routes to an application."""

    @app.post(NOTIFY, status_code=204)
    async def notify(request: Request) -> Response:
        """A notification of a command attribute; 204 says that the commands in it are durable."""
        query = request.query_params
        told = notified(await body(request), query.get("command", ""))
        await _accept(told, query.get("tenant"))
        return Response(status_code=204)

    @app.patch("/ngsi-ld/v1/entities/{entity_id:path}/attrs/{name}")
    @app.put("/ngsi-ld/v1/entities/{entity_id:path}/attrs/{name}")
    async def update_attribute(entity_id: str, name: str, request: Request) -> Response:
        """One attribute of such an entity (5.6.4, 5.6.19)."""
        return await _updated(unquote(entity_id), {unquote(name): await body(request)}, request)

    # The last decorator counts first: the more general path has to come after.
    @app.patch("/ngsi-ld/v1/entities/{entity_id:path}")
    @app.post("/ngsi-ld/v1/entities/{entity_id:path}/attrs")
    @app.patch("/ngsi-ld/v1/entities/{entity_id:path}/attrs")
    async def update(entity_id: str, request: Request) -> Response:
        """Attributes of an entity whose commands are registered here (5.6.2, 5.6.3, 5.6.17)."""
        document = await body(request)
        if not isinstance(document, Mapping):
            raise wrong_syntax("a fragment of an entity is a JSON object")
        return await _updated(unquote(entity_id), document, request)

    async def _updated(entity_id: str, attributes: Mapping[str, Any], request: Request) -> Response:
        tenant = request.headers.get("ngsild-tenant")
        # Nothing tells an update that is sent again from one that is meant again.
        taken = await _accept(updated(entity_id, attributes, secrets.token_hex(16)), tenant)
        if taken:
            return Response(status_code=204)
        detail = f"no device takes a command of {entity_id} by these names"
        return answer({"type": "https://uri.etsi.org/ngsi-ld/errors/ResourceNotFound", "title": "Not found",
                       "detail": detail}, 404)  # fmt: skip

    async def _accept(told: Iterable[Commanded], tenant: str | None) -> int:
        taken = 0
        for each in told:
            device = _device(tenant, each.entity_id)
            if device is not None and each.attribute in device.commands:
                if each.value != FREE:
                    await commands.accept(device, each.attribute, each.value, each.identity, each.expires)
                taken += 1
        return taken

    def _device(tenant: str | None, entity_id: str) -> Device | None:
        found = provisioning.by_entity(tenant.lower() if tenant else None, entity_id)
        return found or devices.by_entity(entity_id)
