"""Documents of FIWARE's provisioning: what they have to be, and how they are shown."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from agents.core.describe import device_id
from agents.core.errors import InvalidDescription
from agents.core.iot_refusals import wrong_syntax

_NAME = re.compile(r"[^<>();'=\"]+")
_LENGTH = 1_024  # characters of a name; an apikey or an IRI is a tenth of that
_MEMBERS_LIMIT = 1_000
"""Attributes or commands in one document."""
_LISTS = ("attributes", "lazy", "commands", "static_attributes")
_TEXTS = (
    "resource", "apikey", "entity_type", "entity_name", "endpoint", "transport", "protocol", "timezone", "ngsiVersion",
    "payloadType", "entityNameExp", "defaultEntityNameConjunction", "cmdMode", "jsonLdContext",
)  # fmt: skip
_FLAGS = ("timestamp", "autoprovision", "storeLastMeasure", "useCBflowControl")


def group_document(given: object, service: str, subservice: str) -> dict[str, Any]:
    """Check a group and say where it belongs.

    Raises:
        ProvisioningError: A member is missing or of the wrong kind.
    """
    document = _checked(given)
    for name in ("resource", "apikey", "entity_type"):
        if not isinstance(document.get(name), str):
            raise wrong_syntax(f"groups: {name} is a string and has to be there")
    return {**document, "service": service, "subservice": subservice}


def device_document(given: object, service: str, subservice: str) -> dict[str, Any]:
    """Check a device and say where it belongs.

    Raises:
        ProvisioningError: A member is missing or of the wrong kind.
    """
    document = _checked(given)
    try:
        document["device_id"] = device_id(document.get("device_id"))
    except InvalidDescription as problem:
        raise wrong_syntax(f"device_{problem.detail}") from None
    document.pop("lastMeasure", None)  # what a device sent is for the agents to say
    return {**document, "service": service, "service_path": subservice}


def changes(given: object, fixed: Sequence[str]) -> dict[str, Any]:
    """Check what is to change in a document.

    Raises:
        ProvisioningError: A member is of the wrong kind, or tells things apart and so cannot change.
    """
    document = _checked(given)
    if refused := [name for name in fixed if name in document]:
        raise wrong_syntax(f"{', '.join(refused)} cannot be changed; provision anew")
    return document


def shown_device(document: Mapping[str, Any], entity_name: str, entity_type: str, *, polling: bool) -> dict[str, Any]:
    """A device as a client reads it, with what its group and the rules made of it."""
    return {
        **document,
        "entity_name": document.get("entity_name") or entity_name,
        "entity_type": document.get("entity_type") or entity_type,
        "polling": polling,
        "attributes": document.get("attributes") or [],
        "lazy": document.get("lazy") or [],
        "commands": document.get("commands") or [],
        "static_attributes": document.get("static_attributes") or [],
    }


def shown_group(document: Mapping[str, Any]) -> dict[str, Any]:
    """A group as a client reads it."""
    return {**{name: [] for name in _LISTS}, "internal_attributes": [], **document}


def _checked(given: object) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise wrong_syntax("a group or device is a JSON object")
    # Where a document belongs is said by the headers alone.
    document = {name: value for name, value in given.items() if name not in ("service", "subservice", "service_path")}
    for name in _TEXTS:
        value = document.get(name)
        if value is not None and (not isinstance(value, str) or len(value) > _LENGTH):
            raise wrong_syntax(f"{name} is a string of at most {_LENGTH} characters")
    for name in ("entity_type", "entity_name", "apikey", "resource"):
        if document.get(name) and not _NAME.fullmatch(document[name]):
            raise wrong_syntax(f"{name} has none of < > ( ) ; ' = \"")
    for name in _FLAGS:
        if document.get(name) is not None and not isinstance(document[name], bool):
            raise wrong_syntax(f"{name} is true or false")
    for name in _LISTS:
        if document.get(name) is not None:
            _check_list(name, document[name])
    return document


def _check_list(name: str, members: object) -> None:
    if not isinstance(members, list) or len(members) > _MEMBERS_LIMIT:
        raise wrong_syntax(f"{name} is a list of at most {_MEMBERS_LIMIT} objects")
    for each in members:
        own = each.get("name") if isinstance(each, Mapping) else None
        if not isinstance(own, str) or not 0 < len(own) <= _LENGTH or not _NAME.fullmatch(own):
            raise wrong_syntax(f"{name}: each is an object with a name without < > ( ) ; ' = \"")
        for text in ("object_id", "expression", "entity_name", "entity_type", "type"):
            if each.get(text) is not None and not isinstance(each[text], str):
                raise wrong_syntax(f"{name}: {own}: {text} is a string")
        for inner in ("metadata", "mqtt", "headers", "link"):
            if each.get(inner) is not None and not isinstance(each[inner], Mapping):
                raise wrong_syntax(f"{name}: {own}: {inner} is an object")
        if name == "static_attributes" and each.get("link") is not None:
            _check_link(own, each)


def _check_link(own: str, described: Mapping[str, Any]) -> None:
    link = described["link"]
    attributes = link.get("attributes")
    if not isinstance(attributes, list) or not all(isinstance(each, str) for each in attributes):
        raise wrong_syntax(f"static_attributes: {own}: link has attributes, a list of names")
    if not all(link.get(each) is None or isinstance(link[each], str) for each in ("name", "type")):
        raise wrong_syntax(f"static_attributes: {own}: name and type of a link are strings")
    if not isinstance(described.get("value"), str):
        raise wrong_syntax(f"static_attributes: {own}: its value names the linked entity")
