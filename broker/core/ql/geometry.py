"""Spatial predicates on GeoJSON geometries (clause 4.10).

`near` measures on a sphere: the buffer around a reference Point is a spherical cap. The other relations are those of
OGC Simple Features on the plane of longitude and latitude, where RFC 7946 (3.1.1) draws the lines of a geometry; they
are the business of GEOS (shapely, which costs some 20 MB and is therefore loaded when first needed).
"""

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

from broker.core.ql.geo import Geometry, GeoQuery

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry  # type: ignore[import-untyped]  # shapely ships no types

GeoTest: TypeAlias = Callable[[Geometry], bool]

EARTH_RADIUS = 6_378_100.0
"""Metres. The radius by which MongoDB turns metres into angles, so that both agree."""

CAP_MAX = EARTH_RADIUS * math.pi / 2
"""Metres. A cap up to this size is convex: it holds a line when it holds the line's ends."""


def compile_geo(query: GeoQuery) -> GeoTest:
    """The test whether a geometry stands in the relation of the query to its reference."""
    if query.max_distance is not None:
        return _within_distance(query.geometry, query.max_distance)
    if query.min_distance is not None:
        minimum = query.min_distance
        return lambda geometry: distance(geometry, query.geometry) > minimum
    return _related(query.relation, query.geometry)


def distance(geometry: Geometry, reference: Geometry) -> float:
    """The least distance of two geometries in metres: haversine between points, else on a local projection."""
    if geometry["type"] in {"Point", "MultiPoint"} and reference["type"] in {"Point", "MultiPoint"}:
        ends = list(positions(reference))
        return min(haversine(one, other) for one in positions(geometry) for other in ends)
    from shapely import distance as planar  # type: ignore[import-untyped]  # noqa: PLC0415  # 20 MB, needed by few

    origin = next(positions(reference))
    return float(planar(_projected(geometry, origin), _projected(reference, origin)))


def haversine(one: Any, other: Any) -> float:
    """Metres between two positions [longitude, latitude] in degrees."""
    latitude, latitude2 = math.radians(one[1]), math.radians(other[1])
    rise = math.sin((latitude2 - latitude) / 2)
    turn = math.sin(math.radians(other[0] - one[0]) / 2)
    chord = rise * rise + math.cos(latitude) * math.cos(latitude2) * turn * turn
    return 2 * EARTH_RADIUS * math.asin(math.sqrt(min(1.0, chord)))


def positions(geometry: Geometry) -> Iterator[Any]:
    """All positions of a geometry."""
    stack = [geometry["coordinates"]]
    while stack:
        part = stack.pop()
        if part and isinstance(part[0], list):
            stack.extend(reversed(part))
        else:
            yield part


def is_simple(geometry: Geometry) -> bool:
    """Whether areas have an inside that is beyond doubt, as OGC Simple Features want it: no edge meets another."""
    return bool(_shape(geometry).is_valid)


def _within_distance(reference: Geometry, maximum: float) -> GeoTest:
    """Whether all of a geometry lies in the buffer, as 4.10 puts it: not merely its nearest part."""
    if reference["type"] == "Point":
        centre = reference["coordinates"]
        return lambda geometry: all(haversine(centre, position) <= maximum for position in positions(geometry))

    def test(geometry: Geometry) -> bool:
        points = ({"type": "Point", "coordinates": position} for position in positions(geometry))
        return all(distance(point, reference) <= maximum for point in points)

    return test


def _related(relation: str, reference: Geometry) -> GeoTest:
    from shapely import contains_xy, points, prepare  # noqa: PLC0415  # 20 MB, needed by few

    fixed = _shape(reference)
    prepare(fixed)
    # Prepared geometries answer fast as the left side of a predicate: within is contains seen from the other side.
    converse = {"within": "contains", "contains": "within"}.get(relation, relation)
    predicate = getattr(fixed, converse)

    def test(geometry: Geometry) -> bool:
        if geometry["type"] == "Point":
            longitude, latitude = geometry["coordinates"][:2]
            if relation == "within":
                return bool(contains_xy(fixed, longitude, latitude))
            return bool(predicate(points(longitude, latitude)))
        return bool(predicate(_shape(geometry)))

    return test


def _shape(geometry: Geometry) -> "BaseGeometry":
    from shapely.geometry import shape  # type: ignore[import-untyped]  # noqa: PLC0415  # 20 MB, needed by few

    return shape(_flat(geometry))


def _flat(geometry: Geometry) -> Geometry:
    return {"type": geometry["type"], "coordinates": _map(geometry["coordinates"], lambda position: position[:2])}


def _projected(geometry: Geometry, origin: Any) -> "BaseGeometry":
    """In metres on an equirectangular plane through the origin: good for distances of some hundred kilometres."""
    east = EARTH_RADIUS * math.cos(math.radians(origin[1]))

    def project(position: Any) -> list[float]:
        turn = (position[0] - origin[0] + 540) % 360 - 180
        return [math.radians(turn) * east, math.radians(position[1] - origin[1]) * EARTH_RADIUS]

    return _shape({"type": geometry["type"], "coordinates": _map(geometry["coordinates"], project)})


def _map(coordinates: Any, change: Callable[[Any], Any]) -> Any:
    if coordinates and isinstance(coordinates[0], list):
        return [_map(each, change) for each in coordinates]
    return change(coordinates)
