"""What operations report besides success (clauses 5.2.16 to 5.2.18)."""

from dataclasses import dataclass, field

from broker.core.model.change import Change
from broker.core.model.draft import SCOPE
from broker.core.model.entity import Entity
from broker.core.model.errors import NgsiLdError
from broker.core.model.patch_update import not_yet_there

NO_SCOPE = "The entity has no scope to update; add one by a POST of attributes, or by a merge."
REFUSED_OVERWRITE = "The attribute exists already, and the request does not allow to overwrite it."


@dataclass(slots=True)
class UpdateResult:
    """Clause 5.2.18: attribute IRIs that were changed (`updated`), and those that were not, each with the reason."""

    updated: list[str] = field(default_factory=list)
    not_updated: list[tuple[str, str]] = field(default_factory=list)


@dataclass(slots=True)
class BatchResult:
    """Clause 5.2.16: entity ids that were created, those otherwise changed (`updated`: also merged or deleted), errors.

    All in the order of the request; an id stands once for each time that the request named it.
    """

    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    errors: list[tuple[str, NgsiLdError]] = field(default_factory=list)


def update_result(change: Change) -> UpdateResult:
    """The report of a change that nothing was refused of."""
    return UpdateResult(list(change.attributes))


def patch_result(fragment: Entity, change: Change) -> UpdateResult:
    """The report of an update (clause 5.6.2), which leaves an entity without scopes as it is."""
    result = update_result(change)
    if fragment.scopes and (change.before is None or change.before.scopes is None):
        result.not_updated.append((SCOPE, NO_SCOPE))
    return result


def append_result(fragment: Entity, change: Change) -> UpdateResult:
    """The report of an append without overwriting: an attribute of which any instance was refused is not updated."""
    result = UpdateResult()
    for iri, instances in fragment.attributes.items():
        untouched = change.entity.attributes.get(iri, [])
        present = change.previous.get(iri, [] if iri in change.attributes else untouched)
        if len(not_yet_there(present, instances)) == len(instances):
            result.updated.append(iri)
        else:
            result.not_updated.append((iri, REFUSED_OVERWRITE))
    return result
