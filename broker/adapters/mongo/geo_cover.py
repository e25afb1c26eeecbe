"""Shapes that MongoDB accepts in the place of geometries that it does not.

A geometry of RFC 7946 need not be one to MongoDB: its index refuses polygons that cross or touch themselves, lines of
one place and the like, and where no index is, its operators overlook them. What clients see and what decides queries
stays the geometry as it was drawn; MongoDB gets a shape that holds it, by which it narrows.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from broker.core.ql.geo import Geometry
from broker.core.ql.geometry import is_simple, positions

Vector: TypeAlias = tuple[float, float, float]
Place: TypeAlias = tuple[float, float]

_SIDE = 0.02
"""Cosine, a little above zero: all of what is covered lies on one side of the Earth, as a convex shape has to."""
_FLAT = 1e-9
"""Sine of the angle between two edges below which they count as one."""

_WIDE = 90.0
"""Degrees that a geometry extends from which on MongoDB's great circles are too far from the lines that were drawn."""

EVERYWHERE: Geometry = {
    "type": "MultiPolygon",
    "coordinates": [
        [[[west, 0], [west + 90, 0], [0, pole], [west, 0]]] for west in (-180, -90, 0, 90) for pole in (-90, 90)
    ],
}
"""The whole Earth, in triangles."""


def cover(geometry: Geometry) -> Geometry:
    """The convex hull of a geometry's positions, on the sphere: in a cap if and only if all of them are.

    `EVERYWHERE` for what is wide, or does not lie on one side of the Earth.
    """
    if is_wide(geometry):
        return EVERYWHERE
    places: dict[Vector, Place] = {_vector(each): (each[0], each[1]) for each in positions(geometry)}
    projected = _on_plane(places)
    if projected is None:
        return EVERYWHERE
    ring = [list(projected[point]) for point in _hull(sorted(projected))]
    if len(ring) == 1:
        return {"type": "Point", "coordinates": ring[0]}
    if len(ring) == 2:
        return {"type": "LineString", "coordinates": ring}
    return {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}


def is_wide(geometry: Geometry) -> bool:
    """Whether it extends over more than a quarter of the way around the Earth."""
    return any(max(axis) - min(axis) > _WIDE for axis in zip(*(each[:2] for each in positions(geometry)), strict=True))


def is_plain(geometry: Geometry) -> bool:
    """Whether MongoDB will take a geometry for what it is. Lines and areas are checked in the plane."""
    kind = geometry["type"]
    if kind in {"Point", "MultiPoint"}:
        return True
    if kind in {"LineString", "MultiLineString"}:
        lines = [geometry["coordinates"]] if kind == "LineString" else geometry["coordinates"]
        return all(any(each[:2] != line[0][:2] for each in line) for line in lines)
    return is_simple(geometry)


def _vector(position: Sequence[float]) -> Vector:
    longitude, latitude = math.radians(position[0]), math.radians(position[1])
    around = math.cos(latitude)
    return (around * math.cos(longitude), around * math.sin(longitude), math.sin(latitude))


def _on_plane(places: dict[Vector, Place]) -> dict[Place, Place] | None:
    """The gnomonic projection, which makes great circles straight lines; None where the places do not lie within it."""
    total = [sum(vector[axis] for vector in places) for axis in range(3)]
    length = math.hypot(*total)
    if length == 0:
        return None
    x, y, z = (each / length for each in total)
    # Two directions at right angles to the centre: one along the equator, unless the centre is a pole.
    across = math.hypot(x, y)
    east = (-y / across, x / across, 0.0) if across else (0.0, 1.0, 0.0)
    north = (-z * east[1], z * east[0], x * east[1] - y * east[0])
    projected: dict[Place, Place] = {}
    for vector, place in places.items():
        depth = _dot(vector, (x, y, z))
        if depth < _SIDE:
            return None
        projected[_dot(vector, east) / depth, _dot(vector, north) / depth] = place
    return projected if _extent(projected, 0) >= _extent(projected, 1) else _turned(projected)


def _extent(points: Iterable[Place], axis: int) -> float:
    along = [each[axis] for each in points]
    return max(along) - min(along)


def _turned(projected: dict[Place, Place]) -> dict[Place, Place]:
    """By a right angle: the order of points that are nearly in line is then that of the line."""
    return {(north, -east): place for (east, north), place in projected.items()}


def _hull(points: Sequence[Place]) -> list[Place]:
    """The corners of the convex hull, counter-clockwise, of points in order (Andrew's monotone chain)."""
    if len(points) < 3:
        return list(points)
    lower, upper = _chain(points), _chain(points[::-1])
    return lower[:-1] + upper[:-1]


def _chain(points: Sequence[Place]) -> list[Place]:
    chain: list[Place] = []
    for point in points:
        while len(chain) > 1 and not _turns_left(chain[-2], chain[-1], point):
            chain.pop()
        chain.append(point)
    return chain


def _turns_left(one: Place, other: Place, point: Place) -> bool:
    a, b = (other[0] - one[0], other[1] - one[1]), (point[0] - one[0], point[1] - one[1])
    return a[0] * b[1] - a[1] * b[0] > _FLAT * math.hypot(*a) * math.hypot(*b)


def _dot(one: Any, other: Any) -> float:
    return float(one[0] * other[0] + one[1] * other[1] + one[2] * other[2])
