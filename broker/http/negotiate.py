"""Media types and the @context of a request (clauses 6.3.4, 6.3.5)."""

from typing import Any

import orjson

from broker.core.jsonld.context import ActiveContext
from broker.core.model.errors import BadRequestData, InvalidRequest
from broker.http.message import Request
from broker.http.problems import Refusal
from broker.operations.ports import Ports

JSON = "application/json"
JSON_LD = "application/ld+json"
GEO_JSON = "application/geo+json"
MERGE_PATCH = "application/merge-patch+json"

PLAIN = (JSON, JSON_LD)
"""What most operations answer with, in the standard's order of preference."""
SPATIAL = (JSON, JSON_LD, GEO_JSON)
"""What retrieving and querying entities answers with."""

CONTEXT_RELATION = "http://www.w3.org/ns/json-ld#context"

_REMEMBERED = 512  # header values; clients choose them, so there is an end
_accepted: dict[tuple[str, tuple[str, ...]], str] = {}
_links: dict[str, str | None] = {}


def answer_type(request: Request, offered: tuple[str, ...] = PLAIN) -> str:
    """The media type to answer with, as `Accept` and its weights have it. Raises a 406 that lists what there is."""
    accept = request.header(b"accept")
    if not accept or accept in ("*/*", JSON):
        return JSON
    found = _accepted.get((accept, offered))
    if found is None:
        found = _choose(accept, offered)
        if len(_accepted) >= _REMEMBERED:
            _accepted.clear()
        _accepted[accept, offered] = found
    return found


def is_json_ld(request: Request) -> bool:
    """Whether the body is application/ld+json. Raises a bare 415 for what is no JSON; none given counts as JSON."""
    content_type = request.header(b"content-type")
    if content_type is None or content_type == JSON:
        return False
    if content_type == JSON_LD:
        return True
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == JSON_LD:
        return True
    if media_type in ("", JSON) or (media_type == MERGE_PATCH and request.method == "PATCH"):
        return False
    raise Refusal(415)


def linked_context(request: Request) -> str | None:
    """The URL of the @context in the `Link` header, if there is one."""
    header = request.header(b"link")
    if header is None:
        return None
    if header in _links:
        return _links[header]
    url = _find_context(header)
    if len(_links) >= _REMEMBERED:
        _links.clear()
    _links[header] = url
    return url


async def context_of(ports: Ports, request: Request) -> ActiveContext:
    """The @context of a request without a body: GET and DELETE."""
    return await ports.loader.load(linked_context(request))


async def read_object(ports: Ports, request: Request) -> tuple[dict[str, Any], ActiveContext]:
    """A body that is one JSON object, without its @context, and that @context.

    Raises InvalidRequest where the body is no JSON object, BadRequestData where the @context stands in the wrong
    place or nowhere.
    """
    json_ld = is_json_ld(request)
    document = read_json(request)
    if not isinstance(document, dict):
        raise InvalidRequest(f"The body shall be a JSON object, not {_kind(document)}.")
    url = _body_link(request, json_ld)
    context = take_context(document, json_ld, url)
    return document, await ports.loader.load(context)


async def read_attribute(ports: Ports, request: Request) -> tuple[Any, ActiveContext]:
    """A body that is one attribute's: an object, or in application/json also an array of instances."""
    json_ld = is_json_ld(request)
    document = read_json(request)
    url = _body_link(request, json_ld)
    if isinstance(document, list) and not json_ld:
        return document, await ports.loader.load(url)
    if not isinstance(document, dict):
        raise InvalidRequest(f"The body shall be a JSON object, not {_kind(document)}.")
    context = take_context(document, json_ld, url)
    return document, await ports.loader.load(context)


def read_list(request: Request) -> tuple[list[Any], bool, str | None]:
    """A body that is a JSON array, whether it is JSON-LD, and the @context of the `Link` header.

    Each element has its own @context in JSON-LD: see `take_context`. An empty array is refused (clause 5.6.7).
    """
    json_ld = is_json_ld(request)
    document = read_json(request)
    if not isinstance(document, list):
        raise InvalidRequest(f"The body shall be a JSON array, not {_kind(document)}.")
    if not document:
        raise BadRequestData("The array in the body is empty; give at least one element.")
    return document, json_ld, _body_link(request, json_ld)


def take_context(document: dict[str, Any], json_ld: bool, url: str | None) -> Any:
    """Remove the @context from a document and return what to load: its own, or that of the `Link` header."""
    if not json_ld:
        if "@context" in document:
            raise BadRequestData(
                "The body has an @context although its Content-Type is application/json: "
                "send it as application/ld+json, or give the @context in a Link header instead."
            )
        return url
    if document.get("@context") is None:
        raise BadRequestData(
            "The body is application/ld+json but has no @context: add one, or send application/json instead."
        )
    return document.pop("@context")


def read_json(request: Request) -> Any:
    """The body as JSON. Raises InvalidRequest where it is none, or nested more than about 1,000 levels deep."""
    try:
        return orjson.loads(request.body)
    except orjson.JSONDecodeError as error:
        if not request.body:
            raise InvalidRequest("The body is empty; JSON was expected.") from None
        raise InvalidRequest(f"The body is not JSON: {error}.") from None


def _body_link(request: Request, json_ld: bool) -> str | None:
    url = linked_context(request)
    if url is not None and json_ld:
        raise BadRequestData(
            "The @context comes twice: with Content-Type application/ld+json it stands in the body alone; "
            "leave the Link header out, or send application/json."
        )
    return url


def _choose(accept: str, offered: tuple[str, ...]) -> str:
    best, best_weight = "", 0.0
    ranges = [_media_range(item) for item in accept.split(",")]
    for media_type in offered:
        weight = _weight(media_type, ranges)
        if weight > best_weight:
            best, best_weight = media_type, weight
    if not best:
        raise Refusal(406, _not_acceptable(accept, offered))
    return best


def _not_acceptable(accept: str, offered: tuple[str, ...]) -> InvalidRequest:
    available = ", ".join(offered)
    return InvalidRequest(
        f"Nothing here is of the type '{accept[:200]}'; available are {available}.", available=offered
    )


def _weight(media_type: str, ranges: list[tuple[str, float]]) -> float:
    """The weight of the most specific range that covers the type (RFC 9110, 12.5.1)."""
    for pattern in (media_type, media_type.partition("/")[0] + "/*", "*/*"):
        for name, weight in ranges:
            if name == pattern:
                return weight
    return 0.0


def _media_range(text: str) -> tuple[str, float]:
    name, *parameters = (part.strip() for part in text.split(";"))
    weight = 1.0
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip().lower() == "q":
            try:
                weight = min(1.0, max(0.0, float(value)))
            except ValueError:
                weight = 0.0
    return name.lower(), weight


def _find_context(header: str) -> str | None:
    """The target of the link whose relation is a JSON-LD @context (RFC 8288)."""
    rest = header
    while "<" in rest:
        url, closed, rest = rest.partition("<")[2].partition(">")
        if not closed:
            break
        parameters, _, following = rest.partition("<")
        if CONTEXT_RELATION in parameters:
            return url.strip()
        rest = "<" + following
    return None


def _kind(document: Any) -> str:
    if isinstance(document, dict):
        return "an object"
    if isinstance(document, list):
        return "an array"
    if document is None:
        return "null"
    return {str: "a string", bool: "a boolean"}.get(type(document), "a number")
