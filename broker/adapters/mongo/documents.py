"""Entities as MongoDB documents.

```
{_id: id, types: [iri], scopes: [...]?, createdAt: µs, modifiedAt: µs, expiresAt: µs?, instancesExpireAt: µs?,
 version: str, attributes: {<escaped iri>: [instance, ...]}, escaped: true?}
```

`instancesExpireAt` is when the first of its instances expires, so that an index finds it (clause 4.22).

Attribute IRIs hold dots, which MongoDB reads as path separators, so field names are escaped; an instance is stored
as it is in memory (`broker.core.model.entity`). MongoDB 4.4 refuses names that begin with `$` anywhere: where a JSON
value has one, its names are escaped as well and the document says so in `escaped`. (ADR 2)

Where MongoDB would refuse or overlook a geometry (`geo_cover`), `geometry` holds what covers it, and a further member
of the instance, `drawn`, the geometry itself.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from broker.adapters.mongo.geo_cover import EVERYWHERE, cover, is_plain, is_wide
from broker.core.model.entity import Attributes, Entity, Instance
from broker.core.model.expiry import NEVER, first_end
from broker.core.ql.geo import LOCATION

Document = dict[str, Any]

_NAMES_KEPT = 65_536
"""Attribute names whose escaped form is remembered; a territory has hundreds, an attacker is bounded."""


@lru_cache(_NAMES_KEPT)
def escape(name: str) -> str:
    """An attribute IRI as a field name: without dots and without a leading `$`."""
    escaped = name.replace("%", "%25").replace(".", "%2E")
    return "%24" + escaped[1:] if escaped.startswith("$") else escaped


@lru_cache(_NAMES_KEPT)
def unescape(name: str) -> str:
    """The IRI behind a field name."""
    return name.replace("%24", "$").replace("%2E", ".").replace("%25", "%") if "%" in name else name


def to_document(entity: Entity, version: str) -> Document:
    """The whole document of an entity that no geo index knows."""
    document = plain_document(entity, version)
    return with_escapes(document) if needs_escape(entity.attributes) else document


def plain_document(entity: Entity, version: str, refused: int = 0) -> Document:
    """The same where no name in a value begins with `$`. `refused`: see `stored_attribute`."""
    document: Document = {
        "_id": entity.id,
        "types": entity.types,
        "createdAt": entity.created_at,
        "modifiedAt": entity.modified_at,
        "version": version,
        "attributes": {
            escape(name): stored_attribute(name, instances, refused) for name, instances in entity.attributes.items()
        },
    }
    if entity.scopes is not None:
        document["scopes"] = entity.scopes
    if entity.expires_at is not None:
        document["expiresAt"] = entity.expires_at
    if (earliest := first_end(entity)) != NEVER:
        document["instancesExpireAt"] = earliest
    return document


def with_escapes(document: Document) -> Document:
    """A document of which a value has names that begin with `$`, as it can be stored."""
    return {**document, "attributes": _map_names(document["attributes"], _escape_dollar), "escaped": True}


def to_entity(document: Document) -> Entity:
    """The entity of a freshly decoded document, whose parts it takes over."""
    attributes = document["attributes"]
    if "escaped" in document:
        attributes = _map_names(attributes, _unescape_dollar)
    return Entity(
        document["_id"],
        document["types"],
        _loaded_attributes(attributes),
        document.get("scopes"),
        document["createdAt"],
        document["modifiedAt"],
        document.get("expiresAt"),
        document.get("deletedAt"),
    )


def stored_attribute(name: str, instances: list[Instance], refused: int = 0) -> list[Instance]:
    """The instances of an attribute of an entity as they are stored; the same list where nothing differs.

    `refused`: how often MongoDB has refused the entity for a geometry. Once, and all that are no points get covers;
    twice, and these are the whole Earth.
    """
    for instance in instances:
        if "attributes" in instance or "geometry" in instance:
            return [_stored_instance(_with_cover(name, each, refused)) for each in instances]
    return instances


def stored_attributes(attributes: Attributes) -> Document:
    """Attributes that no geo index knows, under escaped names."""
    return {escape(name): list(map(_stored_instance, instances)) for name, instances in attributes.items()}


def needs_escape(attributes: Attributes) -> bool:
    """Whether a JSON value among the attributes has a name that begins with `$`."""
    # Plain loops: this runs over every value of every write, and most are no objects.
    for instances in attributes.values():
        for instance in instances:
            for value in instance.values():
                kind = type(value)
                if (kind is dict or kind is list) and _has_dollar(value):
                    return True
    return False


def _stored_instance(instance: Instance) -> Instance:
    if "attributes" not in instance:
        return instance
    return {**instance, "attributes": stored_attributes(instance["attributes"])}


def _with_cover(name: str, instance: Instance, refused: int) -> Instance:
    geometry = instance.get("geometry")
    # What marks a deletion in a history holds the NGSI-LD Null instead of a geometry.
    if not isinstance(geometry, dict) or geometry["type"] == "Point":
        return instance
    # At the location there is always an index, so MongoDB tells; elsewhere it would overlook in silence.
    if not refused and not is_wide(geometry) and (name == LOCATION or is_plain(geometry)):
        return instance
    return {**instance, "geometry": cover(geometry) if refused < 2 else EVERYWHERE, "drawn": geometry}


def _loaded_attributes(attributes: Document) -> Attributes:
    loaded: Attributes = {}
    for name, instances in attributes.items():
        for instance in instances:
            if "attributes" in instance:
                instance["attributes"] = _loaded_attributes(instance["attributes"])
            if "drawn" in instance:
                instance["geometry"] = instance.pop("drawn")
        loaded[unescape(name)] = instances
    return loaded


def _has_dollar(value: Any) -> bool:
    """Whether a name in an object or an array, or below, begins with `$`."""
    if type(value) is dict:
        for name in value:
            if name[:1] == "$":
                return True
        value = value.values()
    for each in value:
        kind = type(each)
        if (kind is dict or kind is list) and _has_dollar(each):
            return True
    return False


def _escape_dollar(name: str) -> str:
    return "%24" + name[1:] if name.startswith("$") else name.replace("%", "%25", 1) if name.startswith("%") else name


def _unescape_dollar(name: str) -> str:
    return "$" + name[3:] if name.startswith("%24") else name.replace("%25", "%", 1) if name.startswith("%25") else name


def _map_names(attributes: Mapping[str, Any], rename: Any) -> Document:
    """The same attributes with every name inside their JSON values renamed."""
    return {
        name: [{member: _renamed(value, rename) for member, value in instance.items()} for instance in instances]
        for name, instances in attributes.items()
    }


def _renamed(value: Any, rename: Any) -> Any:
    if isinstance(value, dict):
        return {rename(name): _renamed(each, rename) for name, each in value.items()}
    if isinstance(value, list):
        return [_renamed(each, rename) for each in value]
    return value
