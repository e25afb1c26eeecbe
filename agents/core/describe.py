"""Reads the declarative descriptions of device models and devices (JSON objects)."""

import re
from collections.abc import Mapping
from typing import Any

from agents.core.commands import command_attribute
from agents.core.errors import InvalidDescription
from agents.core.model import AttributeRule, Device, DeviceModel

_DEVICE_ID = re.compile(r"[^\s/+#<>\"'=;()]{1,128}")  # what fits an MQTT topic level and FIWARE's own rule
_KINDS = frozenset({"from", "fields", "place", "time"})
_RULE = _KINDS | {"name", "scale", "between", "values", "clamp", "decimals", "unitCode"}
_DEVICE = frozenset({"id", "model", "entityId", "entityType", "context", "apiKey", "parameters", "attributes"})
_STATIC_LIMIT = 64  # attributes; a device says where it stands and what it is called, not more


def device_model(identifier: str, description: Mapping[str, Any], codec: str | None) -> DeviceModel:
    """Read a `device.json`.

    Raises:
        InvalidDescription: A member is missing, unknown, or names a parameter that does not exist.
    """
    try:
        model = DeviceModel(
            id=identifier,
            description=description["description"],
            entity_type=description["entityType"],
            context=description["context"],
            attributes=tuple(_rule(identifier, rule) for rule in description["attributes"]),
            sensors=tuple(description.get("sensors", ())),
            parameters=description.get("parameters", {}),
            static=description.get("static", {}),
            codec=codec,
            variables=description.get("variables", {}),
            commands={
                name: command_attribute({"name": name, **each})
                for name, each in description.get("commands", {}).items()
            },
            keeps_unmapped=description.get("keepsUnmapped", False),
            normalized=description.get("normalized", False),
        )
    except KeyError as missing:
        raise InvalidDescription(f"{identifier}: {missing} is missing") from None
    for rule in model.attributes:
        wanted = {*(rule.between or ()), *((rule.scale,) if isinstance(rule.scale, str) else ())}
        if unknown := wanted - set(model.parameters):
            raise InvalidDescription(f"{identifier}: {rule.name} needs the parameters {sorted(unknown)}")
    return model


def device(description: object, model: DeviceModel) -> Device:
    """Read the registration of a device of a model.

    Raises:
        InvalidDescription: A member is missing, unknown, or of the wrong kind.
    """
    if not isinstance(description, Mapping):
        raise InvalidDescription("a device is a JSON object")
    if unknown := set(description) - _DEVICE:
        raise InvalidDescription(f"unknown members {sorted(unknown)}; a device has {sorted(_DEVICE)}")
    identifier = device_id(description.get("id"))
    entity_type = _text(description, "entityType", model.entity_type)
    return Device(
        id=identifier,
        model=model.id,
        entity_id=_text(description, "entityId", f"urn:ngsi-ld:{entity_type.rsplit('/', 1)[-1]}:{identifier}"),
        entity_type=entity_type,
        context=_text(description, "context", model.context),
        api_key=_text(description, "apiKey", "") or None,
        parameters=_parameters(description.get("parameters", {}), model),
        commands=model.commands,
        static=_static(description.get("attributes", {})),
    )


def device_id(text: object) -> str:
    """Check a device identifier; a devEUI comes out in lower case.

    Raises:
        InvalidDescription: It is no string, empty, too long, or does not fit a topic.
    """
    if not isinstance(text, str) or not _DEVICE_ID.fullmatch(text):
        raise InvalidDescription("id: 1 to 128 characters without spaces and none of / + # < > \" ' = ; ( )")
    return text.lower() if re.fullmatch(r"[0-9A-Fa-f]{16}", text) else text


def describe(device: Device) -> dict[str, Any]:
    """The registration that gives this device again. Reveals the API key: for storing, not for showing."""
    description: dict[str, Any] = {
        "id": device.id,
        "model": device.model,
        "entityId": device.entity_id,
        "entityType": device.entity_type,
        "context": device.context,
    }
    if device.api_key is not None:
        description["apiKey"] = device.api_key
    if device.parameters:
        description["parameters"] = dict(device.parameters)
    if device.static:
        description["attributes"] = dict(device.static)
    return description


def _rule(identifier: str, rule: Mapping[str, Any]) -> AttributeRule:
    if unknown := set(rule) - _RULE:
        raise InvalidDescription(f"{identifier}: {rule.get('name')} has unknown members {sorted(unknown)}")
    if len(_KINDS & set(rule)) != 1:
        raise InvalidDescription(f"{identifier}: {rule.get('name')} needs exactly one of from, fields, place and time")
    return AttributeRule(
        name=rule["name"],
        source=_path(rule["from"]) if "from" in rule else (),
        fields={name: _path(path) for name, path in rule.get("fields", {}).items()},
        place={name: _path(path) for name, path in rule.get("place", {}).items()},
        time=rule.get("time", False),
        scale=rule.get("scale", 1),
        between=tuple(rule["between"]) if "between" in rule else None,
        values=rule.get("values", {}),
        clamp=tuple(rule["clamp"]) if "clamp" in rule else None,
        decimals=rule.get("decimals"),
        unit_code=rule.get("unitCode"),
    )


def _path(text: str) -> tuple[str, ...]:
    return tuple(text.split("."))


def _text(description: Mapping[str, Any], name: str, default: str) -> str:
    value = description.get(name, default)
    if not isinstance(value, str) or len(value) > 2048:
        raise InvalidDescription(f"{name} is a string of at most 2048 characters")
    return value


def _parameters(parameters: object, model: DeviceModel) -> dict[str, float]:
    if not isinstance(parameters, Mapping) or not all(_is_number(value) for value in parameters.values()):
        raise InvalidDescription("parameters is an object of numbers")
    if unknown := set(parameters) - set(model.parameters):
        raise InvalidDescription(f"{model.id} has no parameters {sorted(unknown)}, only {sorted(model.parameters)}")
    return dict(parameters)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _static(attributes: object) -> dict[str, Any]:
    if not isinstance(attributes, Mapping) or len(attributes) > _STATIC_LIMIT:
        raise InvalidDescription(f"attributes is an object of at most {_STATIC_LIMIT} NGSI-LD attributes")
    for name, attribute in attributes.items():
        if not isinstance(attribute, Mapping) or "type" not in attribute or name in ("id", "type", "@context"):
            raise InvalidDescription(f"attributes: {name} is no normalized NGSI-LD attribute with a type")
    return dict(attributes)
