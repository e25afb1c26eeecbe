"""What of a document goes to a source: in the words of the client, or in those that the source wants (4.3.6.6)."""

from collections.abc import Mapping
from typing import Any

from broker.core.jsonld.context import ActiveContext
from broker.core.model.entity import Entity
from broker.core.represent import Representation, represent

Names = frozenset[str]

_MEMBERS = frozenset(("id", "type", "scope", "@id", "@type", "expiresAt", "createdAt", "modifiedAt", "deletedAt"))
_NORMALIZED = Representation()


def only(entity: Entity, names: Names) -> Entity:
    """The entity with these attributes alone."""
    if len(names) >= len(entity.attributes):
        return entity
    return entity.with_(attributes={name: each for name, each in entity.attributes.items() if name in names})


def part_of(document: Mapping[str, Any], client: ActiveContext, names: Names) -> dict[str, Any]:
    """An entity's document as a client wrote it, with these attributes alone."""
    return {name: value for name, value in document.items() if name in _MEMBERS or client.expand_term(name) in names}


def rewritten(entity: Entity, names: Names, own: ActiveContext) -> dict[str, Any]:
    """The entity or fragment with these attributes, normalized, in another @context."""
    shown = represent(only(entity, names), own, _NORMALIZED)
    if not entity.types:
        shown.pop("type", None)
    return shown
