"""From JSON-LD context documents, all at hand, to an `ActiveContext`: what runs once per @context (a few ms).

Fetching is not done here: `broker.adapters.contexts` gathers the documents first.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pyld import jsonld
from pyld.context_resolver import ContextResolver

from broker.core.jsonld.context import ActiveContext
from broker.core.jsonld.names import MAX_NAME_LENGTH
from broker.core.model.errors import BadRequestData

MAX_TERMS = 20_000
"""Terms in one @context with all that it names. Processing takes about 10 µs a term, in one go: at most 0.2 s."""

_OVERRIDING = frozenset({"@base", "@propagate", "@protected", "@import", "@version"})

Documents = Callable[[str], Mapping[str, Any] | None]
"""Gives the document of a URL that the core context names in a scoped context."""


def build_context(
    user: Sequence[Mapping[str, Any]], core: Mapping[str, Any], scoped: Documents, *, reference: Any, link: str | None
) -> ActiveContext:
    """The active context of the user's definitions followed by the core's, which win (clause 5.5.7).

    `user`: local contexts (objects only, in order, none of them a core context); `core`: the core's local context.
    Raises BadRequestData where the user's part is not a valid JSON-LD context or has scoped contexts.
    """
    local = [_own_terms(definitions) for definitions in user]
    if sum(map(len, local)) > MAX_TERMS:
        raise BadRequestData(f"the @context has more than {MAX_TERMS} terms")
    mappings = _process([*local, dict(core)], scoped)
    terms: dict[str, str] = {}
    prefixes: dict[str, str] = {}
    for term, definition in mappings.items():
        # A term set to null means "ignore this" in JSON-LD. Ignoring data would lose it: the name stays unmapped.
        if definition is None or definition["@id"] is None or definition.get("reverse"):
            continue
        terms[term] = definition["@id"]
        if definition["_prefix"] and ":" not in term:
            prefixes[term] = definition["@id"]
    return ActiveContext(terms, prefixes, reference, link)


def _own_terms(definitions: Mapping[str, Any]) -> dict[str, Any]:
    """A user's local context without what would reach beyond its own terms."""
    if "@import" in definitions:
        raise BadRequestData("the @context uses @import: name the other context in the list of the @context instead")
    for term, definition in definitions.items():
        if isinstance(definition, Mapping) and "@context" in definition:
            raise BadRequestData(f"the term {term[:100]!r} of the @context has a scoped @context (clause 5.5.7)")
        if len(term) > MAX_NAME_LENGTH:
            raise BadRequestData(f"a term of the @context is longer than {MAX_NAME_LENGTH} characters")
    # Protected user terms would make the core's redefinition of them an error, although the core has precedence.
    return {term: _unprotected(definition) for term, definition in definitions.items() if term not in _OVERRIDING}


def _unprotected(definition: Any) -> Any:
    if isinstance(definition, Mapping) and "@protected" in definition:
        return {key: value for key, value in definition.items() if key != "@protected"}
    return definition


def _process(local: list[dict[str, Any]], scoped: Documents) -> Mapping[str, Any]:
    def load(url: str, _options: Any) -> dict[str, Any]:
        document = scoped(url)
        if document is None:
            raise BadRequestData(f"the @context names {url}, which was not loaded")
        return {"contentType": "application/ld+json", "contextUrl": None, "documentUrl": url, "document": document}

    options = {
        "base": "",
        "processingMode": "json-ld-1.1",
        "documentLoader": load,
        # A cache of its own: the library's shared one keeps whatever clients send.
        "contextResolver": ContextResolver({}, load),
    }
    processor = jsonld.JsonLdProcessor()
    try:
        # The empty initial context has no public constructor; the processor's own is the only way to one.
        initial = processor._get_initial_context(options)
        processed: Mapping[str, Any] = processor.process_context(initial, local, options)
    except jsonld.JsonLdError as error:
        raise BadRequestData(
            f"the @context is not valid JSON-LD: {error.args[0]} {error.details or ''}"[:500]
        ) from error
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        # The processor does not check every shape before it uses it.
        raise BadRequestData(f"the @context is not valid JSON-LD: {error}"[:500]) from error
    mappings: Mapping[str, Any] = processed["mappings"]
    return mappings
