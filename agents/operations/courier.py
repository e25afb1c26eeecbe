"""Brings commands to devices: published over MQTT, posted to their endpoint, or as a downlink of their network."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import orjson

from agents.codecs.outcome import Encoded
from agents.core.commands import Command, CommandAttribute, CommandStatus, Downlink, argument, content
from agents.core.errors import AgentError, UndecodablePayload
from agents.core.jexl.values import NotEvaluable
from agents.core.model import Device, Instant
from agents.networks import ultralight
from agents.networks.downlinks import HttpPost, TunnelAccount, transmission
from agents.operations.commands import Outcome


class Publisher(Protocol):
    """Publishes over MQTT."""

    async def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool) -> bool:
        """Publish; tells whether the MQTT broker has it."""
        ...


class Poster(Protocol):
    """Sends requests."""

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes] | None:
        """Status and beginning of the answer; `None` where nobody answers."""
        ...


class Encoder(Protocol):
    """Turns commands into bytes with the codec of a device's model."""

    async def encode(self, codec: str, data: Mapping[str, Any], f_port: int | None) -> Encoded | UndecodablePayload:
        """Bytes and port, or why there are none."""
        ...


class DeviceCourier:
    """Knows how each device wants to be told."""

    def __init__(
        self,
        publisher: Publisher,
        poster: Poster,
        encoder: Encoder,
        now: Callable[[], Instant],
        codec: Callable[[str], str] = str,
        account: TunnelAccount | None = None,
    ) -> None:
        """`account` is that of ThingPark's tunnel interface; without it downlinks for ThingPark go to IoT Flow."""
        self._publisher = publisher
        self._poster = poster
        self._encoder = encoder
        self._codec = codec
        self._account = account
        self._now = now
        self._routes: dict[str, Mapping[str, Any]] = {}

    def routed(self, device: Device, route: Mapping[str, Any]) -> None:
        """A network server told where it wants downlinks for a device."""
        self._routes[device.id] = route

    def restore(self, routes: Mapping[str, Mapping[str, Any]]) -> None:
        """Take up what network servers told an earlier process, by device; what they told this one goes before."""
        self._routes = {**routes, **self._routes}

    def polls(self, device: Device) -> bool:
        """The device asks for its commands itself."""
        told = device.provisioned
        return told is not None and told.transport == "HTTP" and not told.endpoint and not told.lorawan

    async def deliver(self, command: Command, device: Device) -> Outcome | None:
        """Bring a command; the state it is in then, or `None` where the device cannot be reached for now."""
        attribute = device.commands.get(command.name)
        if attribute is None:
            return CommandStatus.ERROR, "the device has no such command any more"
        try:
            provisioned = device.provisioned
            told = argument(attribute, command, _statics(device))
            if device.api_key is None or (provisioned is not None and provisioned.lorawan):
                return await self._transmit(command, device, attribute, told)
            if provisioned is not None and provisioned.endpoint and provisioned.transport != "MQTT":
                return await self._post(command, device, attribute, told)
            return await self._publish(device, attribute, told)
        except (NotEvaluable, ValueError, TypeError) as problem:
            return CommandStatus.ERROR, str(problem)
        except AgentError as problem:
            return CommandStatus.ERROR, problem.detail

    async def _publish(self, device: Device, attribute: CommandAttribute, told: Any) -> Outcome | None:
        topic = f"/{device.api_key}/{_name(device)}/cmd"
        payload = _message(device, attribute, told)
        # The MQTT broker has to have it for it to count as delivered; the device still chooses its own QoS.
        taken = await self._publisher.publish(topic, payload, qos=max(attribute.qos, 1), retain=attribute.retain)
        return (CommandStatus.DELIVERED, None) if taken else None

    async def _post(self, command: Command, device: Device, attribute: CommandAttribute, told: Any) -> Outcome | None:
        provisioned = device.provisioned
        plain = _speaks_ultralight(device) or attribute.payload_type in ("text", "binaryfromstring")
        headers = {
            "Content-Type": attribute.content_type or ("text/plain" if plain else "application/json"),
            "fiware-service": provisioned.service,
            "fiware-servicepath": provisioned.subservice,
            **attribute.headers,
        }
        answered = await self._poster.post(provisioned.endpoint, _message(device, attribute, told), headers)
        if answered is None:
            return None
        status, body = answered
        if not 200 <= status < 300:
            return CommandStatus.ERROR, f"the device answered {status}"
        return CommandStatus.OK if body.strip() else CommandStatus.DELIVERED, _result(command, device, body)

    async def _transmit(
        self, command: Command, device: Device, attribute: CommandAttribute, told: Any
    ) -> Outcome | None:
        route = self._routes.get(device.id)
        if route is None:
            return None
        payload, port = b"", attribute.f_port
        if attribute.payload_type in ("binaryfromhex", "binaryfromstring", "text"):
            payload = content(attribute, told)
        else:
            data = told if isinstance(told, Mapping) else {command.name: told}
            encoded = await self._encoder.encode(self._codec(device.model), data, port)
            if isinstance(encoded, UndecodablePayload):
                return CommandStatus.ERROR, encoded.detail
            payload, port = encoded.payload, port or encoded.f_port
        downlink = Downlink(
            command=command.id,
            device_id=_eui(device),
            payload=payload,
            f_port=port or 1,
            confirmed=attribute.confirmed,
            expires=command.expires,
            route=route,
        )
        sent = transmission(downlink, self._now(), self._account)
        if not isinstance(sent, HttpPost):
            taken = await self._publisher.publish(sent.topic, sent.payload, qos=1, retain=False)
            # What the network server queues is not yet with the device: its events tell the rest.
            return (CommandStatus.DELIVERED, None) if taken else None
        answered = await self._poster.post(sent.url, sent.body, sent.headers)
        if answered is None:
            return None
        taken = 200 <= answered[0] < 300
        return (
            (CommandStatus.DELIVERED, None) if taken else (CommandStatus.ERROR, f"the network answered {answered[0]}")
        )


def pending(device: Device, collected: list[Command]) -> bytes:
    """Commands in the answer to a device that asked: one JSON object, or UltraLight parted by `#`.

    A command whose expression has no value for it is left out.
    """
    told: dict[str, Any] = {}
    written: list[str] = []
    for command in collected:
        attribute = device.commands.get(command.name)
        if attribute is None:
            continue
        try:
            value = argument(attribute, command, _statics(device))
        except NotEvaluable:
            continue
        told[command.name] = value
        written.append(ultralight.command(_name(device), command.name, value))
    return "#".join(written).encode() if _speaks_ultralight(device) else orjson.dumps(told)


def _message(device: Device, attribute: CommandAttribute, told: Any) -> bytes:
    if attribute.payload_type is not None:
        return content(attribute, told)
    if _speaks_ultralight(device):
        return ultralight.command(_name(device), attribute.name, told).encode()
    return orjson.dumps({attribute.name: told})


def _result(command: Command, device: Device, body: bytes) -> Any:
    """What a device answered: the command's member of a JSON object, or the whole."""
    text = body.decode(errors="replace")
    if _speaks_ultralight(device) and "@" in text:
        return ultralight.result(text)[2]
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return text or None
    return answer.get(command.name, answer) if isinstance(answer, dict) else answer


def _speaks_ultralight(device: Device) -> bool:
    spoken = device.provisioned.protocol.upper() if device.provisioned is not None else ""
    return "UL" in spoken


def _statics(device: Device) -> Mapping[str, Any]:
    """What expressions know besides the value."""
    return device.provisioned.static_values if device.provisioned is not None else {}


def _name(device: Device) -> str:
    """How the device calls itself."""
    return str(device.provisioned.device_id) if device.provisioned is not None else device.id


def _eui(device: Device) -> str:
    told = device.provisioned.lorawan.get("dev_eui") if device.provisioned is not None else None
    return str(told or _name(device)).lower()
