"""One uplink on its way through the steps."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from agents.core.errors import AgentError
from agents.core.model import Device, DeviceModel, Instant, Uplink
from agents.operations.ports import Message


@dataclass(slots=True)
class Item:
    """An uplink and what each step made of it; a step that failed leaves its error."""

    message: Message
    uplink: Uplink
    device: Device
    model: DeviceModel
    time: Instant
    measures: Mapping[str, Any] | None = None
    normalized: list[dict[str, Any]] = field(default_factory=list)
    """The measures once more, in the words of device repositories, where the model's mapping reads those."""
    introduces: bool = False
    """Its entities hold the static attributes of device and model."""
    entities: list[dict[str, Any]] = field(default_factory=list)
    """What the broker is to be told, each entity normalized and with its @context."""
    error: AgentError | None = None


class Observer(Protocol):
    """Looks at what became of uplinks."""

    def observe(self, item: Item) -> None:
        """This one has been stored or rejected."""
        ...
