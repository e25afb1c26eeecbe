"""How a request's @context is named again: in answers, in caches, in the store (clauses 5.2.3, 5.13.1, 6.3.5)."""

import hashlib
import json
from typing import Any

CORE_PREFIX = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-"
"""What the address of every version of the core context starts with."""


def is_core(context: Any) -> bool:
    """Whether it is the URL of a core context; the core applies to everything without being named."""
    return type(context) is str and https(context).startswith(CORE_PREFIX)


def https(url: str) -> str:
    """The URL with https: ETSI's server answers the core contexts under both."""
    return "https://" + url[7:] if url.startswith("http://") else url


def user_reference(context: Any, core_url: str) -> Any:
    """What stands as `@context` in a body: the user's part only, one alone without a list; else the core's URL."""
    if context is None:
        return core_url
    if type(context) is not list:
        return context
    own = [each for each in context if not is_core(each)]
    if not own:
        return next((each for each in reversed(context) if is_core(each)), core_url)
    return own[0] if len(own) == 1 else own


def link_of(reference: Any) -> str | None:
    """The URL for a Link header; None where the context is not one URL."""
    return reference if type(reference) is str else None


def local_id(name: str) -> str:
    """The local identifier of a stored @context, from its URL or content: 32 hexadecimal digits."""
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def canonical(context: Any) -> str:
    """The same text for the same JSON."""
    return context if type(context) is str else json.dumps(context, sort_keys=True, separators=(",", ":"))
