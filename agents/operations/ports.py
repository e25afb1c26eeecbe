"""What the pipeline needs from the outside."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from agents.codecs.outcome import Decoded
from agents.codecs.sandbox import CodecCall
from agents.core.errors import UndecodablePayload
from agents.core.model import Device


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message as it arrived."""

    topic: str
    payload: bytes
    receipt: Any = None
    """What the source needs to acknowledge it."""


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


class ContextBroker(Protocol):
    """Takes entities."""

    async def upsert(self, entities: Sequence[dict[str, Any]]) -> dict[str, str]:
        """Create or update entities.

        Returns:
            For each entity the broker refused, its id and the reason.

        Raises:
            BrokerUnavailable: Nothing is known to be stored; the same batch may be sent again.
        """
        ...


class DeviceStore(Protocol):
    """Keeps registrations across restarts."""

    def all(self) -> AsyncIterator[dict[str, Any]]:
        """Every stored registration."""
        ...

    async def save(self, devices: Sequence[Device]) -> None:
        """Store registrations; the same id again replaces."""
        ...

    async def remove(self, device_id: str) -> None:
        """Forget one."""
        ...
