"""What of a document goes to a source: in the words of the client, or in those that the source wants (4.3.6.6)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from broker.core.federate.registration import Registration
from broker.core.jsonld.context import ActiveContext
from broker.core.model.entity import Entity
from broker.core.represent import Representation, represent
from broker.core.represent.conformance import Version, conforming

Names = frozenset[str]

_MEMBERS = frozenset(("id", "type", "scope", "@id", "@type", "expiresAt", "createdAt", "modifiedAt", "deletedAt"))
_NORMALIZED = Representation()


def addressed(registration: Registration, client: ActiveContext, nameable: ActiveContext) -> Registration:
    """The registration as bodies are written for it (clause 4.3.6.6).

    A source that takes `application/json` gets its @context in a Link header: where the client's can't be named in one,
    the source is spoken to in `nameable`.
    """
    if registration.context is not None or client.link is not None or not _takes_plain_json(registration):
        return registration
    return replace(registration, context=nameable)


def _takes_plain_json(registration: Registration) -> bool:
    return any(key.lower() == "contenttype" and value == "application/json" for key, value in registration.source_info)


def only(entity: Entity, names: Names) -> Entity:
    """The entity with these attributes alone."""
    if len(names) >= len(entity.attributes):
        return entity
    return entity.with_(attributes={name: each for name, each in entity.attributes.items() if name in names})


def part_of(document: Mapping[str, Any], client: ActiveContext, names: Names) -> dict[str, Any]:
    """An entity's document as a client wrote it, with these attributes alone."""
    return {name: value for name, value in document.items() if name in _MEMBERS or client.expand_term(name) in names}


def body_of(
    entity: Entity, document: Mapping[str, Any], names: Names, client: ActiveContext, registration: Registration
) -> dict[str, Any]:
    """An entity or fragment with these attributes as the source wants it: see `rewritten`; else in the client's words.

    A fragment that does not tell the types of its attributes can't be told in an earlier version.
    """
    older = registration.version is not None and _is_typed(entity)
    if registration.context is None and not older:
        return part_of(document, client, names)
    return rewritten(entity, names, registration.context or client, registration.version if older else None)


def rewritten(entity: Entity, names: Names, own: ActiveContext, version: Version | None = None) -> dict[str, Any]:
    """The entity or fragment with these attributes, normalized, in another @context and as a version knew it."""
    part = only(entity, names)
    shown = represent(part if version is None else conforming(part, version, own), own, _NORMALIZED)
    if not entity.types:
        shown.pop("type", None)
    return shown


def _is_typed(entity: Entity) -> bool:
    return all("type" in each for instances in entity.attributes.values() for each in instances)
