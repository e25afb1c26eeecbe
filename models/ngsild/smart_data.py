"""The attributes that all types of Smart Data Models share (GSMA-Commons and Location-Commons of data-models)."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from models.ngsild.entity import Entity
from models.ngsild.geometry import Geometry


class PostalAddress(BaseModel):
    """A postal address by the terms of schema.org."""

    model_config = ConfigDict(extra="allow")

    streetAddress: str | None = None
    postalCode: str | None = None
    addressLocality: str | None = Field(default=None, description="The commune.")
    addressRegion: str | None = None
    addressCountry: str | None = None
    district: str | None = None
    postOfficeBoxNumber: str | None = None
    streetNr: str | None = None


class SmartDataEntity(Entity):
    """An entity of Smart Data Models."""

    dateCreated: datetime | None = None
    dateModified: datetime | None = None
    source: str | None = None
    name: str | None = None
    alternateName: str | None = None
    description: str | None = None
    dataProvider: str | None = None
    owner: list[str] | None = None
    seeAlso: list[str] | str | None = None
    location: Geometry | None = Field(default=None, description="Where it is: GeoJSON, longitude first.")
    address: PostalAddress | None = None
    areaServed: str | None = None
    color: str | None = None
    image: str | None = None
    annotations: list[str] | None = None
