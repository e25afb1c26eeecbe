"""Registrations and entities for the tests of this folder."""

from typing import Any

from broker.core.federate.parse import parse_registration
from broker.core.federate.registration import Registration
from broker.core.model.entity import Entity, Instance
from tests.core.subscribe.building import CONTEXT, iri

__all__ = ["CONTEXT", "document", "entity", "iri", "prop", "registration"]


def document(**members: Any) -> dict[str, Any]:
    return {
        "id": "urn:ngsi-ld:ContextSourceRegistration:1",
        "type": "ContextSourceRegistration",
        "endpoint": "http://127.0.0.1:9",
        "information": [{"entities": [{"type": "Container"}]}],
        **members,
    }


def registration(**members: Any) -> Registration:
    return parse_registration(document(**members), lambda _: CONTEXT)


def prop(value: Any, **members: Any) -> Instance:
    return {"type": "Property", "value": value, **members}


def entity(name: str = "1", kind: str = "Container", **attributes: Any) -> Entity:
    instances = {iri(each): value if isinstance(value, list) else [prop(value)] for each, value in attributes.items()}
    return Entity(f"urn:ngsi-ld:{kind}:{name}", [iri(kind)], instances, None, 1, 1)
