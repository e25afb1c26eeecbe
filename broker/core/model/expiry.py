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
    if first_end(entity) <= now:
        return entity.with_(attributes=_live_attributes(entity.attributes, now))
    return entity


def first_end(entity: Entity) -> Instant:
    """When the first of its instances expires, or of their sub-attributes; `NEVER` where none ever does."""
    if entity.ends is None:
        earliest = next_expiry(entity.attributes)
        entity.ends = NEVER if earliest is None else earliest
    return entity.ends


def next_expiry(attributes: Attributes) -> Instant | None:
    """When the first of these instances expires, or of their sub-attributes; `None` where none ever does."""
    earliest: Instant | None = None
    for instances in attributes.values():
        for instance in instances:
            if "expiresAt" in instance and (earliest is None or instance["expiresAt"] < earliest):
                earliest = instance["expiresAt"]
            if "attributes" in instance:
                nested = next_expiry(instance["attributes"])
                if nested is not None and (earliest is None or nested < earliest):
                    earliest = nested
    return earliest


def _some_expired(attributes: Attributes, now: Instant) -> bool:
    for instances in attributes.values():
        for instance in instances:
            if "expiresAt" in instance and instance["expiresAt"] <= now:
                return True
            if "attributes" in instance and _some_expired(instance["attributes"], now):
                return True
    return False


def _live_attributes(attributes: Attributes, now: Instant) -> Attributes:
    """Lists in which nothing has expired are shared."""
    kept: Attributes = {}
    for iri, instances in attributes.items():
        if not _some_expired({iri: instances}, now):
            kept[iri] = instances
            continue
        remaining = [_live_instance(one, now) for one in instances if not _expired(one, now)]
        if remaining:
            kept[iri] = remaining
    return kept


def _live_instance(instance: Instance, now: Instant) -> Instance:
    nested = instance.get("attributes")
    if nested is None or not _some_expired(nested, now):
        return instance
    rest = {member: value for member, value in instance.items() if member != "attributes"}
    remaining = _live_attributes(nested, now)
    return {**rest, "attributes": remaining} if remaining else rest


def _expired(instance: Instance, now: Instant) -> bool:
    return "expiresAt" in instance and bool(instance["expiresAt"] <= now)
