"""The state of one group of writes on its way to MongoDB (ADR 9)."""

from collections.abc import Iterable

from broker.adapters.mongo.cache import Stored
from broker.adapters.mongo.plan import EntityPlan, Pending
from broker.core.model.errors import NgsiLdError


class Round:
    """What is still open of a group, by entity, and what may have reached the database.

    `sent`: plans on their way, of which an answer was lost if they are still here in the next round. `reload`: entities
    of which nothing remembered holds. `refused`: how often MongoDB refused an entity for a geometry. `written`: plans
    that this round carried out.
    """

    def __init__(self, pendings: Iterable[Pending]) -> None:
        self.open: dict[str, list[Pending]] = {}
        for pending in pendings:
            self.open.setdefault(pending.write.entity_id, []).append(pending)
        self.sent: dict[str, EntityPlan] = {}
        self.reload: set[str] = set()
        self.refused: dict[str, int] = {}
        self.written: list[EntityPlan] = []

    def again(self, entity_id: str) -> None:
        """What was sent for an entity did not hold: the next round begins with what the database has."""
        self.sent.pop(entity_id, None)
        self.reload.add(entity_id)

    def refuse(self, entity_id: str, error: NgsiLdError) -> None:
        """Nothing of what was asked for an entity is done."""
        self.sent.pop(entity_id, None)
        for pending in self.open.pop(entity_id):
            pending.settle(error)

    def fail(self, error: NgsiLdError) -> None:
        """Tell all that are still open."""
        for pendings in self.open.values():
            for pending in pendings:
                pending.settle(error)
        self.open.clear()


def arrived(plan: EntityPlan, stored: Stored | None) -> bool:
    """Whether a plan that was sent, with the answer lost, had been carried out."""
    if plan.final is None:
        return stored is None
    return stored is not None and stored.version == plan.version
