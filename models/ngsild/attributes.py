"""The attribute kinds of NGSI-LD in their normalized form (clauses 4.5.2 to 4.5.24, 5.2.5 to 5.2.8, 5.2.32 to 5.2.38).

Names are those of the JSON members. Sub-attributes are kept as extra members.
"""

from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from models.ngsild.geometry import Geometry
from models.ngsild.references import Identifier

ValueT = TypeVar("ValueT")


class Attribute(BaseModel):
    """What every kind may carry: when it was observed, and which of several instances it is."""

    model_config = ConfigDict(extra="allow")

    observedAt: datetime | None = None
    datasetId: Identifier | None = None


class Property(Attribute, Generic[ValueT]):
    """A value; `unitCode` is a code of UN/CEFACT Recommendation 20."""

    type: Literal["Property"] = "Property"
    value: ValueT
    unitCode: str | None = None


class GeoProperty(Attribute):
    """A place."""

    type: Literal["GeoProperty"] = "GeoProperty"
    value: Geometry


class Relationship(Attribute):
    """A link to one entity or to several."""

    type: Literal["Relationship"] = "Relationship"
    object: Identifier | list[Identifier]
    objectType: str | list[str] | None = None


class LanguageProperty(Attribute):
    """A text in several languages, by language tag (RFC 5646)."""

    type: Literal["LanguageProperty"] = "LanguageProperty"
    languageMap: dict[str, str | list[str]]


class VocabProperty(Attribute):
    """A word of a vocabulary, expanded through the @context."""

    type: Literal["VocabProperty"] = "VocabProperty"
    vocab: str | list[str]


class JsonProperty(Attribute):
    """JSON that no @context touches."""

    type: Literal["JsonProperty"] = "JsonProperty"
    json_: Any = Field(alias="json")


class ListProperty(Attribute):
    """Values in an order that matters."""

    type: Literal["ListProperty"] = "ListProperty"
    valueList: list[Any]


class ListRelationship(Attribute):
    """Links in an order that matters."""

    type: Literal["ListRelationship"] = "ListRelationship"
    objectList: list[Any]
