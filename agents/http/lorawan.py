"""HTTP endpoints for LoRaWAN network servers that push: their integrations post here what they would publish.

| network server | address to configure |
|---|---|
| ChirpStack, HTTP integration | `/lorawan/chirpstack` (it adds `?event=up`) |
| The Things Stack, webhook | `/lorawan/tts`, the same for every enabled event, or with a path each |
| Actility ThingPark, tunnel or IoT Flow | `/lorawan/actility` (it adds `?LrnDevEui=…`) |
| others, or several | `/lorawan/any` |

Each shows the token that is set for its connection: as `Authorization: Bearer …` (The Things Stack and ChirpStack have
fields for headers), as the password of basic authentication, as `X-API-Key`, or as `?token=…` (ThingPark).
"""

from fastapi import FastAPI, Request, Response

from agents.core.errors import SpoolFull
from agents.http.tokens import Tokens
from agents.networks import lorawan
from agents.networks.event import dev_eui
from agents.operations.intake import Intake
from agents.operations.ports import Delivery
from agents.operations.read import PAYLOAD_LIMIT

_EVENT_LIMIT = 32  # characters of an event's name


def add_lorawan_routes(app: FastAPI, intake: Intake, tokens: Tokens) -> None:
    """Add the endpoints to an application."""

    @app.post("/lorawan/{network}")
    @app.post("/lorawan/{network}/{event:path}")
    async def receive(request: Request, network: str, event: str = "") -> Response:
        """Take a message in; 204 says that it is durable, not that it was understood (see `GET /rejected`)."""
        if network not in lorawan.HTTP_NETWORKS:
            return Response(f"no such network: one of {', '.join(lorawan.HTTP_NETWORKS)}\n", 404)
        refusal = tokens.refusal(network, request)
        if refusal is not None:
            return Response(f"{refusal}\n", 401, {"WWW-Authenticate": "Bearer"})
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > PAYLOAD_LIMIT:
                return Response(f"a message has at most {PAYLOAD_LIMIT} bytes\n", 413)
        topic = lorawan.http_topic(network, _kind(request, network, event))
        try:
            await intake.accept([Delivery(topic, bytes(body))])
        except SpoolFull as full:
            return Response(f"{full.detail}\n", 503, {"Retry-After": "10"})
        return Response(status_code=204)


def _kind(request: Request, network: str, event: str) -> str:
    if network == "actility":
        return dev_eui(request.query_params.get("LrnDevEui")) or "up"
    if network == "chirpstack":
        event = request.query_params.get("event") or event
    return event.replace("/", "-")[:_EVENT_LIMIT] or "up"
