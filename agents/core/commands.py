"""Commands: what a client of the broker wants of a device, and how far that has come.

The states and their names are those of FIWARE's IoT agents (`<command>_status`), read strictly: a state is never left
for one that says less, and what has ended stays ended.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

import orjson

from agents.core.instant import format_instant
from agents.core.jexl.evaluate import Expression, expression
from agents.core.model import Instant, Json


class CommandStatus(StrEnum):
    """How far a command has come; the values of `<command>_status`."""

    UNKNOWN = "UNKNOWN"
    """Nobody has commanded anything yet."""
    PENDING = "PENDING"
    """The agent has it and keeps it until the device can be reached."""
    DELIVERED = "DELIVERED"
    """It left the agent: the MQTT broker, the network server or the device itself took it."""
    OK = "OK"
    """The device reported a result."""
    ERROR = "ERROR"
    """It cannot reach the device, or the device or its network refused it."""
    EXPIRED = "EXPIRED"
    """Its time ran out before a result came."""


FREE = CommandStatus.UNKNOWN.value
"""Value of a command attribute that asks for nothing. The agent sets it as soon as a wish was taken up: a broker tells
of changes alone (5.8.6), so only then is the same wish once more a change again."""

_LATER: Mapping[CommandStatus, frozenset[CommandStatus]] = {
    CommandStatus.UNKNOWN: frozenset(CommandStatus) - {CommandStatus.UNKNOWN},
    CommandStatus.PENDING: frozenset(
        {CommandStatus.DELIVERED, CommandStatus.OK, CommandStatus.ERROR, CommandStatus.EXPIRED}
    ),
    CommandStatus.DELIVERED: frozenset({CommandStatus.OK, CommandStatus.ERROR, CommandStatus.EXPIRED}),
    CommandStatus.OK: frozenset(),
    CommandStatus.ERROR: frozenset(),
    CommandStatus.EXPIRED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Command:
    """One command on its way to one device."""

    id: str
    """Unique; goes along to network servers that give it back with their acknowledgement."""
    device: str
    """Key of the device at the agent (`agents.core.model.Device.id`)."""
    name: str
    """Name of the command attribute of the entity."""
    value: Json
    created: Instant
    expires: Instant
    """From then on nobody waits for it."""
    status: CommandStatus = CommandStatus.PENDING
    info: Json = None
    """Result of the device or reason of the failure; the value of `<command>_info`."""
    changed: Instant = 0

    @property
    def ended(self) -> bool:
        """Nothing can happen to it any more."""
        return not _LATER[self.status]


@dataclass(frozen=True, slots=True)
class CommandAttribute:
    """What a client can command and how the device wants to be told."""

    name: str
    object_id: str
    expression: Expression | None = None
    """Makes what the device is told out of `value` (also under the command's name)."""
    payload_type: str | None = None
    """`binaryfromstring`, `binaryfromhex`, `binaryfromjson`, `text` or `json`: the device is told the value alone."""
    content_type: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    qos: int = 0
    retain: bool = False
    f_port: int | None = None
    confirmed: bool = False


@dataclass(frozen=True, slots=True)
class Downlink:
    """What a network is asked to transmit: a command in the form the device understands.

    Either `payload` (bytes on `f_port`) or `decoded` (an object the network server's codec encodes) is set for LoRaWAN;
    devices that speak JSON or UltraLight get `text`.
    """

    command: str
    """`Command.id`."""
    device_id: str
    """The devEUI in lower hex for LoRaWAN, else the identifier the device has at its agent."""
    api_key: str | None = None
    payload: bytes = b""
    decoded: Mapping[str, Json] | None = None
    f_port: int = 0
    """1 to 223 for LoRaWAN."""
    confirmed: bool = False
    """The network is to demand an acknowledgement from the device."""
    expires: Instant | None = None
    route: Mapping[str, Any] = field(default_factory=dict)
    """Where the network server wants it: `network`, `application`, `device`, `url` … as the last uplink told."""


def advance(command: Command, status: CommandStatus, info: Json, now: Instant) -> Command:
    """The command in a further state; unchanged where the state says nothing new (late or repeated reports)."""
    if status not in _LATER[command.status]:
        return command
    return replace(command, status=status, info=info, changed=now)


def expired(command: Command, now: Instant) -> bool:
    """Whether its time ran out while nobody had reported a result."""
    return not command.ended and now >= command.expires


def command_attribute(described: Mapping[str, Any]) -> CommandAttribute:
    """Read a command of a provisioning or of a device model.

    Raises:
        InvalidDescription: Its expression is not well formed.
    """
    mqtt = described.get("mqtt") or {}
    return CommandAttribute(
        name=described["name"],
        object_id=described.get("object_id") or described["name"],
        expression=expression(described["expression"]) if described.get("expression") else None,
        payload_type=described.get("payloadType"),
        content_type=described.get("contentType"),
        headers={str(name): str(value) for name, value in (described.get("headers") or {}).items()},
        qos=int(mqtt.get("qos") or 0),
        retain=bool(mqtt.get("retain")),
        f_port=described.get("fPort"),
        confirmed=bool(described.get("confirmed")),
    )


def argument(attribute: CommandAttribute, command: Command, context: Mapping[str, Any]) -> Json:
    """What the device is told: the value as it is, or what the command's expression makes of it.

    Raises:
        NotEvaluable: The expression has no value for this one.
    """
    if attribute.expression is None:
        return command.value
    return attribute.expression.evaluate({**context, "value": command.value, command.name: command.value})


def content(attribute: CommandAttribute, told: Json) -> bytes:
    """What the device is told, alone, in the form its command demands.

    Raises:
        ValueError: It has no such form.
    """
    kind = attribute.payload_type
    if kind == "binaryfromhex":
        return bytes.fromhex(told)
    if kind in ("text", "binaryfromstring"):
        return (told if isinstance(told, str) else orjson.dumps(told).decode()).encode()
    return orjson.dumps(told)


def report(command: Command) -> dict[str, Any]:
    """The attributes of the entity that tell clients how far it has come, normalized NGSI-LD.

    Until it leaves the agent the command attribute keeps the wish; then it is free for the next one.
    """
    at = format_instant(command.changed)
    status: dict[str, Any] = {"type": "Property", "value": command.status.value, "observedAt": at}
    info = "" if command.info is None else command.info
    told = {
        f"{command.name}_status": status,
        f"{command.name}_info": {"type": "Property", "value": info, "observedAt": at},
    }
    if command.value is not None:
        status["commanded"] = {"type": "Property", "value": command.value}
        if command.status is not CommandStatus.PENDING:
            told[command.name] = {"type": "Property", "value": FREE}
    return told


def stored(command: Command) -> dict[str, Any]:
    """The document that gives this command again."""
    document = asdict(command)
    return {**document, "status": command.status.value}


def restored(document: Mapping[str, Any]) -> Command:
    """The command of a document."""
    return Command(**{**document, "status": CommandStatus(document["status"])})
