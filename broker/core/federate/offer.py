"""What one broker offers another: which entities and attributes, where, in which languages, and for which operations.

An offer is written with whole IRIs, so that it means the same to both. It does three things: it is read by people in
an invitation, it becomes a registration at the one who takes it, and it bounds what the one who gives it answers.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from broker.core.federate.names import (
    DISCOVERY,
    ENTITY_MAPS,
    EVOLUTION_CHANGES,
    EVOLUTION_READS,
    GROUPS,
    OPERATIONS,
    PROVISION,
    SUBSCRIPTION,
    read_operations,
)
from broker.core.federate.registration import AUXILIARY, INCLUSIVE, REDIRECT
from broker.core.jsonld.context import ActiveContext
from broker.core.jsonld.geometry import geometry
from broker.core.model.errors import BadRequestData
from broker.core.ql.ast import EntityQuery, EntitySelector
from broker.core.ql.geo import Geometry, GeoQuery
from broker.core.ql.scope import ScopeQuery, parse_scope
from broker.core.ql.types import TypeSelection
from broker.core.subscribe import members

WORDS: dict[str, frozenset[str]] = {
    "read": frozenset(("retrieveEntity", "queryEntity", "queryBatch")),
    "discover": DISCOVERY,
    "histories": EVOLUTION_READS,
    "subscribe": SUBSCRIPTION,
    "maps": ENTITY_MAPS,
    "write": PROVISION - EVOLUTION_CHANGES,
}
"""What may be allowed in a word each. Who may read histories and write may change histories, too."""

MAX_ITEMS = 100
"""Types, attributes, scopes or languages of one offer: a sheet of paper, which somebody has to agree to."""

_MODES = (INCLUSIVE, AUXILIARY, REDIRECT)
_AREAS = ("Polygon", "MultiPolygon")


@dataclass(frozen=True, slots=True)
class Offer:
    """Entities of these types, of these scopes and within this area, with these attributes; what is empty is open.

    `tenant` is the one at the broker that offers; `languages` are told, not enforced.
    """

    types: tuple[str, ...]
    operations: frozenset[str]
    attributes: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    area: Geometry | None = None
    languages: tuple[str, ...] = ()
    mode: str = INCLUSIVE
    tenant: str = ""


def read_offer(document: Mapping[str, Any], context: ActiveContext) -> Offer:
    """An offer from its JSON, names expanded by `context`. Raises BadRequestData that tells what is missing."""
    types = _texts(document, "types")
    if not types:
        raise BadRequestData("An offer names at least one entity type, as in --types WaterConsumptionObserved.")
    scopes = _texts(document, "scopes")
    for scope in scopes:
        parse_scope(scope)
    area = None if document.get("area") is None else geometry(document["area"], False)
    if area is not None and area["type"] not in _AREAS:
        raise BadRequestData("The area of an offer is a GeoJSON Polygon or MultiPolygon, longitude first.")
    tenant = document.get("tenant", "")
    if not isinstance(tenant, str):
        raise BadRequestData("The tenant of an offer is a name.")
    return Offer(
        types=tuple(dict.fromkeys(map(context.expand_type, types))),
        operations=_operations(_texts(document, "operations"), _texts(document, "allow")),
        attributes=tuple(dict.fromkeys(map(context.expand_term, _texts(document, "attributes")))),
        scopes=scopes,
        area=area,
        languages=_texts(document, "languages"),
        mode=members.one_of(document, "mode", _MODES, INCLUSIVE),
        tenant=tenant,
    )


def write_offer(offer: Offer) -> dict[str, Any]:
    """The offer as JSON, without what is open."""
    document: dict[str, Any] = {"types": list(offer.types)}
    for name in ("attributes", "scopes", "languages"):
        if value := getattr(offer, name):
            document[name] = list(value)
    if offer.area is not None:
        document["area"] = offer.area
    if offer.tenant:
        document["tenant"] = offer.tenant
    return {**document, "operations": sorted(offer.operations), "mode": offer.mode}


def selected_by(offer: Offer) -> EntityQuery:
    """The query that finds all of it. An entity needs one of the attributes, where they are named."""
    return EntityQuery(
        selectors=(EntitySelector(types=TypeSelection(tuple((each,) for each in offer.types))),),
        attributes=offer.attributes,
        geo=None if offer.area is None else GeoQuery("within", offer.area),
        scope=_scope(offer),
    )


def registered_as(offer: Offer) -> dict[str, Any]:
    """The members of a registration (clause 5.2.9) that say what is offered; None for those that it has not."""
    information: dict[str, Any] = {"entities": [{"type": each} for each in offer.types]}
    if offer.attributes:
        information["propertyNames"] = list(offer.attributes)
    whole = all(not each.endswith("/#") and "+" not in each for each in offer.scopes)
    return {
        "information": [information],
        "operations": sorted(_registrable(offer)),
        "mode": offer.mode,
        "location": offer.area,
        # A registration has scopes, not patterns of scopes: without them the source is asked, and decides.
        "scope": list(offer.scopes) if offer.scopes and whole else None,
        "tenant": offer.tenant or None,
    }


def _registrable(offer: Offer) -> Iterable[str]:
    return offer.operations & {"retrieveEntity", "queryEntity"} if offer.mode == AUXILIARY else offer.operations


def _scope(offer: Offer) -> ScopeQuery | None:
    if not offer.scopes:
        return None
    return ScopeQuery(tuple(each for text in offer.scopes for each in parse_scope(text).alternatives))


def _operations(names: tuple[str, ...], words: tuple[str, ...]) -> frozenset[str]:
    """What names of operations and groups, and words, stand for; reading entities where there are none."""
    unknown = [each for each in names if each not in OPERATIONS and each not in GROUPS]
    if unknown:
        raise BadRequestData(
            f"{', '.join(unknown)[:200]}: no operation and no group of clause 4.20. There are {', '.join(GROUPS)}; "
            f"{', '.join(sorted(OPERATIONS))}."
        )
    unknown = [each for each in words if each not in WORDS]
    if unknown:
        raise BadRequestData(f"{', '.join(unknown)[:200]} can't be allowed; {', '.join(WORDS)} can.")
    if not names and not words:
        return GROUPS["retrieveOps"]
    allowed = frozenset[str]().union(*(WORDS[each] for each in words))
    if {"histories", "write"}.issubset(words):
        allowed |= EVOLUTION_CHANGES
    return read_operations(names) | allowed


def _texts(document: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = document.get(name) or []
    if not isinstance(value, list) or not all(isinstance(each, str) and 0 < len(each) <= 2048 for each in value):
        raise BadRequestData(f"'{name}' of an offer is an array of texts.")
    if len(value) > MAX_ITEMS:
        raise BadRequestData(f"'{name}' of an offer has at most {MAX_ITEMS} elements.")
    return tuple(value)
