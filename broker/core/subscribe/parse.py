"""From the API document of a subscription (clauses 5.2.12 to 5.2.15, 5.2.33) to a `Subscription`."""

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

from broker.core.jsonld.context import ActiveContext
from broker.core.model.change import Trigger
from broker.core.model.entity import Entity
from broker.core.model.errors import BadRequestData
from broker.core.model.instant import Instant, parse_instant
from broker.core.model.subscription import DEFAULT_TRIGGERS, Endpoint
from broker.core.ql.ast import EntityQuery, EntitySelector
from broker.core.ql.evaluate import compile_query
from broker.core.ql.geo import GeoQuery, parse_geo
from broker.core.ql.nodes import QNode
from broker.core.ql.projection import Projection, parse_projection
from broker.core.ql.q import parse_q
from broker.core.ql.scope import parse_scope
from broker.core.ql.types import parse_types
from broker.core.represent import NORMALIZED, SIMPLIFIED, Representation, Version, parse_languages, projected
from broker.core.subscribe import members
from broker.core.subscribe.endpoint import parse_endpoint
from broker.core.subscribe.subscription import Subscription

_FORMATS = ("normalized", "concise", "simplified", "keyValues")
_JOINS = ("@none", "flat", "inline")
_DEEPEST_JOIN = 5
"""Each level is one more read of the store for each notification; queries have the same bound."""
_CONFORMANCE = re.compile(r"[0-9]{1,3}\.[0-9]{1,3}")
_UPDATED = (Trigger.ATTRIBUTE_CREATED, Trigger.ATTRIBUTE_UPDATED, Trigger.ATTRIBUTE_DELETED)
_NEVER_PROJECTED = frozenset({"id", "type", "scope"})

ContextOf = Callable[[str], ActiveContext]
"""From a first-level member's name to the @context that its names are to be read with."""


def parse_subscription(
    document: Mapping[str, Any],
    context_of: ContextOf,
    notified_with: ActiveContext,
    *,
    modified_at: Instant = 0,
) -> Subscription:
    """Validate and expand a whole document. `notified_with` is the @context of its notifications.

    Raises BadRequestData, also for what q, geoQ, scopeQ and type selections may not say.
    """
    subscription_id = members.uri(document.get("id"), "id")
    if document.get("type") != "Subscription":
        raise BadRequestData("'type' has to be \"Subscription\".")
    _check_together(document)
    query = _query(document, context_of)
    watched = members.texts(document, "watchedAttributes")
    notification = _notification(document)
    return Subscription(
        id=subscription_id,
        query=query,
        satisfied=compile_query(query),
        triggers=_triggers(document),
        endpoint=_endpoint(notification),
        representation=_representation(document, notification, context_of("notification")),
        context=notified_with,
        watched=None if watched is None else frozenset(map(context_of("watchedAttributes").expand_term, watched)),
        show_changes=members.boolean(notification, "showChanges", False),
        join=_join(notification),
        join_level=_join_level(notification),
        conformance=_conformance(document),
        is_active=members.boolean(document, "isActive", True),
        expires_at=expiry(document),
        throttling=members.positive(document, "throttling") or 0.0,
        time_interval=members.positive(document, "timeInterval"),
        modified_at=modified_at,
        is_local_only=members.boolean(document, "localOnly", False),
        splits=members.boolean(document, "splitEntities", False) if "splitEntities" in document else None,
        source_filter=_source_filter(document, context_of("csf")),
    )


def expiry(document: Mapping[str, Any]) -> Instant | None:
    """`expiresAt`, or None where the subscription is perpetual. Raises BadRequestData."""
    given = members.text(document, "expiresAt")
    if given is None:
        return None
    instant = parse_instant(given)
    if instant is None:
        raise BadRequestData(f"'expiresAt' has to be a date and time such as 2030-01-01T00:00:00Z; it is {given!r}.")
    return instant


def _check_together(document: Mapping[str, Any]) -> None:
    """Which members go together (Table 5.2.12-1)."""
    is_local = members.boolean(document, "localOnly", False)
    for name in ("description", "subscriptionName"):
        members.text(document, name)
    for each in members.texts(document, "datasetId") or ():
        if each != "@none":
            members.uri(each, "datasetId")
    if "jsonldContext" in document:
        members.uri(document["jsonldContext"], "jsonldContext")
    if "timeInterval" in document:
        for name in ("watchedAttributes", "throttling"):
            if name in document:
                raise BadRequestData(f"'timeInterval' and '{name}' exclude each other: leave one of them out.")
        if "entities" not in document and not is_local:
            raise BadRequestData("'timeInterval' needs 'entities': which entities are to be sent.")
    if "entities" not in document and "watchedAttributes" not in document and not is_local:
        raise BadRequestData("A subscription needs 'entities' or 'watchedAttributes' (or both).")


def _source_filter(document: Mapping[str, Any], context: ActiveContext) -> Callable[[Entity], bool] | None:
    csf = members.text(document, "csf")
    return None if csf is None else compile_query(EntityQuery(q=parse_q(csf, context.expand_term)))


def _conformance(document: Mapping[str, Any]) -> Version | None:
    conformance = members.text(document, "ngsildConformance")
    if conformance is None:
        return None
    if not _CONFORMANCE.fullmatch(conformance):
        raise BadRequestData("'ngsildConformance' is a version of the NGSI-LD specification such as 1.8.")
    major, minor = conformance.split(".")
    return int(major), int(minor)


def _triggers(document: Mapping[str, Any]) -> frozenset[Trigger]:
    given = members.texts(document, "notificationTrigger")
    if given is None:
        return frozenset(DEFAULT_TRIGGERS)
    triggers: set[Trigger] = set()
    for each in given:
        try:
            trigger = Trigger(each)
        except ValueError:
            known = ", ".join(Trigger)
            raise BadRequestData(f"'notificationTrigger' has {each!r}; it takes {known}.") from None
        triggers.update(_UPDATED if trigger is Trigger.ENTITY_UPDATED else (trigger,))
    return frozenset(triggers)


def _query(document: Mapping[str, Any], context_of: ContextOf) -> EntityQuery:
    scope = members.text(document, "scopeQ")
    entities = members.objects(document, "entities") or ()
    return EntityQuery(
        selectors=tuple(_selector(each, context_of("entities")) for each in entities),
        q=_q(document, context_of("q")),
        geo=_geo(document, context_of("geoQ")),
        scope=None if scope is None else parse_scope(scope),
        dataset_ids=tuple(members.texts(document, "datasetId") or ()),
    )


def _q(document: Mapping[str, Any], context: ActiveContext) -> QNode | None:
    text = members.text(document, "q")
    if text is None:
        return None
    return parse_q(
        _decoded(text) if "%" in text else text,
        context.expand_term,
        expand_values=members.names(document, "expandValues"),
        json_keys=members.names(document, "jsonKeys"),
    )


def _decoded(text: str) -> str:
    """Clients send the `q` of a URL, percent-encoded, here as well. A percent sign itself can be told as `%25`."""
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise BadRequestData("'q' is percent-encoded, but not as UTF-8.") from None


def _geo(document: Mapping[str, Any], context: ActiveContext) -> GeoQuery | None:
    geo = members.mapping(document, "geoQ")
    if geo is None:
        return None
    georel, geometry = members.text(geo, "georel"), members.text(geo, "geometry")
    if georel is None or geometry is None or "coordinates" not in geo:
        raise BadRequestData("'geoQ' needs 'georel', 'geometry' and 'coordinates'.")
    geoproperty = members.text(geo, "geoproperty") or "location"
    return parse_geo(georel, geometry, geo["coordinates"], context.expand_term(geoproperty))


def _selector(document: Mapping[str, Any], context: ActiveContext) -> EntitySelector:
    types = members.text(document, "type")
    if types is None:
        raise BadRequestData("Each element of 'entities' needs a 'type' (\"*\" for every type).")
    ids = document.get("id", [])
    ids = ids if isinstance(ids, list) else [ids]
    return EntitySelector(
        ids=tuple(members.uri(each, "entities.id") for each in ids),
        # An id takes precedence over a pattern (clause 5.2.33).
        id_pattern=None if ids else members.text(document, "idPattern"),
        types=None if types == "*" else parse_types(types, context.expand_type),
    )


def _notification(document: Mapping[str, Any]) -> Mapping[str, Any]:
    given = members.mapping(document, "notification")
    if given is None:
        raise BadRequestData("A subscription needs 'notification' with an 'endpoint'.")
    form = members.one_of(given, "format", _FORMATS, "normalized")
    if members.boolean(given, "showChanges", False) and form in ("simplified", "keyValues"):
        raise BadRequestData("'showChanges' needs the normalized or the concise format; leave one of them out.")
    return given


def _join(notification: Mapping[str, Any]) -> str:
    join = members.one_of(notification, "join", _JOINS, "@none")
    return "" if join == "@none" else join


def _join_level(notification: Mapping[str, Any]) -> int:
    level = members.positive(notification, "joinLevel")
    if level is None:
        return 1
    if not level.is_integer() or level > _DEEPEST_JOIN:
        raise BadRequestData(f"'joinLevel' has to be an integer from 1 to {_DEEPEST_JOIN}.")
    return int(level)


def _endpoint(notification: Mapping[str, Any]) -> Endpoint:
    endpoint = members.mapping(notification, "endpoint")
    if endpoint is None:
        raise BadRequestData("'notification' needs an 'endpoint' with a 'uri'.")
    return parse_endpoint(endpoint)


def _representation(
    document: Mapping[str, Any], notification: Mapping[str, Any], context: ActiveContext
) -> Representation:
    form = notification.get("format", NORMALIZED)
    lang = members.text(document, "lang")
    dataset_ids = members.texts(document, "datasetId")
    shape = Representation(
        form=SIMPLIFIED if form == "keyValues" else form,
        sys_attrs=members.boolean(notification, "sysAttrs", False),
        languages=None if lang is None else parse_languages(lang),
        dataset_ids=None if dataset_ids is None else frozenset(dataset_ids),
    )
    return projected(shape, _pick(notification, context), _projection(notification, "omit", context))


def _pick(given: Mapping[str, Any], context: ActiveContext) -> Projection | None:
    """`pick`, or `attributes`, its older synonym in which an empty array means all (as older clients send it)."""
    attributes = members.texts(given, "attributes", empty=True)
    pick = _projection(given, "pick", context)
    if pick is not None:
        if attributes:
            raise BadRequestData("'attributes' and 'pick' are synonyms: give one of them.")
        return pick
    if not attributes:
        return None
    return Projection(frozenset(map(context.expand_term, attributes)) | _NEVER_PROJECTED)


def _projection(given: Mapping[str, Any], name: str, context: ActiveContext) -> Projection | None:
    projections = members.texts(given, name)
    if projections is None:
        return None
    return parse_projection(",".join(projections), context.expand_term)
