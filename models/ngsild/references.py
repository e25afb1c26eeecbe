"""What a Relationship points at, in the key-values view: an entity's identifier, or several."""

from typing import Annotated, TypeAlias

from pydantic import BeforeValidator, StringConstraints


class RelationshipMark:
    """Put on a field's type to say that it is a Relationship in NGSI-LD."""


def _as_list(value: object) -> object:
    # One object may stand alone: key-values input rarely wraps a single identifier.
    return [value] if isinstance(value, str) else value


Identifier: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=2048)]
Reference: TypeAlias = Annotated[Identifier, RelationshipMark()]
References: TypeAlias = Annotated[list[Identifier], BeforeValidator(_as_list), RelationshipMark()]
