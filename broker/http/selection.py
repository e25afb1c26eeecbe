"""From parameters, or the body of a query, to what the stores look for (clauses 5.2.23, 5.7.2, 6.4.3.2, 6.23).

A Query in a body is first written as the parameters it stands for, so that both ways are read by the same code.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from broker.core.jsonld.context import ActiveContext
from broker.core.model.errors import BadRequestData
from broker.core.ql.ast import EntityQuery, EntitySelector
from broker.core.ql.geo import LOCATION, GeoQuery, parse_geo
from broker.core.ql.nodes import link_depth
from broker.core.ql.ordering import Ordering, parse_ordering
from broker.core.ql.q import parse_q
from broker.core.ql.scope import parse_scope
from broker.core.ql.types import TypeSelection, parse_types
from broker.http import params

_TEXTS = ("q", "scopeQ", "csf", "lang", "join", "entityMapLifetime")
_LISTS = ("attrs", "pick", "omit", "datasetId", "containedBy")
_TEXTS_OR_LISTS = ("expandValues", "jsonKeys")
_FLAGS = ("entityMap", "splitEntities")
_GEO = {"georel": "georel", "geometry": "geometry", "coordinates": "coordinates", "geoproperty": "geoproperty"}
_ORDERING = {"orderBy": "orderBy", "collation": "collation", "coordinates": "orderFrom", "geometry": "orderGeometry"}
_KNOWN = frozenset((*_TEXTS, *_LISTS, *_TEXTS_OR_LISTS, *_FLAGS, "type", "entities", "geoQ", "joinLevel", "ordering"))
_SELECTOR = frozenset(("type", "id", "idPattern"))
_NEEDED = {"geoQ": ("georel", "geometry", "coordinates"), "ordering": ("orderBy",)}
_MAX_SELECTORS = 100  # each one may cost the store an index scan


@dataclass(frozen=True, slots=True)
class Selection:
    """What to look for, in which order, and whether this broker alone is asked (clause 5.5.13)."""

    query: EntityQuery
    order: tuple[Ordering, ...]
    local: bool


def read_selection(
    parameters: Mapping[str, str], context: ActiveContext, selectors: tuple[EntitySelector, ...] | None = None
) -> Selection:
    """The selection that the parameters describe; `selectors` are those of a Query's `entities`, if there is one."""
    expand = context.expand_term
    if selectors is None:
        selectors = _selector(parameters, context)
    local = params.flag(parameters, "local")
    params.flag(parameters, "splitEntities")
    if any(selector.types is not None and selector.types.selects_all for selector in selectors):
        if parameters.get("local") == "false":
            raise BadRequestData("type=* asks this broker alone, so local cannot be false; leave it out.")
        local = True
    q, scope = parameters.get("q"), parameters.get("scopeQ")
    if "csf" in parameters:
        parse_q(parameters["csf"], expand)
    expand_values, json_keys = params.names(parameters, "expandValues"), params.names(parameters, "jsonKeys")
    query = EntityQuery(
        selectors=selectors,
        attributes=params.expanded(parameters, "attrs", expand),
        q=None if q is None else parse_q(q, expand, expand_values=expand_values, json_keys=json_keys),
        geo=_geo(parameters, context),
        scope=None if scope is None else parse_scope(scope.replace(" ", "+")),
        dataset_ids=params.dataset_ids(parameters),
    )
    return Selection(query, _order(parameters, context), local)


def check_links(query: EntityQuery, level: int) -> None:
    """Raise BadRequestData where `q` follows more relationships than `joinLevel` allows (clause 5.7.2.4)."""
    if link_depth(query.q) > level:
        raise BadRequestData("q asks about linked entities: give join=inline or join=flat, and a joinLevel as deep.")


def read_types(parameters: Mapping[str, str], context: ActiveContext) -> TypeSelection | None:
    """The `type` parameter, None where absent."""
    text = parameters.get("type")
    return None if text is None else parse_types(text, context.expand_type)


def parameters_of(document: Mapping[str, Any], own: Mapping[str, str]) -> dict[str, str]:
    """The parameters that a Query stands for, beside those of the request's own URL.

    Raises BadRequestData where the document is no Query, or a member is not what clause 5.2.23 wants.
    """
    if document.get("type") != "Query":
        raise BadRequestData('The type of the body shall be "Query".')
    for name in document:
        if name not in _KNOWN:
            raise BadRequestData(f"A Query has no member '{name[:100]}'.")
    parameters = dict(own)
    for name, value in document.items():
        if name in _TEXTS:
            parameters[name] = _text(value, name)
        elif name in _LISTS:
            parameters[name] = _joined(value, name)
        elif name in _TEXTS_OR_LISTS:
            parameters[name] = value if isinstance(value, str) else _joined(value, name)
        elif name in _FLAGS:
            parameters[name] = _flag(value, name)
        elif name == "joinLevel":
            parameters[name] = str(_whole(value, name))
        elif name in ("geoQ", "ordering"):
            parameters.update(_nested(value, name))
    return parameters


def selectors_of(document: Mapping[str, Any], context: ActiveContext) -> tuple[EntitySelector, ...]:
    """The `entities` of a Query (clause 5.2.33)."""
    entries = document.get("entities")
    if entries is None:
        return ()
    if not isinstance(entries, list) or not entries or len(entries) > _MAX_SELECTORS:
        raise BadRequestData(f"entities shall be an array of 1 to {_MAX_SELECTORS} selectors.")
    return tuple(_entity_selector(entry, context) for entry in entries)


def _entity_selector(entry: Any, context: ActiveContext) -> EntitySelector:
    if not isinstance(entry, dict) or "type" not in entry or not entry.keys() <= _SELECTOR:
        raise BadRequestData("Each of entities shall be an object with type, and id or idPattern if wanted.")
    ids: Any = ()
    if "id" in entry:
        ids = [entry["id"]] if isinstance(entry["id"], str) else entry["id"]
        if not isinstance(ids, list) or not ids or not all(isinstance(item, str) for item in ids):
            raise BadRequestData("The id of a selector shall be a URI or an array of URIs.")
    pattern = _text(entry["idPattern"], "idPattern") if "idPattern" in entry else None
    return EntitySelector(
        ids=tuple(params.require_uri(item, "id") for item in ids),
        id_pattern=None if ids else pattern,
        types=parse_types(_text(entry["type"], "type"), context.expand_type),
    )


def _selector(parameters: Mapping[str, str], context: ActiveContext) -> tuple[EntitySelector, ...]:
    ids, types = params.uris(parameters, "id"), read_types(parameters, context)
    pattern = None if ids else parameters.get("idPattern")
    return (EntitySelector(ids, pattern, types),) if ids or pattern is not None or types is not None else ()


def _geo(parameters: Mapping[str, str], context: ActiveContext) -> GeoQuery | None:
    given = [parameters.get(name) for name in ("georel", "geometry", "coordinates")]
    georel, geometry, coordinates = given
    if georel is None or geometry is None or coordinates is None:
        if any(given):
            raise BadRequestData("A geoquery needs georel, geometry and coordinates together.")
        return None
    name = parameters.get("geoproperty")
    return parse_geo(georel, geometry, coordinates, context.expand_term(name) if name else LOCATION)


def _order(parameters: Mapping[str, str], context: ActiveContext) -> tuple[Ordering, ...]:
    text = parameters.get("orderBy")
    if text is None:
        return ()
    return parse_ordering(
        text,
        context.expand_term,
        order_from=parameters.get("orderFrom"),
        order_geometry=parameters.get("orderGeometry", "Point"),
        collation=parameters.get("collation"),
    )


def _nested(value: Any, name: str) -> dict[str, str]:
    members = _GEO if name == "geoQ" else _ORDERING
    if not isinstance(value, dict) or not members.keys() >= value.keys() - {"type"}:
        raise BadRequestData(f"{name} shall be an object with members of {', '.join(members)}.")
    if missing := [member for member in _NEEDED[name] if member not in value]:
        raise BadRequestData(f"{name} lacks {', '.join(missing)}.")
    found: dict[str, str] = {}
    for member, item in value.items():
        if member == "type":
            continue
        if member == "coordinates" and not isinstance(item, str):
            found[members[member]] = orjson.dumps(item).decode()
        elif member == "orderBy":
            found[members[member]] = _joined(item, "orderBy")
        else:
            found[members[member]] = _text(item, member)
    return found


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise BadRequestData(f"{name} shall be a string.")
    return value


def _joined(value: Any, name: str) -> str:
    if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
        raise BadRequestData(f"{name} shall be an array of at least one string.")
    return ",".join(value)


def _whole(value: Any, name: str) -> int:
    if type(value) is not int:
        raise BadRequestData(f"{name} shall be a whole number.")
    return value


def _flag(value: Any, name: str) -> str:
    if not isinstance(value, bool):
        raise BadRequestData(f"{name} shall be true or false.")
    return "true" if value else "false"
