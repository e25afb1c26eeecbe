"""Entities as GeoJSON (RFC 7946; clauses 4.5.16, 4.5.17)."""

from collections.abc import Iterable
from typing import Any

from broker.core.jsonld.context import ActiveContext
from broker.core.model.entity import Entity
from broker.core.represent.entity import represent
from broker.core.represent.representation import Representation


def feature(entity: Entity, context: ActiveContext, representation: Representation) -> dict[str, Any]:
    """The entity as a Feature without `@context`; its geometry is null where it has no such GeoProperty."""
    properties = represent(entity, context, representation)
    properties.pop("id", None)
    return {
        "id": entity.id,
        "type": "Feature",
        "geometry": _geometry(entity, representation),
        "properties": properties,
    }


def feature_collection(
    entities: Iterable[Entity], context: ActiveContext, representation: Representation
) -> dict[str, Any]:
    """Entities as a FeatureCollection without `@context`."""
    return {
        "type": "FeatureCollection",
        "features": [feature(entity, context, representation) for entity in entities],
    }


def _geometry(entity: Entity, representation: Representation) -> Any:
    for instance in entity.attributes.get(representation.geometry_property, ()):
        if instance.get("datasetId") == representation.geometry_dataset and "deletedAt" not in instance:
            return instance.get("geometry")
    return None
