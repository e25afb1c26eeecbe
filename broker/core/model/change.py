"""What one write did to one entity: the input of notification and, later, of the history."""

from dataclasses import dataclass, field
from enum import StrEnum

from broker.core.model.entity import Attributes, Entity
from broker.core.model.instant import Instant


class Trigger(StrEnum):
    """The notification triggers of clause 5.2.12 (`notificationTrigger`)."""

    ENTITY_CREATED = "entityCreated"
    ENTITY_UPDATED = "entityUpdated"
    ENTITY_DELETED = "entityDeleted"
    ATTRIBUTE_CREATED = "attributeCreated"
    ATTRIBUTE_UPDATED = "attributeUpdated"
    ATTRIBUTE_DELETED = "attributeDeleted"


@dataclass(slots=True)
class Change:
    """One committed (or about to be committed) change of one entity.

    `entity` is the state after it; for a deletion the last state, with `deleted_at` set.
    `attributes` names each attribute that the write touched, with what happened to it.
    `previous` holds those attributes' instances as they were before (absent: there were none).
    `source` is the registration of the context source that told of it; empty for what happened here.
    `entity` is `before` itself where the write left nothing to do: nothing is stored and nobody is told.
    """

    trigger: Trigger
    entity: Entity
    at: Instant
    attributes: dict[str, Trigger] = field(default_factory=dict)
    previous: Attributes = field(default_factory=dict)
    before: Entity | None = None
    source: str = ""

    @property
    def is_void(self) -> bool:
        """Whether the write changed nothing."""
        return self.entity is self.before
