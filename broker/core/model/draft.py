"""An entity while one write changes it: collects what is touched, and ends as a `Change`."""

from collections.abc import Callable

from broker.core.model.change import Change, Trigger
from broker.core.model.entity import NGSILD_NULL, Attributes, Entity, Instance
from broker.core.model.errors import ResourceNotFound
from broker.core.model.expiry import NEVER, live
from broker.core.model.instances import index_of, is_null
from broker.core.model.instant import Instant

SCOPE = "https://uri.etsi.org/ngsi-ld/scope"
"""The name under which operations on attributes mean the entity's scopes (clauses 5.6.4, 5.6.5, 5.6.19)."""


def no_such_entity(entity_id: str) -> ResourceNotFound:
    """The error for an entity that is absent or expired."""
    return ResourceNotFound(f"There is no entity {entity_id} in this tenant. Create it first, or check its id.")


def no_such_attribute(entity_id: str, iri: str, dataset_id: str | None) -> ResourceNotFound:
    """The error for an attribute instance that is not there; `None` is the default instance."""
    which = f"instance with datasetId {dataset_id}" if dataset_id else "default instance (one without datasetId)"
    return ResourceNotFound(f"Entity {entity_id} has no {which} of attribute {iri}.")


class Draft:
    """Copy-on-write over an existing entity: untouched lists stay shared with it.

    Raises ResourceNotFound when built on an entity that is absent or expired.
    """

    __slots__ = ("_before", "_changed", "_previous", "_triggers", "attributes", "base", "expires_at", "scopes", "types")

    def __init__(self, before: Entity | None, entity_id: str, now: Instant) -> None:
        base = live(before, now)
        if base is None:
            raise no_such_entity(entity_id)
        self._before: Entity = before or base
        self._changed = False
        self._triggers: dict[str, Trigger] = {}
        self._previous: Attributes = {}
        self.base = base
        self.attributes = base.attributes.copy()
        self.types = base.types
        self.scopes = base.scopes
        self.expires_at = base.expires_at

    def put(self, iri: str, instances: list[Instance], trigger: Trigger = Trigger.ATTRIBUTE_UPDATED) -> None:
        """Give the attribute these instances; none at all removes it.

        `trigger` says what happened to an attribute that was and still is there.
        """
        former = self.attributes.get(iri)
        if instances:
            self.attributes[iri] = instances
        elif former is not None:
            del self.attributes[iri]
        if former is None:
            trigger = Trigger.ATTRIBUTE_CREATED
        else:
            self._previous[iri] = former
            if not instances:
                trigger = Trigger.ATTRIBUTE_DELETED
        self._triggers[iri] = trigger
        self._changed = True

    def put_each(
        self, iri: str, instances: list[Instance], made: Callable[[Instance, Instance | None], Instance]
    ) -> None:
        """Put each of these instances in the place of that of its dataset, if there is one, and the others beside it.

        What is put is `made` of the one given and the former one; an NGSI-LD Null removes the former one.
        """
        result = list(self.attributes.get(iri, ()))
        kept = touched = False
        for instance in instances:
            index = index_of(result, instance.get("datasetId"))
            if is_null(instance):
                if index >= 0:
                    del result[index]
                    touched = True
                continue
            kept = touched = True
            if index < 0:
                result.append(made(instance, None))
            else:
                result[index] = made(instance, result[index])
        if touched:
            self.put(iri, result, Trigger.ATTRIBUTE_UPDATED if kept else Trigger.ATTRIBUTE_DELETED)

    def add_types(self, types: list[str]) -> None:
        """Clause 4.16: types are added, never taken away."""
        missing = [one for one in types if one not in self.types]
        if missing:
            self.types = self.types + missing
            self._changed = True

    def set_scopes(self, scopes: list[str] | None) -> None:
        """Replace the scopes; `None`, nothing, or an NGSI-LD Null removes them."""
        wanted = [one for one in scopes if one != NGSILD_NULL] if scopes else None
        if (wanted or None) != self.scopes:
            self.scopes = wanted or None
            self._changed = True

    def set_expiry(self, expires_at: Instant | None) -> None:
        """Replace the instant at which the entity expires (clause 4.22); `None` or `NEVER` removes it."""
        if expires_at == NEVER:
            expires_at = None
        if expires_at != self.expires_at:
            self.expires_at = expires_at
            self._changed = True

    def drop_expired(self) -> None:
        """Take away the instances that have expired, even if nothing else changes."""
        self._changed = self._changed or self.base is not self._before

    def finish(self, now: Instant) -> Change:
        """The change; a void one where nothing was touched. Expired instances go with it, as deleted ones."""
        base = self.base
        if not self._changed:
            return Change(Trigger.ENTITY_UPDATED, self._before, now, {}, {}, self._before)
        if base is not self._before:
            self._note_expired(now)
        entity = Entity(base.id, self.types, self.attributes, self.scopes, base.created_at, now, self.expires_at)
        return Change(Trigger.ENTITY_UPDATED, entity, now, self._triggers, self._previous, self._before)

    def _note_expired(self, now: Instant) -> None:
        for iri, former in self._before.attributes.items():
            remaining = self.base.attributes.get(iri)
            if remaining is former:
                continue
            self._previous[iri] = former
            whole = remaining is not None and len(remaining) == len(former)
            # Where all instances remain, sub-attributes have gone.
            self._triggers.setdefault(iri, Trigger.ATTRIBUTE_UPDATED if whole else Trigger.ATTRIBUTE_DELETED)
            if remaining is not None and self.attributes.get(iri) is remaining:
                known = set(map(id, former))
                self.attributes[iri] = [one if id(one) in known else {**one, "modifiedAt": now} for one in remaining]
