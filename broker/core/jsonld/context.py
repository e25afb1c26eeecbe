"""A loaded @context: the map from terms to IRIs and back (clauses 4.4, 5.5.7; JSON-LD 1.1 sections 5.1, 5.2, 6.2).

The JSON-LD processor runs once per @context (`broker.core.jsonld.processing`); what it finds out is kept here as plain
dictionaries, so that a name costs one look-up. Agreement with the processor is held by a property test.
"""

from collections.abc import Mapping
from typing import Any

from broker.core.jsonld.names import is_iri, is_name
from broker.core.model.errors import BadRequestData

DEFAULT_VOCABULARY = "https://uri.etsi.org/ngsi-ld/default-context/"
"""Where a name goes that no @context maps (clause 4.4, Annex B)."""

CACHE_SIZE = 4_096
"""Names remembered per context and direction: clients choose names, a territory has hundreds."""


class ActiveContext:
    """Maps terms to IRIs and back. Immutable but for its bounded memory of names already worked out.

    `terms`: term to IRI (or JSON-LD keyword), the core context's included, which wins.
    `prefixes`: those terms that JSON-LD lets stand before a colon, with their IRIs.
    `reference`: what stands as `@context` in an `application/ld+json` body: URL, list or object; the user's
    context only, or the core context's URL where there is none.
    `link`: the URL for the Link header, or None where the context has no single URL.
    """

    __slots__ = ("_compacted", "_expanded", "_inverse", "_prefixes", "_terms", "link", "reference")

    def __init__(self, terms: Mapping[str, str], prefixes: Mapping[str, str], reference: Any, link: str | None) -> None:
        self._terms = dict(terms)
        self._prefixes = dict(prefixes)
        self._inverse = _invert(self._terms)
        self._expanded: dict[str, str] = {}
        self._compacted: dict[str, str] = {}
        self.reference = reference
        self.link = link

    def named(self, url: str) -> "ActiveContext":
        """The same context, hosted under a URL (clause 5.13.1)."""
        return ActiveContext(self._terms, self._prefixes, url, url)

    def __len__(self) -> int:
        """How many terms it has, the core's included."""
        return len(self._terms)

    def expand_term(self, term: str) -> str:
        """The IRI of an attribute name or vocabulary word. BadRequestData where it is no name (clause 4.6.2)."""
        iri = self._expanded.get(term)
        if iri is None:
            iri = self._expand(term)
            if len(self._expanded) >= CACHE_SIZE:
                self._expanded.clear()
            self._expanded[term] = iri
        return iri

    def expand_type(self, term: str) -> str:
        """The IRI of an entity type name, by the same rules."""
        return self.expand_term(term)

    def expand_vocab(self, word: str) -> str:
        """The IRI of a VocabProperty's value (clause 4.5.20): any text, not only names. Texts with a scheme stay."""
        return self._terms.get(word) or self._expand_unmapped(word)

    def compact_iri(self, iri: str) -> str:
        """The shortest name that this context has for the IRI; the IRI itself where it has none."""
        term = self._compacted.get(iri)
        if term is None:
            term = self._compact(iri)
            if len(self._compacted) >= CACHE_SIZE:
                self._compacted.clear()
            self._compacted[iri] = term
        return term

    def _expand(self, term: str) -> str:
        if not is_name(term) and not is_iri(term):
            raise BadRequestData(
                f"{term[:100]!r} is not a name: a name starts with a letter and goes on with letters, digits and '_', "
                "with at most one prefix and ':' before it"
            )
        iri = self._terms.get(term)
        if iri is None:
            iri = self._expand_unmapped(term)
        if iri.startswith("@"):
            raise BadRequestData(f"{term!r} stands for the JSON-LD keyword {iri} and cannot be used as a name")
        return iri

    def _expand_unmapped(self, term: str) -> str:
        prefix, colon, suffix = term.partition(":")
        if not colon:
            return DEFAULT_VOCABULARY + term
        if suffix.startswith("//"):
            return term
        if prefix in self._prefixes:
            return self._prefixes[prefix] + suffix
        # Not every text with a colon has a scheme before it.
        return term if is_iri(term) else DEFAULT_VOCABULARY + term

    def _compact(self, iri: str) -> str:
        term = self._inverse.get(iri)
        if term is not None:
            return term
        if iri.startswith(DEFAULT_VOCABULARY):
            suffix = iri[len(DEFAULT_VOCABULARY) :]
            # Only where it comes back: not as a term mapped elsewhere, a prefixed name, or a keyword.
            if suffix and suffix not in self._terms and suffix[0] != "@" and self._expand_unmapped(suffix) == iri:
                return suffix
        curies = [
            f"{prefix}:{iri[len(base) :]}"
            for prefix, base in self._prefixes.items()
            if len(iri) > len(base) and iri.startswith(base) and not iri.startswith("//", len(base))
        ]
        usable = [curie for curie in curies if curie not in self._terms]
        return min(usable, key=_shortest_first) if usable else iri


def _invert(terms: Mapping[str, str]) -> dict[str, str]:
    inverse: dict[str, str] = {}
    for term in sorted(terms, key=_shortest_first):
        inverse.setdefault(terms[term], term)
    return inverse


def _shortest_first(term: str) -> tuple[int, str]:
    return len(term), term
