"""The NGSI-LD building blocks (clause 5.2)."""

from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from models.ngsild.attributes import Property, Relationship
from models.ngsild.geometry import Geometry
from models.waste_management.waste_container import WasteContainer

POINT = {"type": "Point", "coordinates": [5.95, 49.47]}


def container(**attributes):
    return WasteContainer.model_validate({"id": "urn:ngsi-ld:WasteContainer:1", "location": POINT, **attributes})


def test_normalized_gives_each_attribute_its_kind():
    document = container(fillingLevel=0.5, refDevice="urn:ngsi-ld:Device:1").normalized()
    assert document["location"] == {"type": "GeoProperty", "value": POINT}
    assert document["fillingLevel"] == {"type": "Property", "value": 0.5}
    assert document["refDevice"] == {"type": "Relationship", "object": ["urn:ngsi-ld:Device:1"]}
    assert "temperature" not in document
    assert document["@context"] == WasteContainer.CONTEXT


def test_normalized_puts_time_and_unit_on_properties_only():
    at = datetime(2026, 11, 23, 20, 22, tzinfo=UTC)
    document = container(temperature=12.0).normalized(observed_at=at, unit_codes={"temperature": "CEL"})
    assert document["temperature"] == {
        "type": "Property",
        "value": 12.0,
        "observedAt": "2026-11-23T20:22:00Z",
        "unitCode": "CEL",
    }
    assert "observedAt" not in document["location"]


def test_json_ld_literal_stands_for_its_value():
    entity = container(dateLastEmptying={"@type": "DateTime", "@value": "2026-11-23T20:22:00Z"})
    assert entity.dateLastEmptying == datetime(2026, 11, 23, 20, 22, tzinfo=UTC)


def test_polygon_that_does_not_close_is_refused():
    ring = [[5.9, 49.4], [6.0, 49.4], [6.0, 49.5], [5.9, 49.5]]
    with pytest.raises(ValidationError, match="ring"):
        TypeAdapter(Geometry).validate_python({"type": "Polygon", "coordinates": [ring]})
    TypeAdapter(Geometry).validate_python({"type": "Polygon", "coordinates": [[*ring, ring[0]]]})


def test_attributes_keep_their_sub_attributes():
    parsed = Property[float].model_validate(
        {"type": "Property", "value": 1, "accuracy": {"type": "Property", "value": 2}}
    )
    assert parsed.model_dump(exclude_none=True)["accuracy"]["value"] == 2


def test_relationship_without_object_is_refused():
    with pytest.raises(ValidationError):
        Relationship.model_validate({"type": "Relationship"})
