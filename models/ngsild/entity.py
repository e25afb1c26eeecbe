"""An entity in the key-values view (clause 4.5.4), and its normalized form."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any, ClassVar, get_args

from pydantic import BaseModel, ConfigDict, model_validator

from models.ngsild.geometry import GeoPropertyMark
from models.ngsild.references import Identifier, RelationshipMark


class Entity(BaseModel):
    """Base of all entity types: an identifier, a type, attributes. Attributes that the type does not name are kept."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)

    TYPE_IRI: ClassVar[str]
    """The type, expanded."""
    CONTEXT: ClassVar[str]
    """Address of the @context that gives the attributes their IRIs."""

    id: Identifier
    type: str

    @model_validator(mode="before")
    @classmethod
    def _plain_literals(cls, document: Any) -> Any:
        """JSON-LD literals (`{"@type": "DateTime", "@value": …}`, clause 4.6.3) stand for their `@value`."""
        if not isinstance(document, dict):
            return document
        return {
            name: value["@value"] if isinstance(value, dict) and value.keys() == {"@type", "@value"} else value
            for name, value in document.items()
        }

    def normalized(
        self, *, observed_at: datetime | None = None, unit_codes: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """The entity as a broker takes it, with its `@context`; each attribute that is set as the kind that it is.

        `observed_at` goes on every Property; `unit_codes` names UN/CEFACT codes by attribute.
        """
        values = self.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"id", "type"})
        document: dict[str, Any] = {"id": self.id, "type": self.type}
        kinds = _kinds(type(self))
        for name, value in values.items():
            if name == "@context":
                continue
            document[name] = _attribute(kinds.get(name, "Property"), value)
            if document[name]["type"] == "Property":
                if observed_at is not None:
                    document[name]["observedAt"] = observed_at.isoformat().replace("+00:00", "Z")
                if unit_codes and name in unit_codes:
                    document[name]["unitCode"] = unit_codes[name]
        document["@context"] = self.CONTEXT
        return document


def _attribute(kind: str, value: Any) -> dict[str, Any]:
    return {"type": kind, "object" if kind == "Relationship" else "value": value}


@cache
def _kinds(model: type[Entity]) -> dict[str, str]:
    """Attribute name to kind, for those that are no Property."""
    kinds: dict[str, str] = {}
    for name, field in model.model_fields.items():
        marks = {type(mark) for mark in (*field.metadata, *_marks(field.annotation))}
        if RelationshipMark in marks:
            kinds[field.alias or name] = "Relationship"
        elif GeoPropertyMark in marks:
            kinds[field.alias or name] = "GeoProperty"
    return kinds


def _marks(annotation: Any) -> list[Any]:
    """What `Annotated` says anywhere in a type, such as in one side of a union."""
    own = list(getattr(annotation, "__metadata__", ()))
    return own + [mark for part in get_args(annotation) for mark in _marks(part)]
