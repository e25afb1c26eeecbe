"""What is still there of a transient entity (clause 4.22).

Expired entities and instances are removed some time after they expire; until then nobody may see them.
"""

from broker.core.model.entity import Attributes, Entity, Instance
from broker.core.model.instant import Instant

NEVER: Instant = 2**63 - 1
"""As `expires_at` of an entity fragment: the expiry is to be removed (NGSI-LD Null, clause 4.5.0). Never stored."""


def live(entity: Entity | None, now: Instant) -> Entity | None:
    """The entity as clients may see it: `None` when it has expired, without its expired instances otherwise.

    The entity itself comes back where nothing has expired.
    """
    if entity is None or (entity.expires_at is not None and entity.expires_at <= now):
        return None
    for instances in entity.attributes.values():
        for instance in instances:
            if "expiresAt" in instance and instance["expiresAt"] <= now:
                return entity.with_(attributes=_live_attributes(entity.attributes, now))
    return entity


def next_expiry(attributes: Attributes) -> Instant | None:
    """When the first of these instances expires; `None` where none ever does."""
    earliest: Instant | None = None
    for instances in attributes.values():
        for instance in instances:
            if "expiresAt" in instance and (earliest is None or instance["expiresAt"] < earliest):
                earliest = instance["expiresAt"]
    return earliest


def _live_attributes(attributes: Attributes, now: Instant) -> Attributes:
    """Lists in which nothing has expired are shared."""
    kept: Attributes = {}
    for iri, instances in attributes.items():
        remaining = [one for one in instances if not _expired(one, now)]
        if remaining:
            kept[iri] = instances if len(remaining) == len(instances) else remaining
    return kept


def _expired(instance: Instance, now: Instant) -> bool:
    return "expiresAt" in instance and bool(instance["expiresAt"] <= now)
