"""A device as FIWARE's provisioning describes it: its own document laid over that of its group, ready for measures."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from agents.core.commands import CommandAttribute, command_attribute
from agents.core.errors import InvalidDescription
from agents.core.jexl.evaluate import Expression, expression
from agents.core.jexl.values import NotEvaluable
from agents.core.model import Device
from agents.core.typed import attribute, attribute_metadata

_IRI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")
_KEPT = ";/?:@&=+$,#-_.!~*'()%"
MODEL = "fiware/provisioned"
"""Model of devices whose measures come readable (JSON, UltraLight)."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """An active attribute: where it comes from and where it goes."""

    object_id: str
    name: str
    type: str
    expression: Expression | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    computed_metadata: Mapping[str, Expression] = field(default_factory=dict)
    skip_value: Any = None
    entity: "tuple[str | Expression | None, str | None] | None" = None
    """Name and type of another entity it belongs to."""


@dataclass(frozen=True, slots=True)
class Link:
    """Another entity that shows some of the device's attributes too, each with a Relationship to the device's."""

    entity: str
    type: str
    attributes: frozenset[str]
    relationship: str


@dataclass(frozen=True, slots=True)
class Provisioned:
    """All that a provisioning says of a device."""

    service: str
    subservice: str
    device_id: str
    protocol: str
    transport: str
    endpoint: str | None
    attributes: tuple[Attribute, ...]
    known: frozenset[str]
    """Names of measures that an attribute, active or lazy, speaks of."""
    commands: Mapping[str, CommandAttribute]
    statics: Mapping[str, Any]
    """Static attributes, normalized."""
    static_values: Mapping[str, Any]
    """The same for expressions."""
    links: tuple[Link, ...] = ()
    explicit: "bool | Sequence[Any] | Expression" = False
    entity_name: Expression | None = None
    timestamp: bool = True
    zone: ZoneInfo | None = None
    payload_type: str = "iotagent"
    lazy: tuple[Attribute, ...] = ()
    """Attributes that are not stored: the device is asked when somebody reads them."""
    store_last_measure: bool = False
    """What it sent last is shown with the device."""
    lorawan: Mapping[str, Any] = field(default_factory=dict)
    """`internal_attributes.lorawan` of FIWARE's LoRaWAN agent."""


def device(document: Mapping[str, Any], group: Mapping[str, Any] | None, context: str, *, model: str = MODEL) -> Device:
    """Make a device out of its document and that of its group; what the device says goes before.

    Raises:
        InvalidDescription: An expression is not well formed, a name is missing, a time zone does not exist.
    """
    group = group or {}
    identifier = document["device_id"]
    merged = {**group, **{name: value for name, value in document.items() if value is not None}}
    entity_type = document.get("entity_type") or group.get("entity_type") or "Thing"
    provisioned = _provisioned(document, group, merged)
    conjunction = group.get("defaultEntityNameConjunction") or ":"
    name = document.get("entity_name")
    return Device(
        id=key(provisioned.service, provisioned.subservice, identifier),
        model=model,
        entity_id=entity_id(name, entity_type) if name else _default_id(entity_type, conjunction, identifier),
        entity_type=entity_type,
        context=merged.get("jsonLdContext") or context,
        api_key=document.get("apikey") or group.get("apikey") or None,
        commands=provisioned.commands,
        tenant=provisioned.service or None,
        provisioned=provisioned,
    )


def _provisioned(document: Mapping[str, Any], group: Mapping[str, Any], merged: Mapping[str, Any]) -> Provisioned:
    statics = {each["name"]: each for each in _members(group, document, "static_attributes")}
    attributes = tuple(_attribute(each) for each in _members(group, document, "attributes"))
    active = {each.name for each in attributes}
    lazy = tuple(_attribute(each) for each in _members(group, document, "lazy") if each["name"] not in active)
    return Provisioned(
        service=document.get("service", ""),
        subservice=document.get("service_path", "/"),
        device_id=document["device_id"],
        protocol=str(merged.get("protocol") or ""),
        transport=str(merged.get("transport") or "").upper(),
        endpoint=merged.get("endpoint"),
        attributes=attributes,
        lazy=lazy,
        known=frozenset({name for each in (*attributes, *lazy) for name in (each.object_id, each.name)}),
        commands={each["name"]: command_attribute(each) for each in _members(group, document, "commands")},
        statics={name: _static(each) for name, each in statics.items()},
        static_values={name: each.get("value") for name, each in statics.items()},
        links=tuple(_link(each) for each in statics.values() if each.get("link")),
        explicit=_explicit(merged.get("explicitAttrs", False)),
        entity_name=expression(merged["entityNameExp"]) if merged.get("entityNameExp") else None,
        timestamp=merged.get("timestamp") is not False,
        zone=_zone(merged.get("timezone")),
        payload_type=str(merged.get("payloadType") or "iotagent").lower(),
        store_last_measure=merged.get("storeLastMeasure") is True,
        lorawan=_internal(merged).get("lorawan", {}),
    )


def key(service: str, subservice: str, device_id: str) -> str:
    """What tells the device from all others at this agent: `openiot/sub/dev1`."""
    return "/".join(part for part in (service, subservice.strip("/"), device_id) if part)


def entity_id(name: str, entity_type: str) -> str:
    """The identifier of an entity that a provisioning names: an IRI as it is, else as FIWARE's agents make one."""
    made = name if _IRI.fullmatch(name) else f"urn:ngsi-ld:{entity_type.rsplit('/', 1)[-1]}:{name}"
    return quote(made, safe=_KEPT)


def _default_id(entity_type: str, conjunction: str, identifier: str) -> str:
    return quote(f"urn:ngsi-ld:{entity_type.rsplit('/', 1)[-1]}{conjunction}{identifier}", safe=_KEPT)


def _members(group: Mapping[str, Any], document: Mapping[str, Any], *lists: str) -> list[Mapping[str, Any]]:
    """Members of both documents' lists; the device's own replace those of the group for the same name and entity."""
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    for source in (group, document):
        for each in (member for name in lists for member in source.get(name) or ()):
            found[(each["name"], str(each.get("entity_name") or ""))] = each
    return list(found.values())


def _attribute(described: Mapping[str, Any]) -> Attribute:
    name, other = described["name"], described.get("entity_name")
    metadata = described.get("metadata") or {}
    computed = {key: each["expression"] for key, each in metadata.items()
                if isinstance(each, Mapping) and "expression" in each}  # fmt: skip
    entity = None
    if other or described.get("entity_type"):
        entity = (_name_or_expression(other) if other else None, described.get("entity_type"))
    return Attribute(
        object_id=described.get("object_id") or name,
        name=name,
        type=str(described.get("type") or ""),
        expression=expression(described["expression"]) if described.get("expression") else None,
        metadata=attribute_metadata({key: each for key, each in metadata.items() if key not in computed}),
        computed_metadata={key: expression(source) for key, source in computed.items()},
        skip_value=described.get("skipValue"),
        entity=entity,
    )


def _name_or_expression(name: str) -> str | Expression:
    """The name of another entity, which may be an expression; a plain name with colons or dashes is none."""
    if _IRI.fullmatch(name) or not re.search(r"[+|'\"?]", name):
        return name
    try:
        return expression(name)
    except InvalidDescription:
        return name


def _static(described: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return attribute(
            str(described.get("type") or ""), described.get("value"), None,
            attribute_metadata(described.get("metadata") or {}),
        )  # fmt: skip
    except NotEvaluable as problem:
        raise InvalidDescription(f"static_attributes: {described['name']}: {problem}") from None


def _link(described: Mapping[str, Any]) -> Link:
    """The `link` of a static attribute, whose value is the linked entity."""
    link, name = described["link"], described.get("value")
    if not isinstance(link, Mapping) or not isinstance(name, str):
        raise InvalidDescription(f"static_attributes: {described['name']}: link is an object, the value an entity")
    kind = link.get("type") or name.removeprefix("urn:ngsi-ld:").partition(":")[0]
    return Link(entity_id(name, kind), kind, frozenset(link.get("attributes") or ()), link.get("name") or "providedBy")


def _explicit(given: Any) -> "bool | Sequence[Any] | Expression":
    if isinstance(given, str):
        return given == "true" if given in ("true", "false") else expression(given)
    return given if isinstance(given, list) else bool(given)


def _zone(name: Any) -> ZoneInfo | None:
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, TypeError, OSError):
        raise InvalidDescription(f"timezone: {str(name)[:60]!r} is no zone such as Europe/Luxembourg") from None


def _internal(merged: Mapping[str, Any]) -> Mapping[str, Any]:
    """Internal attributes, which are an object, or a list of objects in older documents."""
    given = merged.get("internal_attributes") or {}
    if isinstance(given, list):
        return {name: value for each in given if isinstance(each, Mapping) for name, value in each.items()}
    return given if isinstance(given, Mapping) else {}
