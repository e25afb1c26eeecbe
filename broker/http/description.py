"""The OpenAPI description of the table of routes."""

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from broker.http.components import COMPONENTS, reference
from broker.http.negotiate import GEO_JSON, JSON, JSON_LD, MERGE_PATCH
from broker.http.responses import ROOT
from broker.http.route import Answer, Parameter, Route

_VARIABLE = re.compile(r"\{(\w+)\}")
_VARIABLES = {
    "entityId": "The entity's identifier, a URI.",
    "attrId": "The attribute's name, short or in full.",
    "instanceId": "The identifier of an instance in a history, a URI.",
    "type": "The entity type's name, short or in full.",
    "subscriptionId": "The subscription's identifier, a URI.",
    "snapshotId": "The snapshot's identifier, a URI.",
    "entityMapId": "The entity map's identifier, a URI.",
    "registrationId": "The registration's identifier, a URI.",
    "contextId": "The local identifier of an @context, or its URL.",
}
_HEADERS = {
    "Location": "The path of what was created.",
    "Content-Range": "The first and the last instant of a part, and how many instances were asked for.",
    "NGSILD-Results-Count": "How many elements there are in all, where count was asked for.",
    "NGSILD-EntityMap": "The path of the entity map that was made or used.",
    "Link": "The @context of a JSON body, and the neighbouring pages.",
    "Preference-Applied": "The version of the specification that the body conforms to, where one was preferred.",
}
_REASONS = {
    400: "The request or its content is wrong; the detail says what and why.",
    403: "The query is too complex or has too many results.",
    404: "There is no such thing, or no such tenant.",
    406: "Nothing the client accepts can be offered.",
    409: "It exists already.",
    411: "The length of the body was not announced.",
    413: "The body is too large.",
    415: "The body is neither JSON nor JSON-LD.",
    422: "The operation is not possible on this.",
    500: "The broker failed; its log tells more.",
    503: "A part of the broker is away for now.",
    504: "The @context could not be had.",
}
_EMPTY = frozenset((411, 415))
_PARTIAL = 207

_REQUEST_HEADERS: list[dict[str, Any]] = [
    {
        "name": "NGSILD-Tenant",
        "in": "header",
        "description": "The tenant; the default one if not given (clause 6.3.14).",
        "schema": {"type": "string"},
    },
    {
        "name": "Link",
        "in": "header",
        "description": "The @context, unless the body is application/ld+json (clause 6.3.5).",
        "schema": {"type": "string"},
    },
]


def describe(document: dict[str, Any], routes: Iterable[Route]) -> dict[str, Any]:
    """Add the routes and their components to an OpenAPI document, and return it."""
    paths = document.setdefault("paths", {})
    for route in routes:
        if route.is_described:
            paths.setdefault(ROOT + route.path, {})[route.method.lower()] = _operation(route)
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas.update(COMPONENTS)
    return document


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "description": f"Clause {route.clause}.",
        "tags": [route.path.split("/")[1]],
        "parameters": [
            *map(_variable, _VARIABLE.findall(route.path)),
            *map(_parameter, route.parameters),
            *_REQUEST_HEADERS,
        ],
        "responses": {str(answer.status): _answer(answer) for answer in route.answers},
    }
    if route.body:
        operation["requestBody"] = _body(route)
    for status in sorted(_error_statuses(route)):
        operation["responses"][str(status)] = _error(status)
    return operation


def _variable(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "description": _VARIABLES[name], "schema": {"type": "string"}}


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": "query",
        "required": False,
        "description": parameter.description,
        "schema": dict(parameter.schema),
    }


def _body(route: Route) -> dict[str, Any]:
    schema = reference(route.body or "")
    types = [JSON, JSON_LD] + ([MERGE_PATCH] if route.method == "PATCH" else [])
    return {"required": True, "content": {name: {"schema": schema} for name in types}}


def _answer(answer: Answer) -> dict[str, Any]:
    described: dict[str, Any] = {"description": answer.description}
    if answer.schema:
        types = [JSON] if answer.status in (_PARTIAL, HTTPStatus.CREATED) else [JSON, JSON_LD]
        described["content"] = {name: {"schema": reference(answer.schema)} for name in types}
        if answer.spatial:
            geometry = "FeatureCollection" if answer.schema.endswith("[]") else "Feature"
            described["content"][GEO_JSON] = {"schema": reference(geometry)}
    if answer.headers:
        described["headers"] = {
            name: {"description": _HEADERS[name], "schema": {"type": "string"}} for name in answer.headers
        }
    return described


def _error_statuses(route: Route) -> set[int]:
    statuses = {400, 500, 503, 504, *route.errors}
    if route.body:
        statuses |= {411, 413, 415}
    if any(answer.status == HTTPStatus.OK for answer in route.answers):
        statuses.add(406)
    return statuses


def _error(status: int) -> dict[str, Any]:
    described: dict[str, Any] = {"description": _REASONS[status]}
    if status not in _EMPTY:
        described["content"] = {JSON: {"schema": reference("ProblemDetails")}}
    return described
