"""From the API document of a registration (clauses 5.2.8 to 5.2.11, 5.2.34) to a `Registration`."""

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from broker.core.federate import names
from broker.core.federate.documents import KNOWN, MAX_INFORMATION
from broker.core.federate.registration import (
    AUXILIARY,
    EXCLUSIVE,
    INCLUSIVE,
    MODES,
    EntityInfo,
    Information,
    Interval,
    Registration,
)
from broker.core.jsonld.context import ActiveContext
from broker.core.jsonld.geometry import geometry
from broker.core.model.credentials import hidden
from broker.core.model.entity import Entity, Instance
from broker.core.model.errors import BadRequestData
from broker.core.model.instant import Instant, parse_instant
from broker.core.ql.geo import Geometry
from broker.core.ql.regex import compile_pattern
from broker.core.represent.conformance import Version
from broker.core.subscribe import members

_VOCABULARY = "https://uri.etsi.org/ngsi-ld/"
_GEOMETRIES = ("location", "observationSpace", "operationSpace")
_DURATION = re.compile(r"P(?=\d|T\d)(\d+Y)?(\d+M)?(\d+W)?(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+([.,]\d+)?S)?)?", re.ASCII)
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
_FIELD_VALUE = re.compile(r"[\t\x20-\x7e\x80-\U0010ffff]*")
_VERSION = re.compile(r"\d{1,3}\.\d{1,3}", re.ASCII)
_BODY_TYPES = ("application/json", "application/ld+json")

ContextOf = Callable[[str], ActiveContext]
"""From a first-level member's name to the @context that its names are to be read with."""


def parse_registration(
    document: Mapping[str, Any],
    context_of: ContextOf,
    *,
    source_context: ActiveContext | None = None,
    created_at: Instant = 0,
    modified_at: Instant = 0,
) -> Registration:
    """Validate and expand a whole document; `source_context` is that of `jsonldContext` in its `contextSourceInfo`.

    Raises BadRequestData, also where the restrictions of clause 4.3.6 are not met.
    """
    registration_id = members.uri(document.get("id"), "id")
    if document.get("type") != "ContextSourceRegistration":
        raise BadRequestData("'type' has to be \"ContextSourceRegistration\".")
    for name in ("description", "registrationName", "refreshRate"):
        members.text(document, name)
    if "refreshRate" in document:
        check_duration(document["refreshRate"], "refreshRate")
    mode = members.one_of(document, "mode", MODES, INCLUSIVE)
    information = _information(document, context_of("information"))
    operations, datasets = members.texts(document, "operations"), members.texts(document, "datasetId")
    _check_mode(mode, information, operations)
    management = members.mapping(document, "management") or {}
    if "cacheDuration" in management:
        check_duration(management["cacheDuration"], "management.cacheDuration")
    observed, managed = _interval(document, "observationInterval"), _interval(document, "managementInterval")
    timeout, cooldown = members.positive(management, "timeout"), members.positive(management, "cooldown")
    return Registration(
        id=registration_id,
        endpoint=_endpoint(document),
        information=information,
        document=document,
        context_of=context_of,
        described=_described(document, context_of),
        mode=mode,
        operations=_operations(mode, operations, is_temporal=observed is not None or managed is not None),
        dataset_ids=None if datasets is None else frozenset(map(_dataset, datasets)),
        geometries=_geometries(document),
        scopes=_scopes(document),
        observation_interval=observed,
        management_interval=managed,
        tenant=members.text(document, "tenant") or "",
        alias=members.text(document, "contextSourceAlias"),
        source_info=read_source_info(document),
        context=source_context,
        version=_version(document),
        expires_at=expiry(document),
        timeout=None if timeout is None else timeout / 1_000,
        cooldown=0.0 if cooldown is None else cooldown / 1_000,
        is_local_only=members.boolean(management, "localOnly", False),
        created_at=created_at,
        modified_at=modified_at,
    )


def expiry(document: Mapping[str, Any]) -> Instant | None:
    """`expiresAt`, or None where the registration lasts. Raises BadRequestData."""
    return _instant(document, "expiresAt")


def read_source_info(document: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """`contextSourceInfo` as pairs (clauses 4.3.6.5, 4.3.6.6, 5.2.22, 6.3.19). Raises BadRequestData."""
    pairs = []
    for each in members.objects(document, "contextSourceInfo", empty=True) or ():
        key, value = each.get("key"), each.get("value")
        if not isinstance(key, str) or not isinstance(value, str):
            raise BadRequestData("Each element of 'contextSourceInfo' has a 'key' and a 'value', both of them strings.")
        if not _HEADER.fullmatch(key) or not _FIELD_VALUE.fullmatch(value):
            raise BadRequestData(f"'contextSourceInfo': {key[:80]!r} and its value have to make an HTTP header.")
        if key in ("accept", "contentType") and value not in _BODY_TYPES:
            raise BadRequestData(f"'contextSourceInfo': {key} is one of {', '.join(_BODY_TYPES)}.")
        if key == "jsonldContext" and not _is_url(value):
            raise BadRequestData("'contextSourceInfo': jsonldContext is the URL of an @context.")
        if key == "ngsildConformance" and not _VERSION.fullmatch(value):
            raise BadRequestData("'contextSourceInfo': ngsildConformance is a version such as 1.5.")
        pairs.append((key, value))
    return tuple(pairs)


def check_duration(value: Any, name: str) -> None:
    """Refuse what is no ISO 8601 duration."""
    if not isinstance(value, str) or len(value) > 64 or not _DURATION.fullmatch(value):
        raise BadRequestData(f"'{name}' has to be an ISO 8601 duration such as PT30S; it is {str(value)[:80]!r}.")


def _dataset(text: str) -> str:
    return text if text == "@none" else members.uri(text, "datasetId")


def _version(document: Mapping[str, Any]) -> Version | None:
    text = dict(read_source_info(document)).get("ngsildConformance")
    if text is None:
        return None
    major, _, minor = text.partition(".")
    return int(major), int(minor)


def _endpoint(document: Mapping[str, Any]) -> str:
    endpoint = members.text(document, "endpoint")
    if endpoint is None or not _is_url(endpoint):
        raise BadRequestData(
            "A registration needs an 'endpoint': the http:// or https:// URL under which the source offers its API."
        )
    return endpoint.rstrip("/")


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(host) and all(character > " " for character in text)


def _information(document: Mapping[str, Any], context: ActiveContext) -> tuple[Information, ...]:
    elements = members.objects(document, "information")
    if elements is None:
        raise BadRequestData("A registration needs 'information': which entities and attributes the source provides.")
    if len(elements) > MAX_INFORMATION:
        raise BadRequestData(f"'information' has more than {MAX_INFORMATION} elements; use several registrations.")
    return tuple(_element(place, each, context) for place, each in enumerate(elements))


def _element(place: int, document: Mapping[str, Any], context: ActiveContext) -> Information:
    entities = members.objects(document, "entities")
    properties, relationships = members.texts(document, "propertyNames"), members.texts(document, "relationshipNames")
    if entities is None and properties is None and relationships is None:
        raise BadRequestData(
            "Each element of 'information' needs 'entities', 'propertyNames' or 'relationshipNames' (clause 5.2.10)."
        )
    attributes = [context.expand_term(name) for name in (properties or []) + (relationships or [])]
    return Information(
        place=place,
        entities=tuple(_entity_info(each, context) for each in entities or ()),
        attributes=frozenset(attributes) or None,
    )


def _entity_info(document: Mapping[str, Any], context: ActiveContext) -> EntityInfo:
    types = document.get("type")
    types = [types] if isinstance(types, str) else types
    if not isinstance(types, list) or not types or not all(isinstance(each, str) and each for each in types):
        raise BadRequestData("Each element of 'entities' needs a 'type': a name or an array of names (clause 5.2.8).")
    entity_id, pattern = document.get("id"), members.text(document, "idPattern")
    return EntityInfo(
        types=frozenset(map(context.expand_type, types)),
        id=None if entity_id is None else members.uri(entity_id, "id"),
        id_pattern=pattern,
        pattern=None if pattern is None else compile_pattern(pattern),
    )


def _check_mode(mode: str, information: tuple[Information, ...], operations: list[str] | None) -> None:
    """The restrictions of clauses 4.3.6.2, 4.3.6.3 and 5.9.2.4 that concern the registration alone."""
    if mode == EXCLUSIVE:
        for each in information:
            if each.attributes is None or not each.entities or any(info.id is None for info in each.entities):
                raise BadRequestData("An exclusive registration names the ids of its entities, and their attributes.")
    if mode == AUXILIARY and operations is not None and not names.AUXILIARY.issuperset(operations):
        raise BadRequestData(
            f"The 'operations' of an auxiliary registration are among {', '.join(sorted(names.AUXILIARY))}."
        )


def _operations(mode: str, given: list[str] | None, *, is_temporal: bool) -> frozenset[str]:
    """An auxiliary source that names none offers what one may: a registration of it is always taken (4.3.6.2).

    Nor does a group of clause 4.20 have what a source of evolutions answers, for whose registration it is made (5.9.1).
    """
    if mode == AUXILIARY:
        found = names.GROUPS["retrieveOps"] if given is None else names.read_operations(given)
        return found | names.EVOLUTION_READS if is_temporal else found
    if given is not None:
        return names.read_operations(given)
    return names.DEFAULT | names.EVOLUTION_READS if is_temporal else names.DEFAULT


def _geometries(document: Mapping[str, Any]) -> dict[str, Geometry] | None:
    found = {_VOCABULARY + name: geometry(document[name], False) for name in _GEOMETRIES if name in document}
    return found or None


def _scopes(document: Mapping[str, Any]) -> tuple[str, ...]:
    given = document.get("scope", [])
    given = [given] if isinstance(given, str) else given
    if not isinstance(given, list) or not all(isinstance(each, str) and each for each in given):
        raise BadRequestData("'scope' is a scope such as /Moselle/Aumetz, or an array of them (clause 4.18).")
    return tuple(given)


def _interval(document: Mapping[str, Any], name: str) -> Interval | None:
    given = members.mapping(document, name)
    if given is None:
        return None
    start, end = _instant(given, "startAt"), _instant(given, "endAt")
    if start is None or (end is not None and end < start):
        raise BadRequestData(f"'{name}' has a 'startAt' and, if it has ended, an 'endAt' that is not before it.")
    return Interval(start, end)


def _instant(document: Mapping[str, Any], name: str) -> Instant | None:
    given = members.text(document, name)
    instant = None if given is None else parse_instant(given)
    if given is not None and instant is None:
        raise BadRequestData(f"'{name}' has to be a date and time such as 2030-01-01T00:00:00Z; it is {given[:80]!r}.")
    return instant


def _described(document: Mapping[str, Any], context_of: ContextOf) -> Entity:
    """The members that describe the source, as attributes: what a context source filter asks about (clause 4.9)."""
    attributes: dict[str, list[Instance]] = {}
    # A filter that finds credentials would tell them, guess by guess.
    for name, value in hidden(document).items():
        if name in ("id", "type", "information"):
            continue
        described = value
        if isinstance(value, dict) and name not in KNOWN:
            described = value.get("value", value.get("object", value))
        attributes[context_of(name).expand_term(name)] = [{"type": "Property", "value": described}]
    return Entity(str(document["id"]), [_VOCABULARY + "ContextSourceRegistration"], attributes)
