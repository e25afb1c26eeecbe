"""Indexes that an operator declares, for questions known before they are asked: beside the standard's API."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from broker.core.jsonld.context import ActiveContext
from broker.core.model.entity import VALUE_MEMBER
from broker.core.model.errors import BadRequestData, ResourceNotFound
from broker.core.ql.nodes import ANY_LANGUAGE, Exists
from broker.core.ql.q import parse_q
from broker.operations.ports import Ports
from broker.operations.tenancy import require_tenant

_PATH = (
    "`path` names what queries ask about as `q` does: an attribute, temperature; a member of its value, "
    "address[postalCode]; or a member of the attribute, temperature.observedAt."
)


@dataclass(frozen=True, slots=True)
class IndexTarget:
    """What queries ask about: the value of an attribute (IRI), what `trail` leads to in it, a member, a geometry."""

    attribute: str
    trail: tuple[str, ...] = ()
    member: str | None = None
    geometry: bool = False


@dataclass(frozen=True, slots=True)
class IndexState:
    """An index that there is. `uses`: queries it served since the database started."""

    target: IndexTarget
    declared: bool
    uses: int
    octets: int


class Indexes(Protocol):
    """The part of the store of entities that builds indexes."""

    async def kind(self, tenant: str, attribute: str) -> str | None:
        """The kind that most instances of an attribute are; None where no entity has it."""

    async def declare(self, tenant: str, target: IndexTarget, kind: str) -> bool:
        """Build an index that stays; whether it had not been declared before. Raises where there are too many."""

    async def withdraw(self, tenant: str, target: IndexTarget) -> bool:
        """Drop one that was declared; whether it was."""

    async def all(self, tenant: str) -> Sequence[IndexState]:
        """Those declared, and those that follow the questions asked."""


class IndexOperations:
    """What an operator may ask of the indexes. All raise NonexistentTenant, BadRequestData, errors of the @context."""

    def __init__(self, ports: Ports, indexes: Indexes) -> None:
        self._ports = ports
        self._indexes = indexes

    async def declare(self, tenant: str, body: Mapping[str, Any]) -> tuple[bool, dict[str, Any]]:
        """Declare the index that `{"path": …, "kind": …?, "@context": …?}` asks for; whether it is new, what it is.

        `kind` is the kind of the attribute, Property unless entities tell another.
        """
        await require_tenant(self._ports, tenant)
        unknown = sorted(set(body) - {"path", "kind", "@context"})
        if unknown:
            raise BadRequestData(f"{unknown[0][:200]!r} is not part of an index: path, kind, @context are.")
        context = await self._ports.loader.load(body.get("@context"))
        target = read_target(body.get("path"), context)
        kind = body.get("kind")
        if kind is None:
            kind = await self._indexes.kind(tenant, target.attribute) or "Property"
        if not isinstance(kind, str) or kind not in VALUE_MEMBER:
            raise BadRequestData(f"kind: expected one of {', '.join(VALUE_MEMBER)}.")
        if kind == "GeoProperty" and not target.trail and target.member is None:
            target = IndexTarget(target.attribute, geometry=True)
        new = await self._indexes.declare(tenant, target, kind)
        return new, {"path": _written(target, context), "attribute": target.attribute, "kind": kind, "declared": True}

    async def withdraw(self, tenant: str, path: str, context: str | None) -> None:
        """Drop the declared index of a path; ResourceNotFound where there is none."""
        await require_tenant(self._ports, tenant)
        target = read_target(path, await self._ports.loader.load(context))
        geometry = IndexTarget(target.attribute, geometry=True)
        if not (await self._indexes.withdraw(tenant, target) or await self._indexes.withdraw(tenant, geometry)):
            raise ResourceNotFound(f"No index was declared for {path[:200]!r}.")

    async def all(self, tenant: str, context: str | None) -> list[dict[str, Any]]:
        """Declared indexes, and those that follow the questions asked."""
        await require_tenant(self._ports, tenant)
        active = await self._ports.loader.load(context)
        return [
            {
                "path": _written(each.target, active),
                "attribute": each.target.attribute,
                "declared": each.declared,
                "uses": each.uses,
                "bytes": each.octets,
            }
            for each in await self._indexes.all(tenant)
        ]


def read_target(path: object, context: ActiveContext) -> IndexTarget:
    """What a path such as `address[postalCode]` means. Raises BadRequestData."""
    if not isinstance(path, str) or not path:
        raise BadRequestData(_PATH)
    node = parse_q(path, context.expand_term)
    if not isinstance(node, Exists) or len(node.path.attributes) != 1 or node.path.trail == ANY_LANGUAGE:
        raise BadRequestData(f"{path[:200]!r} can't have an index. {_PATH}")
    return IndexTarget(node.path.attributes[0], node.path.trail, node.path.member)


def _written(target: IndexTarget, context: ActiveContext) -> str:
    name = context.compact_iri(target.attribute)
    if target.member is not None:
        return f"{name}.{target.member}"
    return f"{name}[{'.'.join(target.trail)}]" if target.trail else name
