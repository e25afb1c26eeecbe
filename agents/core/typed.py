"""From a value and the type a provisioning gives it to a normalized NGSI-LD attribute (4.5)."""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from agents.core.jexl.values import NotEvaluable

_POINT = re.compile(r"\s*(-?\d+(?:\.\d+)?)\s*,\s*(-?\d+(?:\.\d+)?)\s*")
NGSI_LD_TYPES = frozenset(
    {
        "Property", "GeoProperty", "Relationship", "LanguageProperty", "VocabProperty", "JsonProperty", "ListProperty",
        "ListRelationship",
    }
)  # fmt: skip
_MEMBERS = {
    "relationship": ("Relationship", "object"),
    "languageproperty": ("LanguageProperty", "languageMap"),
    "vocabproperty": ("VocabProperty", "vocab"),
    "jsonproperty": ("JsonProperty", "json"),
    "listproperty": ("ListProperty", "valueList"),
    "listrelationship": ("ListRelationship", "objectList"),
}
_TEMPORAL = {"datetime": "DateTime", "date": "Date", "time": "Time"}
_NUMERIC = frozenset({"number", "float", "integer", "double"})
_GEO = {
    "point": "Point", "linestring": "LineString", "polygon": "Polygon", "multipoint": "MultiPoint",
    "multilinestring": "MultiLineString", "multipolygon": "MultiPolygon",
}  # fmt: skip


def attribute(kind: str, value: Any, observed_at: str | None, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Make the attribute of a value.

    Args:
        kind: The type in the provisioning, such as `Number`, `geo:point`, `Relationship`; any other means a Property.
        metadata: Members and sub-attributes as `attribute_metadata` gives them.

    Raises:
        NotEvaluable: The value does not fit the type.
    """
    made = _FORMS.get(kind.lower(), _property)(kind, value)
    if observed_at is not None:
        made["observedAt"] = observed_at
    if metadata:
        made.update(metadata)
    return made


def attribute_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """NGSI-v2 metadata as members (`unitCode`, `datasetId`, `observedAt`) and sub-Properties of an attribute."""
    made: dict[str, Any] = {}
    for name, each in metadata.items():
        if not isinstance(each, Mapping):
            each = {"value": each}  # noqa: PLW2901  the short form of the same
        if name in ("unitCode", "datasetId", "observedAt"):
            made[name] = each.get("value")
        elif name not in ("TimeInstant", "type", "value") and each.get("value") is not None:
            made[name] = _FORMS.get(str(each.get("type", "")).lower(), _property)("", each["value"])
    return made


def _property(kind: str, value: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value}


def _number(kind: str, value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        try:
            read = float(value)
        except ValueError:
            raise NotEvaluable(f"{value[:40]!r} is no number, as the type {kind} demands") from None
        if not math.isfinite(read):
            raise NotEvaluable(f"{value[:40]!r} is no finite number")
        value = int(read) if read.is_integer() and ("." not in value or kind.lower() == "integer") else read
    return {"type": "Property", "value": value}


def _boolean(kind: str, value: Any) -> dict[str, Any]:
    if isinstance(value, str) and value.lower() in ("true", "false"):
        value = value.lower() == "true"
    return {"type": "Property", "value": value}


def _temporal(kind: str, value: Any) -> dict[str, Any]:
    return {"type": "Property", "value": {"@type": _TEMPORAL[kind.lower()], "@value": value}}


def _member(kind: str, value: Any) -> dict[str, Any]:
    name, member = _MEMBERS[kind.lower()]
    return {"type": name, member: value}


def _geo(kind: str, value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping) and "coordinates" in value:
        return {"type": "GeoProperty", "value": dict(value)}
    form = _GEO.get(kind.lower().removeprefix("geo:").replace("line", "linestring").replace("stringstring", "string"))
    if form is None:
        raise NotEvaluable(f"{kind} wants a GeoJSON geometry")
    coordinates: Any = value
    if isinstance(value, str):
        coordinates = [_position(value)] if form != "Point" else _position(value)
    elif isinstance(value, list) and value and all(isinstance(each, str) for each in value):
        coordinates = [_position(each) for each in value]
        coordinates = [coordinates] if form == "Polygon" else coordinates
    elif not isinstance(value, list):
        raise NotEvaluable(f"{kind} wants a text `latitude, longitude` or coordinates")
    return {"type": "GeoProperty", "value": {"type": form, "coordinates": coordinates}}


def _position(text: str) -> list[float]:
    """A position of NGSI-v2, `latitude, longitude`, in GeoJSON's order."""
    match = _POINT.fullmatch(text)
    if match is None:
        raise NotEvaluable(f"{text[:40]!r} is no `latitude, longitude`")
    return [float(match[2]), float(match[1])]


_FORMS: Mapping[str, Callable[[str, Any], dict[str, Any]]] = {
    **dict.fromkeys(_NUMERIC, _number),
    "boolean": _boolean,
    **dict.fromkeys(_TEMPORAL, _temporal),
    **dict.fromkeys(_MEMBERS, _member),
    **dict.fromkeys(
        ("geoproperty", "geo:json", "geo:line", *_GEO, *(f"geo:{name}" for name in _GEO)),
        _geo,
    ),
}
