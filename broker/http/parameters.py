"""The query parameters of the API, each described once (clauses 6.3.7 to 6.3.18, 6.4.3.2 to 6.7.3.2, 6.25, 6.29)."""

from collections.abc import Mapping
from typing import Any

from broker.http.paging import DEFAULT_LIMIT, MAX_LIMIT
from broker.http.route import Parameter


def _words(name: str, description: str, keywords: tuple[str, ...] = ()) -> Parameter:
    return Parameter(name, description, {"type": "string"}, keywords)


def _flag(name: str, description: str) -> Parameter:
    return Parameter(name, description, {"type": "boolean", "default": False})


def _number(name: str, description: str, **limits: int) -> Parameter:
    return Parameter(name, description, {"type": "integer", **limits})


def options(*keywords: str) -> Parameter:
    """The `options` parameter with the keywords that an operation knows."""
    return _words("options", f"Words separated by commas, of: {', '.join(keywords)}.", keywords)


def _one_of(name: str, description: str, *values: str) -> Parameter:
    schema: Mapping[str, Any] = {"type": "string", "enum": list(values)}
    return Parameter(name, description, schema)


ID = _words("id", "Identifiers, separated by commas; others are left out.")
ID_PATTERN = _words("idPattern", "A regular expression that the identifier matches.")
TYPE = _words("type", "Entity types: A,B for either, A;B for both, parentheses; * for any (clause 4.17).")
ATTRS = _words("attrs", "Attributes of which an entity has at least one, and which are shown. Use pick and q instead.")
PICK = _words("pick", "The members to show: id, type, scope, attribute names (clause 4.21).")
OMIT = _words("omit", "The members to leave out (clause 4.21).")
Q = _words("q", 'Condition on attributes, for example fillingLevel>0.8;status=="open" (clause 4.9).')
CSF = _words("csf", "Condition on the registrations of context sources (clause 4.9).")
GEOREL = _words("georel", "near;maxDistance==metres, within, contains, overlaps, intersects, equals, disjoint.")
GEOMETRY = _words("geometry", "The type of the reference geometry: Point, Polygon ... (clause 4.10).")
COORDINATES = _words("coordinates", "The reference geometry's coordinates as GeoJSON: [6.02,49.42].")
GEOPROPERTY = _words("geoproperty", "The GeoProperty compared with the reference geometry; location if not given.")
GEOMETRY_PROPERTY = _words("geometryProperty", "The GeoProperty that becomes the geometry of GeoJSON.")
LANG = _words("lang", "The language wanted of language maps (clause 4.15).")
SCOPE_Q = _words("scopeQ", "Condition on scopes, for example /Villerupt/# (clause 4.19).")
LIMIT = _number("limit", "How many elements at most.", minimum=0, maximum=MAX_LIMIT, default=DEFAULT_LIMIT)
OFFSET = _number("offset", "How many elements to skip.", minimum=0, default=0)
COUNT = _flag("count", "Tell how many there are in all, in the header NGSILD-Results-Count.")
FORMAT = _one_of(
    "format", "The representation of entities (clause 6.3.7).", "normalized", "concise", "simplified", "keyValues"
)
INPUT_FORMAT = _one_of("format", "The representation of what is sent.", "simplified", "keyValues")
ORDER_BY = _words("orderBy", "Members to sort by, each with ;asc, ;desc, ;dist-asc or ;dist-desc (clause 4.23).")
ORDER_FROM = _words("orderFrom", "Coordinates from which to sort by distance.")
ORDER_GEOMETRY = _words("orderGeometry", "The type of the geometry from which to sort by distance.")
COLLATION = _words("collation", "How texts are sorted (RFC 6067).")
CONTAINED_BY = _words("containedBy", "Entities already met while following relationships (clause 4.5.23).")
JOIN = _one_of("join", "Include the entities that relationships lead to.", "flat", "inline", "@none")
JOIN_LEVEL = _number("joinLevel", "How many relationships deep.", minimum=1)
DATASET_ID = _words("datasetId", "The instances to show, by datasetId; @none for the default one (clause 4.5.5).")
EXPAND_VALUES = _words("expandValues", "Attributes whose values in q are terms of the @context.")
JSON_KEYS = _words("jsonKeys", "Attributes whose values in q are plain JSON.")
LOCAL = _flag("local", "Ask this broker alone (clause 5.5.13).")
ENTITY_MAP = _flag(
    "entityMap", "Tell the location of the entity map used, in the header NGSILD-EntityMap (clause 5.5.14)."
)
ENTITY_MAP_LIFETIME = _words("entityMapLifetime", "How long the entity map should last, as PT10M (ISO 8601).")
SPLIT_ENTITIES = _flag("splitEntities", "Whether entities may be spread over brokers.")
DETAILS = _flag("details", "Give details instead of names.")
KIND = _one_of("kind", "Only @contexts of this kind.", "Cached", "Hosted", "ImplicitlyCreated")
RELOAD = _flag("reload", "Fetch the @context anew instead of forgetting it.")
OBSERVED_AT = _words("observedAt", "The time of observation of whatever is sent without one (clause 5.6.17).")
DELETE_ALL = _flag("deleteAll", "Delete every instance of the attribute.")
ONE_DATASET_ID = _words("datasetId", "The instance to delete; the default one if not given.")
TIMEREL = _one_of("timerel", "How times have to lie to timeAt (clause 4.11).", "before", "after", "between")
TIME_AT = _words("timeAt", "The time compared with, such as 2026-01-31T12:00:00Z.")
END_TIME_AT = _words("endTimeAt", "The end, with timerel=between.")
TIMEPROPERTY = _one_of(
    "timeproperty", "The time that is compared.", "observedAt", "createdAt", "modifiedAt", "deletedAt", "expiresAt"
)
KEEP = _words("keep", "Delete all attributes but these from the entities.")
DROP = _words("drop", "Delete only these attributes from the entities.")

REPRESENTATION = ("normalized", "concise", "simplified", "keyValues", "sysAttrs")
SELECTION = (ID, ID_PATTERN, TYPE, ATTRS, Q, CSF, GEOREL, GEOMETRY, COORDINATES, GEOPROPERTY, SCOPE_Q)
PROJECTION = (PICK, OMIT, DATASET_ID, LANG, FORMAT, GEOMETRY_PROPERTY)
LINKED = (JOIN, JOIN_LEVEL, CONTAINED_BY)
DISTRIBUTION = (LOCAL, ENTITY_MAP, ENTITY_MAP_LIFETIME, SPLIT_ENTITIES)
PAGE = (LIMIT, OFFSET, COUNT)
ORDERING = (ORDER_BY, ORDER_FROM, ORDER_GEOMETRY, COLLATION)
