"""Commands: what a client of the broker wants of a device, and how far that has come.

The states and their names are those of FIWARE's IoT agents (`<command>_status`), read strictly: a state is never left
for one that says less, and what has ended stays ended.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

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


def report(command: Command) -> dict[str, Any]:
    """The attributes of the entity that tell clients how far it has come (`<command>_status`, `<command>_info`).

    Values are as they stand; `agents.core.translate` has no part in it, since these are no measures.
    """
    return {f"{command.name}_status": command.status.value, f"{command.name}_info": command.info}
