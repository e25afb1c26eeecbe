"""From a reading to the entity it updates, in normalized NGSI-LD (5.2.4) with units and times of observation."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from agents.core.errors import UnusableReading
from agents.core.instant import format_instant
from agents.core.model import AttributeRule, Device, DeviceModel, Instant, Reading

_MISSING: Any = object()
NORMALIZED = "normalized"
"""Under which name rules find what a codec's `normalizeUplink` made of the measures."""
_RESERVED = frozenset(
    {"id", "type", "context", "scope", "location", "observationSpace", "operationSpace", "createdAt", "modifiedAt"}
    | {"deletedAt", "expiresAt", "observedAt", "unitCode", "datasetId", "value", "object"}
)
"""Names to which NGSI-LD itself gives a meaning (4.5.1, 4.8)."""
_NO_NAME = re.compile(r"\W+")


def translate(reading: Reading, device: Device, model: DeviceModel, *, introduce: bool = False) -> dict[str, Any]:
    """Make the entity that tells the broker of a reading.

    Args:
        introduce: Send the static attributes of model and device along.

    Raises:
        UnusableReading: No rule of the model found its measure.
    """
    observed_at = format_instant(reading.time)
    entity: dict[str, Any] = {"id": device.entity_id, "type": device.entity_type}
    if introduce:
        entity.update(model.static)
        entity.update(device.static)
    parameters = {**model.parameters, **device.parameters}
    measured = _measured(reading, model, parameters, observed_at)
    if not measured:
        names = ", ".join(list(reading.measures)[:10])
        raise UnusableReading(f"none of the measures ({names}) belongs to an attribute of {model.id}")
    entity.update(measured)
    entity["@context"] = device.context
    return entity


def located(device: Device, found: Mapping[str, Any], time: Instant) -> dict[str, Any] | None:
    """Make the entity that tells the broker where the network found a device; `None` where that is no place.

    Args:
        found: `latitude`, `longitude` and perhaps `altitude` (m).
    """
    point = _point(found)
    if point is None:
        return None
    place = {"type": "GeoProperty", "value": point, "observedAt": format_instant(time)}
    return {"id": device.entity_id, "type": device.entity_type, "location": place, "@context": device.context}


def _point(found: Mapping[str, Any]) -> dict[str, Any] | None:
    """A GeoJSON Point (RFC 7946, 3.1.2); 0, 0 is what receivers say that have no fix."""
    longitude, latitude = found.get("longitude"), found.get("latitude")
    if not _within(longitude, 180) or not _within(latitude, 90) or (longitude == 0 and latitude == 0):
        return None
    altitude = found.get("altitude")
    more = [altitude] if _within(altitude, 100_000) and altitude else []
    return {"type": "Point", "coordinates": [longitude, latitude, *more]}


def _within(value: Any, limit: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and -limit <= value <= limit


def _measured(
    reading: Reading, model: DeviceModel, parameters: Mapping[str, float], observed_at: str
) -> dict[str, dict[str, Any]]:
    attributes: dict[str, dict[str, Any]] = {}
    for rule in model.attributes:
        if rule.place:
            point = _point({name: _at(reading.measures, path) for name, path in rule.place.items()})
            if point is not None:
                attributes[rule.name] = {"type": "GeoProperty", "value": point, "observedAt": observed_at}
            continue
        value = _value(rule, reading.measures, parameters)
        if value is not _MISSING:
            attributes[rule.name] = _property(value, observed_at, rule.unit_code)
    if model.keeps_unmapped:
        _keep_unmapped(attributes, reading, model, observed_at)
    if attributes:
        for rule in model.attributes:
            if rule.time:
                attributes[rule.name] = _property({"@type": "DateTime", "@value": observed_at}, observed_at, None)
    return attributes


def _keep_unmapped(
    attributes: dict[str, dict[str, Any]], reading: Reading, model: DeviceModel, observed_at: str
) -> None:
    mapped = {rule.source[0] for rule in model.attributes if rule.source}
    if model.normalized:
        mapped.add(NORMALIZED)
    for name, value in reading.measures.items():
        if name not in mapped and value is not None:
            # What a rule gave has a unit, and stays.
            attributes.setdefault(_attribute_name(name), _property(value, observed_at, None))


def _attribute_name(measure: str) -> str:
    """A measure's name as an attribute's (4.6.2): letters, digits and underscores, none that means something else."""
    name = measure if measure.isidentifier() else _NO_NAME.sub("_", measure).strip("_")
    return name if name and name not in _RESERVED and name[0].isalpha() else f"measure_{name}"


def _property(value: Any, observed_at: str, unit_code: str | None) -> dict[str, Any]:
    attribute = {"type": "Property", "value": value, "observedAt": observed_at}
    if unit_code is not None:
        attribute["unitCode"] = unit_code
    return attribute


def _value(rule: AttributeRule, measures: Mapping[str, Any], parameters: Mapping[str, float]) -> Any:
    if rule.fields:
        found = {name: _at(measures, path) for name, path in rule.fields.items()}
        value = {name: _shaped(rule, each, parameters) for name, each in found.items() if each is not _MISSING}
        value = {name: each for name, each in value.items() if each is not _MISSING}
        return value or _MISSING
    if rule.time:
        return _MISSING
    return _shaped(rule, _at(measures, rule.source), parameters)


def _at(measures: Any, path: Sequence[str]) -> Any:
    for step in path:
        if not isinstance(measures, Mapping) or step not in measures:
            return _MISSING
        measures = measures[step]
    return _MISSING if measures is None else measures


def _shaped(rule: AttributeRule, value: Any, parameters: Mapping[str, float]) -> Any:
    if value is _MISSING:
        return value
    if rule.values:
        word = str(value).lower() if isinstance(value, bool) else str(value)
        return rule.values.get(word, _MISSING)
    if isinstance(value, bool) or not isinstance(value, int | float):
        # A rule that computes wants a number; one that does not passes words on.
        computes = rule.scale != 1 or rule.between is not None or rule.unit_code is not None
        return _MISSING if computes else value
    return _computed(rule, value, parameters) if math.isfinite(value) else _MISSING


def _computed(rule: AttributeRule, value: float, parameters: Mapping[str, float]) -> Any:
    clamp = rule.clamp
    if rule.between is not None:
        zero, one = parameters[rule.between[0]], parameters[rule.between[1]]
        if zero == one:
            return _MISSING
        value, clamp = (value - zero) / (one - zero), clamp or (0, 1)
    scale = parameters[rule.scale] if isinstance(rule.scale, str) else rule.scale
    if scale != 1:
        value *= scale
    if clamp is not None:
        value = min(max(value, clamp[0]), clamp[1])
    if rule.decimals is not None:
        value = round(value, rule.decimals) if rule.decimals else round(value)
    return value
