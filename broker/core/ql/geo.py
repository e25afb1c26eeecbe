"""Parser of geoqueries (clause 4.10) and validation of reference geometries (RFC 7946).

```
georel = "near;" ( "maxDistance" / "minDistance" ) "==" number          ; metres, above zero
       / "within" / "contains" / "overlaps" / "intersects" / "equals" / "disjoint"
```
"""

import json
import math
import re
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from broker.core.model.errors import BadRequestData
from broker.core.ql import limits

Relation: TypeAlias = Literal["near", "within", "contains", "overlaps", "intersects", "equals", "disjoint"]
Geometry: TypeAlias = dict[str, Any]

LOCATION = "https://uri.etsi.org/ngsi-ld/location"
"""The default geoproperty (clause 4.7.1)."""

_RELATIONS: dict[str, Relation] = {
    "within": "within",
    "contains": "contains",
    "overlaps": "overlaps",
    "intersects": "intersects",
    "equals": "equals",
    "disjoint": "disjoint",
}
_NEAR = re.compile(r"near;(maxDistance|minDistance)==(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)", re.ASCII)
_DEPTHS = {"Point": 0, "MultiPoint": 1, "LineString": 1, "MultiLineString": 2, "Polygon": 2, "MultiPolygon": 3}
"""How deep the positions of each geometry lie in its coordinates."""


@dataclass(frozen=True, slots=True)
class GeoQuery:
    """The relation in which an entity's GeoProperty has to stand to the reference geometry (GeoJSON).

    Distances are in metres; one of them is given with `near` alone.
    """

    relation: Relation
    geometry: Geometry
    geoproperty: str = LOCATION
    max_distance: float | None = None
    min_distance: float | None = None


def parse_geo(georel: str, geometry: str, coordinates: Any, geoproperty_iri: str = LOCATION) -> GeoQuery:
    """Parse a geoquery. `coordinates` is JSON text or the array itself.

    Raises BadRequestData where a part is missing or wrong, TooComplexQuery beyond a bound of `limits`.
    """
    reference = parse_geometry(geometry, coordinates)
    limits.check_length(georel, "georel")
    if georel in _RELATIONS:
        return GeoQuery(_RELATIONS[georel], reference, geoproperty_iri)
    match = _NEAR.fullmatch(georel)
    distance = float(match[2]) if match else 0.0
    if match is None or not 0 < distance < math.inf:
        raise BadRequestData(
            f"georel {georel!r}: expected near;maxDistance==<metres>, near;minDistance==<metres>, "
            + ", ".join(_RELATIONS)
        )
    if match[1] == "maxDistance":
        return GeoQuery("near", reference, geoproperty_iri, max_distance=distance)
    return GeoQuery("near", reference, geoproperty_iri, min_distance=distance)


def parse_geometry(kind: str, coordinates: Any) -> Geometry:
    """A valid GeoJSON geometry of this type, from coordinates as JSON text or array. Raises BadRequestData."""
    if kind not in _DEPTHS:
        raise BadRequestData(f"geometry {kind!r}: expected one of {', '.join(_DEPTHS)}.")
    if isinstance(coordinates, str):
        limits.check_length(coordinates, "coordinates", limits.GEOMETRY_POSITIONS * 64)
        try:
            coordinates = json.loads(coordinates)
        except (ValueError, RecursionError):
            raise BadRequestData("coordinates are no JSON array; a Point is [longitude,latitude].") from None
    counter = [0]
    _check(coordinates, _DEPTHS[kind], kind, counter)
    rings = {"Polygon": [coordinates], "MultiPolygon": coordinates}.get(kind, [])
    for polygon in rings:
        for ring in polygon:
            if len(ring) < 4 or ring[0] != ring[-1]:
                raise BadRequestData("A ring of a polygon has at least four positions, the last equal to the first.")
    lines = {"LineString": [coordinates], "MultiLineString": coordinates}.get(kind, [])
    if any(len(line) < 2 for line in lines):
        raise BadRequestData("A line has at least two positions.")
    return {"type": kind, "coordinates": coordinates}


def _check(value: Any, depth: int, kind: str, counter: list[int]) -> None:
    if not isinstance(value, list) or not value:
        raise BadRequestData(f"The coordinates of a {kind} nest arrays around positions [longitude,latitude].")
    if depth:
        for each in value:
            _check(each, depth - 1, kind, counter)
        return
    counter[0] += 1
    limits.check_count(counter[0], "positions of the reference geometry", limits.GEOMETRY_POSITIONS)
    if not 2 <= len(value) <= 3 or any(isinstance(n, bool) or not isinstance(n, int | float) for n in value):
        raise BadRequestData(f"{value!r:.80} is no position: [longitude,latitude] in degrees is expected.")
    if not (-180 <= value[0] <= 180 and -90 <= value[1] <= 90):
        raise BadRequestData(f"{value!r:.80}: longitude is within ±180 and latitude within ±90, in this order.")
