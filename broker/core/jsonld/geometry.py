"""GeoJSON geometries (RFC 7946) as values of GeoProperties (clause 4.7)."""

import json
from typing import Any

from broker.core.jsonld.values import json_value
from broker.core.model.entity import NGSILD_NULL
from broker.core.model.errors import BadRequestData

GEOMETRY_TYPES = frozenset({"Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon"})
"""The supported geometry types (clause 4.7.1: all but GeometryCollection)."""

MAX_POSITIONS = 100_000
"""Positions in one geometry: 16 MB, MongoDB's largest document, would hold about four times as many."""

MAX_COORDINATE = 10**9
"""Metres of altitude: beyond the Moon, and far within what the database stores as an integer."""


def looks_like_geometry(value: Any) -> bool:
    """Whether a concise value is to be taken for a GeoProperty's (clause 4.7.3)."""
    if type(value) is not dict or "coordinates" not in value:
        return False
    kind = value.get("type")
    return type(kind) is str and kind in GEOMETRY_TYPES


def geometry(value: Any, null: bool) -> Any:
    """A valid geometry; one encoded as a string (clause 4.7.2) decoded. NGSI-LD Null stays where allowed.

    Raises BadRequestData where the type is not supported or the coordinates are not those of that type.
    """
    if type(value) is str:
        if value == NGSILD_NULL and null:
            return value
        value = _decoded(value)
    if not looks_like_geometry(value):
        raise BadRequestData(
            "the value of a GeoProperty is a GeoJSON geometry such as "
            '{"type": "Point", "coordinates": [6.1, 49.4]} (longitude first)'
        )
    if len(value) > 2:
        # Other members (bbox, foreign ones) are kept as they are, within the bounds of any value.
        json_value(value, False)
    if "crs" in value:
        raise BadRequestData("GeoJSON has no 'crs' (RFC 7946): coordinates are WGS 84 longitude and latitude")
    coordinates = value["coordinates"]
    count = _CHECKS[value["type"]](coordinates)
    if count > MAX_POSITIONS:
        raise BadRequestData(f"the geometry has more than {MAX_POSITIONS} positions")
    return value


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise BadRequestData(
            f"the value of a GeoProperty is a GeoJSON geometry, not the text {text[:60]!r}; for a place write "
            '{"type": "Point", "coordinates": [longitude, latitude]}'
        ) from None


def _position(value: Any) -> int:
    if type(value) is not list or not 2 <= len(value) <= 4:
        raise BadRequestData("a position is an array [longitude, latitude] or [longitude, latitude, altitude]")
    for number in value:
        if type(number) is not float and type(number) is not int:
            raise BadRequestData("a position consists of numbers")
        if not -MAX_COORDINATE <= number <= MAX_COORDINATE:
            raise BadRequestData(f"a number of a position is beyond {MAX_COORDINATE}")
    # A chained comparison that NaN fails, too.
    if not -180 <= value[0] <= 180 or not -90 <= value[1] <= 90:
        raise BadRequestData(
            f"{value[:2]} is no place on Earth: longitude comes first (-180 to 180), then latitude (-90 to 90)"
        )
    return 1


def _positions(value: Any, least: int, kind: str) -> int:
    if type(value) is not list or len(value) < least:
        raise BadRequestData(f"the coordinates of a {kind} are an array of at least {least} positions")
    for position in value:
        _position(position)
    return len(value)


def _line(value: Any) -> int:
    return _positions(value, 2, "LineString")


def _ring(value: Any) -> int:
    count = _positions(value, 4, "Polygon's ring")
    if value[0] != value[-1]:
        raise BadRequestData("a Polygon's ring ends where it begins: repeat the first position as the last")
    return count


def _polygon(value: Any) -> int:
    return _several(value, _ring, "Polygon")


def _several(value: Any, check: Any, kind: str) -> int:
    if type(value) is not list or not value:
        raise BadRequestData(f"the coordinates of a {kind} are a non-empty array")
    count: int = sum(map(check, value))
    return count


_CHECKS: dict[str, Any] = {
    "Point": _position,
    "MultiPoint": lambda value: _positions(value, 1, "MultiPoint"),
    "LineString": _line,
    "MultiLineString": lambda value: _several(value, _line, "MultiLineString"),
    "Polygon": _polygon,
    "MultiPolygon": lambda value: _several(value, _polygon, "MultiPolygon"),
}
