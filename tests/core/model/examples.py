"""Entities to change, and how to look at the outcome."""

from copy import deepcopy
from typing import Any

from broker.core.model.entity import Entity, Instance

ID = "urn:ngsi-ld:Room:1"
ROOM = "https://example.org/Room"
T0, T1, T2 = 1_000_000, 2_000_000, 3_000_000
"""When the entity was created, when it was last changed, and now."""


def iri(name: str) -> str:
    return f"https://example.org/{name}"


TEMPERATURE, ADDRESS, NAME, PROVIDER, PLACE, OWNER = map(
    iri, ("temperature", "address", "name", "providedBy", "place", "owner")
)


def prop(value: Any, **members: Any) -> Instance:
    return {"type": "Property", "value": value, **members}


def relation(target: Any, **members: Any) -> Instance:
    return {"type": "Relationship", "object": target, **members}


def kept(instance: Instance, created: int = T0, modified: int = T1) -> Instance:
    return {**instance, "createdAt": created, "modifiedAt": modified}


def room(*, scopes: list[str] | None = None, expires_at: int | None = None, **attributes: Any) -> Entity:
    """A stored room: keyword arguments are attribute names and one instance or a list of them."""
    stored = {
        iri(name): [kept(one) for one in (given if isinstance(given, list) else [given])]
        for name, given in attributes.items()
    }
    return Entity(ID, [ROOM], stored, scopes, T0, T1, expires_at)


def fragment(
    *, types: list[str] | None = None, scopes: list[str] | None = None, expires_at: int | None = None, **attributes: Any
) -> Entity:
    """What a request says, in the same notation."""
    given = {iri(name): one if isinstance(one, list) else [one] for name, one in attributes.items()}
    return Entity("", types or [], given, scopes, expires_at=expires_at)


def untimed(value: Any) -> Any:
    """A deep copy without createdAt and modifiedAt."""
    if isinstance(value, dict):
        return {name: untimed(one) for name, one in value.items() if name not in {"createdAt", "modifiedAt"}}
    return [untimed(one) for one in value] if isinstance(value, list) else value


def frozen(entity: Entity) -> Entity:
    return deepcopy(entity)
