"""What normalizers of device repositories (`normalizeUplink`) say, as attributes of Smart Data Models.

Their measurements have the members of `lib/payload.json` of TheThingsNetwork/lorawan-devices, with its units: °C, per
cent, hPa, ppm, lux, m/s, degrees, dS/m, litres, volts.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from agents.core.translate import NORMALIZED

ROUTINE = "normalizeUplink"
GROUPS = ("soil", "air", "wind", "water", "metering", "action", "position")
_SOURCE = "https://raw.githubusercontent.com/smart-data-models/dataModel.{}/master/context.jsonld"
_OUTDOORS = re.compile(r"\b(weather|outdoors?|rain(fall)?|wind|solar|barometer)\b", re.IGNORECASE)


def _rule(name: str, path: str, unit: str | None = None, **more: Any) -> dict[str, Any]:
    unit_code = {} if unit is None else {"unitCode": unit}
    return {"name": name, "from": f"{NORMALIZED}.{path}", **more, **unit_code}


_OF_GROUP: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "soil": (
        _rule("soilMoistureVwc", "soil.moisture", "C62", scale=0.01, clamp=[0, 1], decimals=4),
        _rule("soilTemperature", "soil.temperature", "CEL"),
        _rule("soilMoistureEc", "soil.ec", "D10", scale=0.1, decimals=6),  # dS/m to S/m
        _rule("soilPh", "soil.pH"),
        _rule("soilDepth", "soil.depth", "CMT"),
        _rule("soilNitrogen", "soil.n", "59"),
        _rule("soilPhosphorus", "soil.p", "59"),
        _rule("soilPotassium", "soil.k", "59"),
    ),
    "air": (
        _rule("temperature", "air.temperature", "CEL"),
        _rule("relativeHumidity", "air.relativeHumidity", "C62", scale=0.01, clamp=[0, 1], decimals=4),
        _rule("atmosphericPressure", "air.pressure", "A97"),
        _rule("co2", "air.co2", "59"),
        _rule("illuminance", "air.lightIntensity", "LUX"),
    ),
    "wind": (_rule("windSpeed", "wind.speed", "MTS"), _rule("windDirection", "wind.direction", "DD")),
    "water": (
        _rule("severity", "water.leak", values={"true": "high", "false": "informational"}),
        _rule("waterTemperature", "water.temperature.current", "CEL"),
        _rule("waterTemperatureMinimum", "water.temperature.min", "CEL"),
        _rule("waterTemperatureMaximum", "water.temperature.max", "CEL"),
        _rule("waterTemperatureAverage", "water.temperature.avg", "CEL"),
    ),
    "metering": (_rule("waterConsumption", "metering.water.total", "LTR"),),
    "action": (
        _rule("motionDetected", "action.motion.detected"),
        _rule("motionCount", "action.motion.count", "C62"),
        _rule("contactState", "action.contactState"),
    ),
    "position": (
        {
            "name": "location",
            "place": {"latitude": f"{NORMALIZED}.position.latitude", "longitude": f"{NORMALIZED}.position.longitude"},
        },
    ),
}
_BATTERY = _rule("batteryVoltage", "battery", "VLT")


def groups(examples: Iterable[Mapping[str, Any]], source: str) -> frozenset[str]:
    """Which groups of members a normalizer gives: those of its published examples, else those its file names."""
    found: set[str] = set()
    for example in examples:
        output = example.get("normalizedOutput")
        data = output.get("data") if isinstance(output, Mapping) else None
        for measurement in data if isinstance(data, list) else [data]:
            found |= measurement.keys() & set(GROUPS) if isinstance(measurement, Mapping) else set()
    if found:
        return frozenset(found)
    _, _, normalizer = source.partition(ROUTINE)
    return frozenset(each for each in GROUPS if re.search(rf"\b{each}\b", normalizer))


def mapping(found: frozenset[str], words: str) -> dict[str, Any]:
    """The members of a device's description that map these groups: `entityType`, `context`, `attributes` …

    Args:
        words: What the catalogue says of the device; tells weather stations from rooms.
    """
    kind, domain = _entity(found, words)
    time = "dateIssued" if kind == "Alert" else "dateObserved"
    attributes: list[Mapping[str, Any]] = [] if kind in _TIMELESS else [{"name": time, "time": True}]
    for group in GROUPS:
        if group in found:
            attributes += _OF_GROUP[group]
    described: dict[str, Any] = {
        "entityType": kind,
        "context": _SOURCE.format(domain),
        "attributes": [*attributes, _BATTERY],
        "normalized": True,
    }
    if kind == "Alert":
        words_of = {"category": "environment", "subCategory": "flood"}
        described["static"] = {name: {"type": "Property", "value": word} for name, word in words_of.items()}
    return described


_TIMELESS = frozenset({"WaterConsumptionObserved", "DeviceMeasurement"})


def _entity(found: frozenset[str], words: str) -> tuple[str, str]:
    if "soil" in found:
        return "GreenspaceRecord", "ParksAndGardens"
    if "metering" in found:
        return "WaterConsumptionObserved", "WaterConsumption"
    if "wind" in found or ("air" in found and _OUTDOORS.search(words)):
        return "WeatherObserved", "Weather"
    if "air" in found:
        return "IndoorEnvironmentObserved", "Environment"
    return ("Alert", "Alert") if "water" in found else ("DeviceMeasurement", "Device")
