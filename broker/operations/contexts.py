"""Storing, managing and serving @contexts (clause 5.13).

An entry of the store: `_id` (local identifier), `kind`, `document` (JSON text of an object with `@context`),
`createdAt`; `url` and `expiresAt` for those fetched; `hits` and `lastUsage`.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from uuid import uuid4

from broker.core.jsonld.reference import canonical, local_id
from broker.core.model.errors import (
    BadRequestData,
    InvalidRequest,
    LdContextNotAvailable,
    OperationNotSupported,
    ResourceNotFound,
)
from broker.core.model.instant import format_instant
from broker.operations.ports import Ports

CACHED = "Cached"
HOSTED = "Hosted"
IMPLICIT = "ImplicitlyCreated"
KINDS = (CACHED, HOSTED, IMPLICIT)

_NOT_CACHED = f"only a @context of kind {CACHED} can be reloaded"

PATH = "/ngsi-ld/v1/jsonldContexts/"
"""Where stored contexts are served, followed by their local identifier (clause 6.30)."""


async def add_context(ports: Ports, document: Any) -> str:
    """Clause 5.13.2: host a context; its local identifier.

    Raises InvalidRequest where the body is no JSON object with an @context, BadRequestData where that is not valid.
    """
    if type(document) is not dict:
        raise InvalidRequest('the body is a JSON object with one member "@context"')
    if document.get("@context") is None:
        raise InvalidRequest('the body has no member "@context", so it is no JSON-LD context')
    context = document["@context"]
    # Where it names others that are away now, that says nothing about it, and each use looks again.
    with suppress(LdContextNotAvailable):
        await ports.loader.load(context)
    return await _store(ports, uuid4().hex, HOSTED, context)


async def host_implicitly(ports: Ports, context: Any) -> str:
    """A local identifier under which a context that has no URL of its own is served (5.13.1); the same for the same."""
    context_id = local_id(canonical(context))
    if await ports.contexts.get(context_id) is None:
        await _store(ports, context_id, IMPLICIT, context)
    return context_id


async def list_contexts(
    ports: Ports, base_url: str, *, kind: str | None = None, details: bool = False
) -> list[str] | list[dict[str, Any]]:
    """Clause 5.13.3: the URLs of the stored contexts, or with `details` what is known about each.

    `base_url`: how the client reaches this broker, as `http://host:1026`. Raises BadRequestData for an unknown kind.
    """
    if kind is not None and kind not in KINDS:
        raise BadRequestData(f"kind is one of {', '.join(KINDS)}")
    await ports.loader.flush()
    entries = await ports.contexts.all()
    chosen = [entry for entry in entries if kind is None or entry["kind"] == kind]
    if details:
        return [_metadata(entry, base_url) for entry in chosen]
    return [_url(entry, base_url) for entry in chosen]


async def serve_context(ports: Ports, context_id: str, base_url: str, *, details: bool = False) -> dict[str, Any]:
    """Clause 5.13.4: the document (an object with `@context`), or with `details` what is known about it.

    Being asked for counts as a hit, which the answer itself does not show yet (clause 5.13.3.5).

    Raises ResourceNotFound, and OperationNotSupported for the content of one that was only fetched.
    """
    if details:
        await ports.loader.flush()
    entry = await ports.contexts.get(context_id)
    if entry is None:
        if details and ports.loader.is_bundled(context_id):
            return _bundled_metadata(context_id)
        raise _not_found(context_id)
    await ports.contexts.use(entry["_id"], 1, ports.clock.now())
    if details:
        return _metadata(entry, base_url)
    if entry["kind"] == CACHED:
        raise OperationNotSupported(f"the broker only keeps a copy of this @context: ask for it at {entry['url']}")
    document: dict[str, Any] = json.loads(entry["document"])
    return document


async def delete_context(ports: Ports, context_id: str, *, reload: bool = False) -> None:
    """Clause 5.13.5: remove an entry, or with `reload` download it anew and put that in its place.

    Raises ResourceNotFound; BadRequestData where it cannot be reloaded, as it is not kept or not of kind Cached, or
    belongs to the broker;
    LdContextNotAvailable where the download fails, and then the old one stays.
    """
    if not context_id:
        raise BadRequestData("name the @context to delete")
    entry = await ports.contexts.get(context_id)
    if entry is None:
        if not ports.loader.is_bundled(context_id):
            # Clause 5.13.5.4 has two rules for a reload of what is not there; only a cached @context can be reloaded.
            if reload:
                raise BadRequestData(f"{_NOT_CACHED}, and {context_id[:200]!r} is not kept here")
            raise _not_found(context_id)
        if not reload:
            raise BadRequestData(f"{context_id} comes with the broker and cannot be deleted")
        return
    if reload:
        await _reload(ports, entry)
        return
    await ports.contexts.delete(entry["_id"])
    ports.loader.forget()


async def _reload(ports: Ports, entry: Mapping[str, Any]) -> None:
    if entry["kind"] != CACHED:
        raise BadRequestData(f"{_NOT_CACHED}, and this one is {entry['kind']}")
    try:
        await ports.loader.reload(entry["url"])
    except BadRequestData as error:
        raise LdContextNotAvailable(error.detail) from error


async def _store(ports: Ports, context_id: str, kind: str, context: Any) -> str:
    document = json.dumps({"@context": context}, ensure_ascii=False, separators=(",", ":"))
    entry = {"_id": context_id, "kind": kind, "document": document, "createdAt": ports.clock.now(), "hits": 0}
    await ports.contexts.put(entry)
    return context_id


def _url(entry: Mapping[str, Any], base_url: str) -> str:
    url: str | None = entry.get("url")
    return url or base_url.rstrip("/") + PATH + entry["_id"]


def _metadata(entry: Mapping[str, Any], base_url: str) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "URL": _url(entry, base_url),
        "localId": entry["_id"],
        "kind": entry["kind"],
        "createdAt": format_instant(entry["createdAt"]),
        "numberOfHits": entry.get("hits", 0),
    }
    for member in ("expiresAt", "lastUsage"):
        if entry.get(member) is not None:
            metadata[member] = format_instant(entry[member])
    return metadata


def _bundled_metadata(url: str) -> dict[str, Any]:
    return {
        "URL": url,
        "localId": local_id(url),
        "kind": CACHED,
        # It has been there since before anybody asked.
        "createdAt": format_instant(0),
        "extraInfo": {"bundled": True},
    }


def _not_found(context_id: str) -> ResourceNotFound:
    return ResourceNotFound(f"the broker has no @context {context_id[:200]!r}")
