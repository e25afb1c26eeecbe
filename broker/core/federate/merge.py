"""One entity out of several versions of it (clause 4.5.5). The order in which versions come changes nothing."""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from broker.core.model.entity import Attributes, Entity, Instance
from broker.core.model.expiry import live
from broker.core.model.instant import Instant

LOCAL = ""
"""The name of this broker's own version among the names of sources."""


def merge_versions(versions: Mapping[str, Entity], supplements: Mapping[str, Entity], now: Instant) -> Entity | None:
    """The entity that versions from equal sources make, by source; None where there is not one.

    Of `supplements`, the versions of auxiliary sources, only attributes are taken that no other version has. What
    expired before `now` does not count.
    """
    if len(versions) == 1 and not supplements:
        (only,) = versions.values()
        return live(only, now)
    equal, auxiliary = _live(versions, now), _live(supplements, now)
    if not equal:
        return _merged(auxiliary) if auxiliary else None
    merged = _merged(equal)
    if auxiliary:
        extra = _merged(auxiliary).attributes
        merged = merged.with_(attributes={**extra, **merged.attributes})
    return merged


def _live(versions: Mapping[str, Entity], now: Instant) -> list[Entity]:
    """The versions that have not expired, in an order of their own."""
    found = (live(versions[name], now) for name in sorted(versions))
    return [each for each in found if each is not None]


def _merged(versions: list[Entity]) -> Entity:
    if len(versions) == 1:
        return versions[0]
    expiries = [each.expires_at for each in versions]
    differ = len(set(expiries)) > 1
    return Entity(
        versions[0].id,
        list(dict.fromkeys(name for each in versions for name in each.types)),
        _attributes([_with_expiry(each) if differ else each.attributes for each in versions]),
        list(dict.fromkeys(scope for each in versions for scope in each.scopes or ())) or None,
        created_at=min((each.created_at for each in versions if each.created_at), default=0),
        modified_at=max(each.modified_at for each in versions),
        expires_at=None if None in expiries else max(each for each in expiries if each is not None),
    )


def _attributes(versions: Iterable[Attributes]) -> Attributes:
    found: dict[str, dict[Any, Instance]] = {}
    for attributes in versions:
        for name, instances in attributes.items():
            by_dataset = found.setdefault(name, {})
            for instance in instances:
                dataset = instance.get("datasetId")
                other = by_dataset.get(dataset)
                if other is None or _age(instance) > _age(other):
                    by_dataset[dataset] = instance
    return {name: list(by_dataset.values()) for name, by_dataset in found.items()}


def _age(instance: Instance) -> tuple[int, int, bytes]:
    """The newest observation wins, then the newest change; what is equally new is told apart by what it says."""
    return (
        instance.get("observedAt", -1),
        instance.get("modifiedAt", -1),
        orjson.dumps(instance, option=orjson.OPT_SORT_KEYS, default=str),
    )


def _with_expiry(entity: Entity) -> Attributes:
    """The attributes, each to expire no later than the version of the entity (clause 4.5.5.2)."""
    expires_at = entity.expires_at
    if expires_at is None:
        return entity.attributes
    return {
        name: [{**each, "expiresAt": min(each.get("expiresAt", expires_at), expires_at)} for each in instances]
        for name, instances in entity.attributes.items()
    }
