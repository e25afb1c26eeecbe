"""GeoJSON geometries (RFC 7946), the values of a GeoProperty (clause 4.7): longitude first, degrees in WGS 84."""

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, Field, model_validator

Position: TypeAlias = Annotated[list[float], Field(min_length=2, max_length=3)]
Ring: TypeAlias = Annotated[list[Position], Field(min_length=4)]


class Point(BaseModel):
    """One position."""

    type: Literal["Point"] = "Point"
    coordinates: Position


class MultiPoint(BaseModel):
    """Several positions."""

    type: Literal["MultiPoint"] = "MultiPoint"
    coordinates: list[Position]


class LineString(BaseModel):
    """A line through at least two positions."""

    type: Literal["LineString"] = "LineString"
    coordinates: Annotated[list[Position], Field(min_length=2)]


class MultiLineString(BaseModel):
    """Several lines."""

    type: Literal["MultiLineString"] = "MultiLineString"
    coordinates: list[Annotated[list[Position], Field(min_length=2)]]


class Polygon(BaseModel):
    """An outer ring and its holes; each ring ends where it begins."""

    type: Literal["Polygon"] = "Polygon"
    coordinates: Annotated[list[Ring], Field(min_length=1)]

    @model_validator(mode="after")
    def _rings_close(self) -> "Polygon":
        if any(ring[0] != ring[-1] for ring in self.coordinates):
            raise ValueError("a ring must end with the position that it starts with")
        return self


class MultiPolygon(BaseModel):
    """Several polygons."""

    type: Literal["MultiPolygon"] = "MultiPolygon"
    coordinates: list[Annotated[list[Ring], Field(min_length=1)]]


class GeoPropertyMark:
    """Put on a field's type to say that it is a GeoProperty in NGSI-LD."""


Geometry: TypeAlias = Annotated[
    Annotated[
        Point | MultiPoint | LineString | MultiLineString | Polygon | MultiPolygon,
        Field(discriminator="type"),
    ],
    GeoPropertyMark(),
]
