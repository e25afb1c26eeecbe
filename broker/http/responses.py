"""Responses that carry no error (clause 6.3.6)."""

from typing import Any

import orjson

from broker.core.jsonld.context import ActiveContext
from broker.core.model.uri import segment
from broker.http.message import (
    CONTENT_LENGTH,
    CONTENT_TYPE,
    LINK,
    LOCATION,
    Header,
    Request,
    Response,
)
from broker.http.negotiate import CONTEXT_RELATION, GEO_JSON, JSON, JSON_LD
from broker.http.versions import OURS, Conformance, applied, preferred_version

ROOT = "/ngsi-ld/v1"
_NOTHING: list[Header] = [(CONTENT_LENGTH, b"0")]
_TYPES = {name: (CONTENT_TYPE, name.encode()) for name in (JSON, JSON_LD, GEO_JSON)}


def no_content() -> Response:
    """204, with neither body nor Content-Length (clause 6.3.6)."""
    return Response(204)


def created(collection: str, identifier: str) -> Response:
    """201 with the relative path of what was created, `collection` being for example `/entities`."""
    location = f"{ROOT}{collection}/{segment(identifier)}"
    return Response(201, [(LOCATION, location.encode()), *_NOTHING])


def plain_json(status: int, document: Any, media_type: str = JSON) -> Response:
    """JSON that needs no @context, having only full names: batch results, multi-status, @contexts themselves."""
    body = orjson.dumps(document)
    return Response(status, [_TYPES[media_type], (CONTENT_LENGTH, b"%d" % len(body))], body)


def with_context(
    request: Request,
    context: ActiveContext,
    document: Any,
    media_type: str,
    extra: list[Header] | None = None,
    link: str | None = None,
    conformance: Conformance | None = None,
) -> Response:
    """200 with compacted JSON and its @context: in a Link header (JSON) or in each element (JSON-LD).

    `document` is an object or a list of objects. GeoJSON has the @context inside unless the client prefers
    `body=json`. `link` is the @context's URL where it has none of its own. `conformance` says how the entities of the
    document became what an earlier version knows: 203 where one had to be altered.
    """
    headers: list[Header] = [_TYPES[media_type]]
    if names_context_outside(request, media_type):
        headers.append((LINK, link_to(link or context.link)))
    else:
        document = _inside(document, context.reference)
    if b"prefer" in request.headers and preferred_version(request) is not None:
        headers.append(applied(OURS if conformance is None else conformance.version))
    if extra:
        headers.extend(extra)
    body = orjson.dumps(document)
    headers.append((CONTENT_LENGTH, b"%d" % len(body)))
    return Response(203 if conformance is not None and conformance.altered else 200, headers, body)


def names_context_outside(request: Request, media_type: str) -> bool:
    """Whether an answer of that type names its @context in a Link header instead of holding it."""
    return media_type == JSON or (media_type == GEO_JSON and prefers(request, "body=json"))


def link_to(url: str | None) -> bytes:
    """The Link header's value that names an @context by its URL."""
    return f'<{url}>; rel="{CONTEXT_RELATION}"; type="application/ld+json"'.encode()


def prefers(request: Request, preference: str) -> bool:
    """Whether the Prefer header (RFC 7240) has a preference that starts so."""
    header = request.header(b"prefer")
    return header is not None and any(item.strip().startswith(preference) for item in header.split(","))


def _inside(document: Any, reference: Any) -> Any:
    if isinstance(document, list):
        return [{**element, "@context": reference} for element in document]
    return {**document, "@context": reference}
