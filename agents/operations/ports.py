"""What the pipeline needs from the outside."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from agents.codecs.outcome import Decoded
from agents.codecs.sandbox import CodecCall
from agents.core.errors import UndecodablePayload
from agents.core.model import Device, Instant

IDENTITY_BYTES = 8
"""Bytes of the digest that stands for an uplink."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message as it arrived."""

    topic: str
    payload: bytes
    receipt: Any = None
    """What the source needs to acknowledge it."""
    number: int | None = None
    """The MQTT packet identifier, where the MQTT broker sends the message again until it is acknowledged."""
    again: bool = False
    """The MQTT broker says that it may have sent this one before."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message in the spool."""

    seq: int
    at: Instant
    """When it arrived."""
    topic: str
    payload: bytes
    doubtful: bool = False
    """It may have been stored, by a process that ended before it took note of it."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A packet identifier of MQTT and what came under it."""

    number: int
    digest: int


@dataclass(frozen=True, slots=True)
class Rejection:
    """A message that did not become a measure, as it came."""

    id: int
    at: Instant
    topic: str
    payload: bytes
    device_id: str | None
    reason: str
    detail: str
    shown: bytes
    """What an operator may see of it."""


@dataclass(frozen=True, slots=True)
class SpoolState:
    """What an earlier process left in the spool."""

    last: int
    """The highest number that was ever given to a message still there."""
    count: int
    size: int
    """Bytes of topics and payloads."""
    marks: Sequence[Mark]
    identities: Sequence[bytes]


class Spool(Protocol):
    """Keeps messages from their arrival until the broker has stored them, across restarts."""

    async def open(self) -> SpoolState:
        """Open it."""
        ...

    async def append(self, messages: Sequence[Message], marks: Sequence[Mark]) -> None:
        """Keep messages; durable from here on. Raises SpoolFull."""
        ...

    async def read(self, after: int, limit: int) -> list[Message]:
        """The messages that follow `after`, in their order."""
        ...

    async def settle(self, upto: int, identities: Sequence[bytes], rejected: Sequence[Rejection]) -> None:
        """Forget the messages up to this one, remember the identities, keep the rejected."""
        ...

    async def rejected(self, limit: int) -> list[Rejection]:
        """The newest of the rejected messages, the oldest of them first."""
        ...

    async def take_back(self, identifiers: Sequence[int], devices: Sequence[str]) -> list[Rejection]:
        """Rejected messages with these identifiers, and those of these devices that nobody had registered."""
        ...

    async def respool(self, messages: Sequence[Message], instead_of: Sequence[int]) -> None:
        """Keep messages again instead of as rejected, in one step."""
        ...

    async def health(self) -> dict[str, str]:
        """What was saved of each device."""
        ...

    async def save_health(self, saved: Sequence[tuple[str, str]], gone: Sequence[str]) -> None:
        """Save what is known of some devices, and forget others."""
        ...


class Source(Protocol):
    """Where messages come from."""

    async def take(self, limit: int) -> list[Delivery]:
        """Wait for a message, then take all that are there, in the order of arrival, up to `limit`."""
        ...

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """These messages are done with: stored or rejected. Without it they come again."""
        ...


class Codecs(Protocol):
    """Runs codecs."""

    async def decode(self, calls: Sequence[CodecCall]) -> list[Decoded | UndecodablePayload]:
        """One result per call, in their order."""
        ...


@dataclass(frozen=True, slots=True)
class EntityRef:
    """An entity of the broker, and the @context in which its type and attributes are named."""

    tenant: str | None
    id: str
    type: str
    context: str


class ContextBroker(Protocol):
    """Takes entities. Every method raises BrokerUnavailable where the broker does not answer for now."""

    async def upsert(self, entities: Sequence[dict[str, Any]], tenant: str | None = None) -> dict[str, str]:
        """Create or update entities of one tenant, in their order; ids may repeat.

        Returns:
            For each entity the broker refused, its id and the reason.
        """
        ...

    async def decided(self, entities: Sequence[EntityRef]) -> None:
        """Wait until all that was sent before about these entities, of one tenant, is stored or will never be.

        A request whose sender has gone may still be waiting in the broker.
        """
        ...

    async def newest(self, entities: Sequence[EntityRef]) -> dict[str, dict[str, Instant]]:
        """When the current values of attributes were observed, by entity and attribute name; of one tenant."""
        ...

    async def recorded(self, entity: EntityRef, at: Instant) -> dict[str, list[Any]] | None:
        """The values observed at an instant, by attribute name; `None` where the broker keeps no history."""
        ...

    async def append_to_history(self, entity: EntityRef, fragment: dict[str, Any]) -> str | None:
        """Add values to the history without touching the current state; the reason where it is refused."""
        ...


class DeviceStore(Protocol):
    """Keeps registrations across restarts."""

    def all(self) -> AsyncIterator[dict[str, Any]]:
        """Every stored registration."""
        ...

    async def revision(self) -> int:
        """A number that grows with each change, whoever makes it."""
        ...

    async def save(self, devices: Sequence[Device]) -> None:
        """Store registrations; the same id again replaces."""
        ...

    async def remove(self, device_id: str) -> None:
        """Forget one."""
        ...
