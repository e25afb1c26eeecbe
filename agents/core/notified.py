"""Commands in what an NGSI-LD broker tells: notifications (5.3.1), and updates of attributes it passes on."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from agents.core.instant import parse_instant
from agents.core.model import Instant

_VALUES = ("value", "object", "languageMap", "vocab", "json", "valueList", "objectList")
_MEMBERS = frozenset({"id", "type", "@context", "scope", "createdAt", "modifiedAt", "expiresAt"})


@dataclass(frozen=True, slots=True)
class Commanded:
    """A value that a client gave a command attribute."""

    entity_id: str
    attribute: str
    value: Any
    identity: str
    """The same for a notification that is delivered again."""
    expires: Instant | None = None


def notified(notification: object, command: str) -> list[Commanded]:
    """Read a notification of a subscription to one command attribute; whatever else it holds is passed over."""
    data = notification.get("data") if isinstance(notification, Mapping) else None
    name = notification.get("id") if isinstance(notification, Mapping) else None
    found: list[Commanded] = []
    for entity in data if isinstance(data, list) else ():
        entity_id = entity.get("id") if isinstance(entity, Mapping) else None
        if not isinstance(entity_id, str):
            continue
        # Whatever the broker made of the name, the subscription asked for this attribute alone.
        others = (each for key, each in entity.items() if key not in _MEMBERS)
        attribute = entity.get(command, next(others, None))
        found += _commanded(entity_id, command, attribute, str(name or ""))
    return found


def updated(entity_id: str, attributes: Mapping[str, Any], identity: str) -> Iterator[Commanded]:
    """Read an update of attributes that a broker passes on to the agent it is registered for."""
    for name, attribute in attributes.items():
        if name not in _MEMBERS:
            yield from _commanded(entity_id, name, attribute, identity)


def _commanded(entity_id: str, name: str, attribute: Any, source: str) -> list[Commanded]:
    instances = attribute if isinstance(attribute, list) else [attribute]
    for instance in instances:
        if not isinstance(instance, Mapping):
            # The concise representation (4.5.17) of a value.
            return (
                [] if instance is None else [Commanded(entity_id, name, instance, _identity(source, entity_id, name))]
            )
        for member in _VALUES:
            if member in instance:
                expires = _expires(instance.get("expires"))
                return [Commanded(entity_id, name, instance[member], _identity(source, entity_id, name), expires)]
    return []


def _expires(given: Any) -> Instant | None:
    """The instant in the sub-Property `expires`, in any representation of a time."""
    for member in ("value", "@value"):
        given = given.get(member, given) if isinstance(given, Mapping) else given
    return parse_instant(given)


def _identity(*parts: str) -> str:
    return str(uuid5(NAMESPACE_URL, "\n".join(parts)))
