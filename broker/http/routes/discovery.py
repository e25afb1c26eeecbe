"""Entity types and attributes in use (clauses 6.25 to 6.28, 5.7.5 to 5.7.10)."""

from typing import Any

from broker.core.jsonld.context import ActiveContext
from broker.http import params
from broker.http.message import Request, Response
from broker.http.negotiate import answer_type, context_of
from broker.http.parameters import DETAILS, LOCAL
from broker.http.responses import with_context
from broker.http.route import Answer, Route
from broker.operations import discovery
from broker.operations.discovery import AttributeInfo, TypeInfo
from broker.operations.ports import Ports

_TYPE_LIST = "urn:ngsi-ld:EntityTypeList:1"
_ATTRIBUTE_LIST = "urn:ngsi-ld:AttributeList:1"


async def list_types(ports: Ports, request: Request) -> Response:
    """5.7.5, or 5.7.6 with details=true."""
    media_type, context = answer_type(request), await context_of(ports, request)
    body: Any
    if params.flag(request.parameters, "details"):
        found = await discovery.entity_type_details(ports, request.tenant, local=_is_local(request))
        body = [_type_details(info, context) for info in found]
    else:
        types = await discovery.entity_types(ports, request.tenant, local=_is_local(request))
        body = {"id": _TYPE_LIST, "type": "EntityTypeList", "typeList": [context.compact_iri(iri) for iri in types]}
    return with_context(request, context, body, media_type)


async def read_type(ports: Ports, request: Request) -> Response:
    """5.7.7."""
    media_type, context = answer_type(request), await context_of(ports, request)
    info = await discovery.entity_type_info(
        ports, request.tenant, context.expand_type(request.path[0]), local=_is_local(request)
    )
    body = {
        "id": info.iri,
        "type": "EntityTypeInfo",
        "typeName": context.compact_iri(info.iri),
        "entityCount": info.count,
        "attributeDetails": [
            {"id": iri, "type": "Attribute", "attributeName": context.compact_iri(iri), "attributeTypes": kinds}
            for iri, kinds in info.attributes.items()
        ],
    }
    return with_context(request, context, body, media_type)


async def list_attributes(ports: Ports, request: Request) -> Response:
    """5.7.8, or 5.7.9 with details=true."""
    media_type, context = answer_type(request), await context_of(ports, request)
    body: Any
    if params.flag(request.parameters, "details"):
        found = await discovery.attribute_details(ports, request.tenant, local=_is_local(request))
        body = [_attribute(info, context) for info in found]
    else:
        names = [
            context.compact_iri(iri)
            for iri in await discovery.attributes(ports, request.tenant, local=_is_local(request))
        ]
        body = {"id": _ATTRIBUTE_LIST, "type": "AttributeList", "attributeList": names}
    return with_context(request, context, body, media_type)


async def read_attribute(ports: Ports, request: Request) -> Response:
    """5.7.10."""
    media_type, context = answer_type(request), await context_of(ports, request)
    info = await discovery.attribute_info(
        ports, request.tenant, context.expand_term(request.path[0]), local=_is_local(request)
    )
    body = {**_attribute(info, context), "attributeTypes": info.kinds, "attributeCount": info.count}
    return with_context(request, context, body, media_type)


def _is_local(request: Request) -> bool:
    return params.flag(request.parameters, "local")


def _type_details(info: TypeInfo, context: ActiveContext) -> dict[str, Any]:
    return {
        "id": info.iri,
        "type": "EntityType",
        "typeName": context.compact_iri(info.iri),
        "attributeNames": [context.compact_iri(iri) for iri in info.attributes],
    }


def _attribute(info: AttributeInfo, context: ActiveContext) -> dict[str, Any]:
    return {
        "id": info.iri,
        "type": "Attribute",
        "attributeName": context.compact_iri(info.iri),
        "typeNames": [context.compact_iri(iri) for iri in info.types],
    }


ROUTES = (
    Route(
        "GET",
        "/types",
        list_types,
        "retrieveEntityTypes",
        "5.7.5, 5.7.6, 6.25.3.1",
        "List the entity types in use",
        (DETAILS, LOCAL),
        answers=(Answer(200, "The types' names, or with details=true an array of EntityType.", "EntityTypeList"),),
        errors=(404,),
    ),
    Route(
        "GET",
        "/types/{type}",
        read_type,
        "retrieveEntityTypeInfo",
        "5.7.7, 6.26.3.1",
        "Describe an entity type in use",
        (LOCAL,),
        answers=(Answer(200, "The type with its attributes.", "EntityTypeInfo"),),
        errors=(404,),
    ),
    Route(
        "GET",
        "/attributes",
        list_attributes,
        "retrieveAttributes",
        "5.7.8, 5.7.9, 6.27.3.1",
        "List the attributes in use",
        (DETAILS, LOCAL),
        answers=(Answer(200, "The attributes' names, or with details=true an array of Attribute.", "AttributeList"),),
        errors=(404,),
    ),
    Route(
        "GET",
        "/attributes/{attrId}",
        read_attribute,
        "retrieveAttributeInfo",
        "5.7.10, 6.28.3.1",
        "Describe an attribute in use",
        (LOCAL,),
        answers=(Answer(200, "The attribute.", "Attribute"),),
        errors=(404,),
    ),
)
