"""The data types of clause 5.2 as far as the description of the API shows them (JSON Schema inside OpenAPI)."""

from typing import Any


def _object(description: str, required: tuple[str, ...] = (), /, **properties: Any) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "description": description, "properties": properties}
    if required:
        schema["required"] = list(required)
    return schema


def _list(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


def reference(name: str) -> dict[str, Any]:
    """A reference to a component; `[]` after its name makes it an array."""
    if name.endswith("[]"):
        return _list(reference(name.removesuffix("[]")))
    return {"$ref": f"#/components/schemas/{name}"}


_TEXT: dict[str, Any] = {"type": "string"}
_URI: dict[str, Any] = {"type": "string", "format": "uri"}
_TIME: dict[str, Any] = {"type": "string", "format": "date-time"}
_TEXTS = _list(_TEXT)
_TEXT_OR_TEXTS: dict[str, Any] = {"oneOf": [_TEXT, _TEXTS]}
_CONTEXT: dict[str, Any] = {
    "description": "A JSON-LD @context: URL, object, or a list of those; in application/ld+json only.",
    "oneOf": [_URI, {"type": "object"}, {"type": "array", "items": {}}],
}

COMPONENTS: dict[str, dict[str, Any]] = {
    "ProblemDetails": _object(
        "What went wrong and what to do about it (clause 5.5.3, RFC 7807).",
        ("type", "title", "detail"),
        type=_URI,
        title=_TEXT,
        detail=_TEXT,
        status={"type": "integer"},
    ),
    "Entity": _object(
        "An entity with its attributes (clause 5.2.4).",
        ("id", "type"),
        **{"@context": _CONTEXT},
        id=_URI,
        type=_TEXT_OR_TEXTS,
        scope=_TEXT_OR_TEXTS,
        expiresAt=_TIME,
        createdAt=_TIME,
        modifiedAt=_TIME,
    ),
    "EntityFragment": _object(
        "Attributes of an entity, without what stays as it is (clause 5.4).",
        **{"@context": _CONTEXT},
        id=_URI,
        type=_TEXT_OR_TEXTS,
        scope=_TEXT_OR_TEXTS,
    ),
    "AttributeFragment": _object(
        "One attribute, or what changes of it (clause 5.4).",
        **{"@context": _CONTEXT},
        type=_TEXT,
        value={},
        object={},
        observedAt=_TIME,
        unitCode=_TEXT,
        datasetId=_URI,
    ),
    "EntityTemporal": _object(
        "The history of an entity: each attribute has an array of instances (clause 5.2.20).",
        ("id", "type"),
        **{"@context": _CONTEXT},
        id=_URI,
        type=_TEXT_OR_TEXTS,
    ),
    "EntityTemporalFragment": _object(
        "Instances of attributes, in arrays (clause 5.2.20).", **{"@context": _CONTEXT}, type=_TEXT_OR_TEXTS
    ),
    "EntityIds": _list(_URI),
    "Feature": _object(
        "An entity as a GeoJSON Feature (clause 5.2.29).",
        ("type", "id", "geometry", "properties"),
        type={"const": "Feature"},
        id=_URI,
        geometry={"type": ["object", "null"]},
        properties={"type": "object"},
    ),
    "FeatureCollection": _object(
        "Entities as GeoJSON (clause 5.2.30).",
        ("type", "features"),
        type={"const": "FeatureCollection"},
        features=_list(reference("Feature")),
    ),
    "BatchOperationResult": _object(
        "What became of each entity (clause 5.2.16).",
        ("success", "errors"),
        success=_list(_URI),
        errors=_list(
            _object("(clause 5.2.17)", ("entityId", "error"), entityId=_URI, error=reference("ProblemDetails"))
        ),
    ),
    "UpdateResult": _object(
        "What became of each attribute (clause 5.2.18).",
        ("updated", "notUpdated"),
        updated=_TEXTS,
        notUpdated=_list(
            _object("(clause 5.2.19)", ("attributeName", "reason"), attributeName=_TEXT, reason=_TEXT),
        ),
    ),
    "EntitySelector": _object(
        "(clause 5.2.33)", ("type",), id={"oneOf": [_URI, _list(_URI)]}, idPattern=_TEXT, type=_TEXT
    ),
    "GeoQuery": _object(
        "(clause 5.2.13)",
        ("geometry", "coordinates", "georel"),
        geometry=_TEXT,
        coordinates={"oneOf": [{"type": "array", "items": {}}, _TEXT]},
        georel=_TEXT,
        geoproperty=_TEXT,
    ),
    "Query": _object(
        "A query that would be too long for a URL (clause 5.2.23).",
        ("type",),
        **{"@context": _CONTEXT},
        type={"const": "Query"},
        entities=_list(reference("EntitySelector")),
        attrs=_TEXTS,
        pick=_TEXTS,
        omit=_TEXTS,
        q=_TEXT,
        geoQ=reference("GeoQuery"),
        scopeQ=_TEXT,
        csf=_TEXT,
        lang=_TEXT,
        datasetId=_TEXTS,
        expandValues=_TEXT,
        jsonKeys=_TEXT,
        join={"enum": ["flat", "inline", "@none"]},
        joinLevel={"type": "integer", "minimum": 1},
        containedBy=_list(_URI),
        splitEntities={"type": "boolean"},
        entityMap={"type": "boolean"},
        ordering={"type": "object"},
    ),
    "Subscription": _object(
        "What to be told about, and where (clause 5.2.12).",
        ("type", "notification"),
        **{"@context": _CONTEXT},
        id=_URI,
        type={"const": "Subscription"},
        subscriptionName=_TEXT,
        description=_TEXT,
        entities=_list(reference("EntitySelector")),
        watchedAttributes=_TEXTS,
        notificationTrigger=_TEXTS,
        timeInterval={"type": "number", "exclusiveMinimum": 0},
        q=_TEXT,
        geoQ=reference("GeoQuery"),
        scopeQ=_TEXT,
        isActive={"type": "boolean"},
        expiresAt=_TIME,
        throttling={"type": "number", "exclusiveMinimum": 0},
        lang=_TEXT,
        status={"enum": ["active", "paused", "expired"], "readOnly": True},
        notification=_object(
            "(clause 5.2.14)",
            ("endpoint",),
            attributes=_TEXTS,
            pick=_TEXTS,
            omit=_TEXTS,
            format={"enum": ["normalized", "concise", "simplified", "keyValues"]},
            sysAttrs={"type": "boolean"},
            showChanges={"type": "boolean"},
            endpoint=_object("(clause 5.2.15)", ("uri",), uri=_URI, accept=_TEXT, receiverInfo={"type": "array"}),
        ),
    ),
    "CSourceRegistration": _object(
        "A context source, and what it may provide (clause 5.2.9).",
        ("type", "endpoint", "information"),
        **{"@context": _CONTEXT},
        id=_URI,
        type={"const": "ContextSourceRegistration"},
        registrationName=_TEXT,
        description=_TEXT,
        endpoint=_URI,
        mode={"enum": ["inclusive", "exclusive", "redirect", "auxiliary"]},
        operations=_TEXTS,
        information=_list(
            _object(
                "(clause 5.2.10)",
                (),
                entities=_list(_object("(clause 5.2.8)", ("type",), type={}, id=_URI, idPattern=_TEXT)),
                propertyNames=_TEXTS,
                relationshipNames=_TEXTS,
            )
        ),
        contextSourceInfo={"type": "array"},
        contextSourceAlias=_TEXT,
        datasetId=_TEXTS,
        expiresAt=_TIME,
        location={"type": "object"},
        observationInterval={"type": "object"},
        managementInterval={"type": "object"},
        management={"type": "object"},
        refreshRate=_TEXT,
        scope={},
        tenant=_TEXT,
        status={"enum": ["ok", "failed"], "readOnly": True},
    ),
    "ContextSourceIdentity": _object(
        "(clause 5.2.40)",
        ("id", "type", "contextSourceAlias", "contextSourceUptime", "contextSourceTimeAt"),
        id=_URI,
        type=_TEXT,
        contextSourceAlias=_TEXT,
        contextSourceUptime=_TEXT,
        contextSourceTimeAt=_TIME,
    ),
    "EntityTypeList": _object("(clause 5.2.24)", ("id", "type", "typeList"), id=_URI, type=_TEXT, typeList=_TEXTS),
    "EntityType": _object(
        "(clause 5.2.25)", ("id", "type", "typeName"), id=_URI, type=_TEXT, typeName=_TEXT, attributeNames=_TEXTS
    ),
    "EntityTypeInfo": _object(
        "(clause 5.2.26)",
        ("id", "type", "typeName", "entityCount", "attributeDetails"),
        id=_URI,
        type=_TEXT,
        typeName=_TEXT,
        entityCount={"type": "integer"},
        attributeDetails=_list(reference("Attribute")),
    ),
    "AttributeList": _object(
        "(clause 5.2.27)", ("id", "type", "attributeList"), id=_URI, type=_TEXT, attributeList=_TEXTS
    ),
    "Attribute": _object(
        "(clause 5.2.28)",
        ("id", "type", "attributeName"),
        id=_URI,
        type=_TEXT,
        attributeName=_TEXT,
        attributeCount={"type": "integer"},
        attributeTypes=_TEXTS,
        typeNames=_TEXTS,
    ),
    "Snapshot": _object(
        "What some queries found, kept as it was (clause 5.2.41).",
        ("type",),
        **{"@context": _CONTEXT},
        id=_URI,
        type={"const": "Snapshot"},
        snapshotQueries=_list(reference("Query")),
        snapshotTemporalQueries=_list({"type": "object"}),
        snapshotLifetime=_TEXT,
        snapshotPriority={"type": "integer", "minimum": 1, "maximum": 10},
        endpoint=_URI,
        receiverInfo={"type": "array"},
        snapshotStatus={"enum": ["preparing", "success", "partial", "empty", "failure"], "readOnly": True},
    ),
    "EntityMap": _object(
        "Which entities a series of requests is about, and who holds them (clause 5.2.39).",
        ("type",),
        id=_URI,
        type={"const": "EntityMap"},
        expiresAt=_TIME,
        entityMap={"type": "object", "additionalProperties": _TEXTS, "readOnly": True},
        linkedMaps={"type": "object", "additionalProperties": _URI, "readOnly": True},
    ),
    "LocalContext": _object("A JSON-LD @context (clause 5.13).", ("@context",), **{"@context": _CONTEXT}),
    "ContextEntry": {
        "description": "The URL of an @context, or with details=true what is known of it (clause 5.13.3.5).",
        "oneOf": [
            _URI,
            _object(
                "",
                ("URL", "localId", "kind", "createdAt"),
                URL=_URI,
                localId=_TEXT,
                kind={"enum": ["Cached", "Hosted", "ImplicitlyCreated"]},
                createdAt=_TIME,
                expiresAt=_TIME,
                lastUsage=_TIME,
                numberOfHits={"type": "integer"},
            ),
        ],
    },
}
