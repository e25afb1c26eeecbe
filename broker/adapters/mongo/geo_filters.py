"""Geoqueries as MongoDB filters: a spherical cap exactly, everything else by the box around the reference.

MongoDB draws the edges of geometries as great circles, the reference evaluator (RFC 7946, 3.1.1) as straight lines of
longitude and latitude. The box is therefore widened by what the two differ on edges of up to `_EDGE_MAX` degrees, and
the evaluator decides. A stored edge longer than that may be missed near the box's border.
"""

import math
from typing import Any

from broker.adapters.mongo.documents import escape
from broker.core.ql.geo import GeoQuery
from broker.core.ql.geometry import CAP_MAX, EARTH_RADIUS, positions

_EDGE_MAX = 5.0
_BULGE = 0.0011
"""Degrees by which a great circle leaves its chord of one degree of longitude at most; grows with the square."""
_BOX_MAX = 90.0
"""Degrees. MongoDB takes polygons within a hemisphere; a larger reference narrows little anyway."""
_LATITUDE_MAX = 85.0


def geo_filter(query: GeoQuery) -> tuple[dict[str, Any], bool]:
    """The filter, and whether it is exact."""
    field = f"attributes.{escape(query.geoproperty)}.geometry"
    exists = {field: {"$exists": True}}
    if query.relation == "near":
        maximum = query.max_distance
        if maximum is None or maximum > CAP_MAX or query.geometry["type"] != "Point":
            return exists, False
        longitude, latitude = query.geometry["coordinates"][:2]
        return {field: {"$geoWithin": {"$centerSphere": [[longitude, latitude], maximum / EARTH_RADIUS]}}}, True
    box = None if query.relation == "disjoint" else _box(query)
    if box is None:
        return exists, False
    return {"$and": [{field: {"$geoIntersects": {"$geometry": box}}}, _points_inside(query)]}, False


def _points_inside(query: GeoQuery) -> dict[str, Any]:
    """That a stored Point lies in the bounds of the reference: numbers, which no edge bends."""
    points = list(positions(query.geometry))
    bounds = {
        f"geometry.coordinates.{axis}": {"$gte": min(p[axis] for p in points), "$lte": max(p[axis] for p in points)}
        for axis in (0, 1)
    }
    name = f"attributes.{escape(query.geoproperty)}"
    return {name: {"$elemMatch": {"$or": [{"geometry.type": {"$exists": True, "$ne": "Point"}}, bounds]}}}


def _box(query: GeoQuery) -> dict[str, Any] | None:
    """A polygon that holds the reference and what may touch it; None where it would be too large or reach a pole."""
    points = list(positions(query.geometry))
    margin = _BULGE * _EDGE_MAX * _EDGE_MAX
    west, east = min(p[0] for p in points) - margin, max(p[0] for p in points) + margin
    south, north = min(p[1] for p in points) - margin, max(p[1] for p in points) + margin
    if east - west > _BOX_MAX or north - south > _BOX_MAX or min(west, -east) < -180:
        return None
    if max(abs(south), abs(north)) > _LATITUDE_MAX:
        return None
    steps = max(1, math.ceil((east - west) / _EDGE_MAX))
    along = [west + (east - west) * step / steps for step in range(steps + 1)]
    ring = [[x, south] for x in along] + [[x, north] for x in reversed(along)]
    return {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
