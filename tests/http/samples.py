"""Entities for tests."""

from typing import Any

SENSOR = "urn:ngsi-ld:Sensor:1"


def sensor(number: int = 1, **members: Any) -> dict[str, Any]:
    """A small entity; keyword arguments are further members."""
    return {
        "id": f"urn:ngsi-ld:Sensor:{number}",
        "type": "Sensor",
        "temperature": {"type": "Property", "value": 10 + number, "unitCode": "CEL"},
        **members,
    }


PLACED = {"location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [5.95, 49.47]}}}
