"""What is still there of a transient entity (clause 4.22).

Expired entities and instances are removed some time after they expire; until then nobody may see them.
"""

from broker.core.model.entity import Attributes, Entity, Instance
from broker.core.model.instant import Instant


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


def _live_attributes(attributes: Attributes, now: Instant) -> Attributes:
    kept = {iri: [one for one in instances if not _expired(one, now)] for iri, instances in attributes.items()}
    return {iri: instances for iri, instances in kept.items() if instances}


def _expired(instance: Instance, now: Instant) -> bool:
    return "expiresAt" in instance and bool(instance["expiresAt"] <= now)
