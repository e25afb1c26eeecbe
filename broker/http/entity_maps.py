"""Entity maps as requests name them: the header NGSILD-EntityMap and two parameters (clauses 6.4.3.2, 6.5.3.1)."""

from collections.abc import Mapping, Sequence
from hashlib import blake2b

import orjson

from broker.core.jsonld.context import ActiveContext
from broker.core.model.entity_map import EntityMap, named_by
from broker.core.model.errors import BadRequestData
from broker.core.model.uri import segment
from broker.core.ql.ast import EntitySelector
from broker.core.temporal.aggregate import parse_duration
from broker.http import params
from broker.http.message import ENTITY_MAP, Header, Request
from broker.http.responses import ROOT
from broker.operations.entity_maps import find_entity_map, keep_map, retrieve_entity_map
from broker.operations.ports import Ports

_MONTH = 30 * 24 * 3_600_000_000
"""Microseconds: it is a suggestion, and no map lasts that long."""

LOCATION = ROOT + "/entityMaps/{}"
"""Where an entity map is, by its id."""


def lifetime_of(parameters: Mapping[str, str]) -> int | None:
    """Microseconds for which a map is wanted (`entityMapLifetime`); raises BadRequestData where it is no duration."""
    text = parameters.get("entityMapLifetime")
    if text is None:
        return None
    return micros_of(text, "entityMapLifetime")


def micros_of(text: str, name: str) -> int:
    """The microseconds of a lifetime that is suggested. Raises BadRequestData where it is none."""
    period = parse_duration(text)
    micros = period.micros + period.months * _MONTH
    if micros <= 0:
        raise BadRequestData(f"{name} is an ISO 8601 duration longer than nothing, such as PT10M.")
    return micros


async def named_or_none(ports: Ports, request: Request) -> EntityMap | None:
    """The map that the request is to be answered by, unless it names none or one that is gone."""
    map_id = _named(request)
    return None if map_id is None else await find_entity_map(ports, request.tenant, map_id)


async def map_of_one(ports: Ports, request: Request, entity_id: str) -> EntityMap:
    """The map that a retrieval of an entity that is held here uses: that which it names, or a new one."""
    named = await named_or_none(ports, request)
    if named is not None:
        return named
    return await keep_map(ports, request.tenant, [entity_id], lifetime_of(request.parameters))


async def named_or_404(ports: Ports, request: Request) -> EntityMap | None:
    """The same, for what may not be done without the map that is named. Raises ResourceNotFound where it is gone."""
    map_id = _named(request)
    return None if map_id is None else await retrieve_entity_map(ports, request.tenant, map_id)


def _named(request: Request) -> str | None:
    """The header holds the id of a map, or its location."""
    header = request.header(b"ngsild-entitymap")
    if not header:
        return None
    return params.require_uri(named_by(header), "The entity map in NGSILD-EntityMap")


def signature_of(
    parameters: Mapping[str, str], context: ActiveContext, selectors: Sequence[EntitySelector] | None = None
) -> str:
    """What tells a query from others, ids and pages apart: requests that use one map are to have the same filters."""
    given = {name: parameters[name] for name in _FILTERS if name in parameters}
    types = (
        None if selectors is None else [None if each.types is None else each.types.alternatives for each in selectors]
    )
    told = orjson.dumps([given, types, context.reference], option=orjson.OPT_SORT_KEYS)
    return blake2b(told, digest_size=16).hexdigest()


_FILTERS = (
    *("type", "attrs", "q", "scopeQ", "georel", "geometry", "coordinates", "geoproperty", "datasetId", "local"),
    *("expandValues", "jsonKeys", "splitEntities", "csf"),
)


def map_header(entity_map: EntityMap) -> Header:
    """The header that tells the location of a map."""
    return ENTITY_MAP, LOCATION.format(segment(entity_map.id)).encode()


def wants_map(request: Request, parameters: Mapping[str, str]) -> bool:
    """Whether the answer has to tell the location of a map."""
    return params.flag(parameters, "entityMap") or b"ngsild-entitymap" in request.headers
