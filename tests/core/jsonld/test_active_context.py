"""Terms to IRIs and back: agreement with the JSON-LD processor, and what NGSI-LD asks beyond it."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyld import jsonld

from broker.core.jsonld.context import CACHE_SIZE, DEFAULT_VOCABULARY, ActiveContext
from broker.core.jsonld.processing import MAX_TERMS, build_context
from broker.core.model.errors import BadRequestData
from schemas import CORE_CONTEXT_PREFIX, CORE_CONTEXT_VERSIONS, DEFAULT_CORE_CONTEXT, read_context

_CORE = read_context(DEFAULT_CORE_CONTEXT)["@context"]  # type: ignore[index]


def _built(*user: dict[str, Any], core: Any = _CORE) -> ActiveContext:
    return build_context(user, core, read_context, reference=None, link=None)


def _pyld_loader(url: str, _options: Any) -> dict[str, Any]:
    return {"contentType": "application/ld+json", "contextUrl": None, "documentUrl": url, "document": read_context(url)}


_NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,5}", fullmatch=True)
_IRIS = _NAMES.map(lambda name: "https://example.org/" + name)
_DEFINITIONS = st.one_of(
    _IRIS,
    _IRIS.map(lambda iri: iri + "/"),
    _IRIS.map(lambda iri: {"@id": iri, "@type": "@id"}),
    _IRIS.map(lambda iri: {"@id": iri, "@type": "@vocab"}),
)
# One term for each IRI: which of several a processor prefers depends on the values they stand for.
_CONTEXTS = st.dictionaries(_NAMES, _DEFINITIONS, max_size=8).map(
    lambda terms: {t: d for t, d in terms.items() if list(terms.values()).count(d) == 1 and t not in _CORE}
)


def _iri_of(definition: Any) -> str:
    return definition if isinstance(definition, str) else definition["@id"]


@given(_CONTEXTS, _NAMES, _NAMES)
@settings(max_examples=40, deadline=None)
def test_expansion_agrees_with_the_json_ld_processor(context: dict[str, Any], name: str, suffix: str) -> None:
    active = _built(context)
    given = {*context, name, *(f"{prefix}:{suffix}" for prefix in [*context, name]), "location", "ngsi-ld:x", "urn:a:b"}
    terms = [term for term in given if not isinstance(_CORE.get(term), dict) and term not in ("id", "type")]
    values = {term: {"@id": f"urn:x:{number}"} for number, term in enumerate(terms)}
    (node,) = jsonld.expand({"@context": [context, _CORE], **values}, {"documentLoader": _pyld_loader})
    expanded = {each["@id"]: iri for iri, nodes in node.items() for each in nodes}
    assert {term: expanded[value["@id"]] for term, value in values.items()} == {
        term: active.expand_term(term) for term in terms
    }


@given(_CONTEXTS, _NAMES)
@settings(max_examples=40, deadline=None)
def test_compaction_agrees_with_the_json_ld_processor(context: dict[str, Any], name: str) -> None:
    iris = {_iri_of(definition) for definition in context.values()}
    if len(iris) < len(context):
        return
    active = _built(context)
    iris |= {DEFAULT_VOCABULARY + name, f"https://example.org/q/{name}", "https://uri.etsi.org/ngsi-ld/location"}
    by_value = {f"urn:x:{number}": iri for number, iri in enumerate(iris)}
    document = {iri: [{"@id": value, "@type": ["urn:t:1"]}] for value, iri in by_value.items()}
    compacted = jsonld.compact([document], [context, _CORE], {"documentLoader": _pyld_loader})
    by_iri = {by_value[value["id"]]: term for term, value in compacted.items() if term != "@context"}
    assert by_iri == {iri: active.compact_iri(iri) for iri in iris}


@given(_CONTEXTS, st.one_of(_NAMES, _IRIS))
@settings(max_examples=40, deadline=None)
def test_what_was_expanded_comes_back_as_something_that_expands_to_the_same(context: dict[str, Any], name: str) -> None:
    active = _built(context)
    if name in ("id", "type"):
        return
    iri = active.expand_term(name)
    assert active.expand_term(active.compact_iri(iri)) == iri


def test_5_5_7_core_context_wins_over_the_user_context() -> None:
    active = _built({"location": "https://example.org/location", "@protected": True})
    assert active.expand_term("location") == "https://uri.etsi.org/ngsi-ld/location"
    assert active.compact_iri("https://example.org/location") == "https://example.org/location"


def test_4_4_names_without_mapping_go_to_the_default_vocabulary_whatever_the_user_sets() -> None:
    active = _built({"@vocab": "https://example.org/", "Room": "Chamber"})
    assert active.expand_term("unknown") == DEFAULT_VOCABULARY + "unknown"
    assert active.expand_type("Room") == "https://example.org/Chamber"


def test_a_term_mapped_elsewhere_is_not_used_for_the_default_iri() -> None:
    active = _built({"almostFull": "https://example.org/almostFull"})
    assert active.compact_iri(DEFAULT_VOCABULARY + "almostFull") == "ngsi-ld:default-context/almostFull"
    assert active.expand_term("ngsi-ld:default-context/almostFull") == DEFAULT_VOCABULARY + "almostFull"


def test_a_term_set_to_null_loses_no_data() -> None:
    assert _built({"secret": None}).expand_term("secret") == DEFAULT_VOCABULARY + "secret"


def test_4_5_20_vocabulary_words_may_be_any_text() -> None:
    active = _built({"big": "https://example.org/big"})
    assert active.expand_vocab("big") == "https://example.org/big"
    assert active.compact_iri(active.expand_vocab("non electric")) == "non electric"


@pytest.mark.parametrize(
    "name", ["", "a b", "1a", "_a", "a<b", "a;b", "a(b)", "a=b", "id", "type", "@id", "a-b", "a" * 3000]
)
def test_4_6_2_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(BadRequestData):
        _built().expand_term(name)


@pytest.mark.parametrize("name", ["température", "a_1", "x:y", "https://example.org/a?b=c", "名前"])
def test_4_6_2_names_are_accepted(name: str) -> None:
    assert ":" in _built().expand_term(name)


@pytest.mark.parametrize(
    "context",
    [
        {"a": {"@id": "https://example.org/a", "@context": {"b": "https://example.org/b"}}},
        {"@import": "https://example.org/context.jsonld"},
        {"a": 5},
        {"a": {"@id": 5}},
        {"a": {"@id": "b"}, "b": {"@id": "a:c"}, "@version": 1.1, "@vocab": 5},
        {f"t{i}": "https://example.org/x" for i in range(MAX_TERMS + 1)},
    ],
)
def test_5_5_7_contexts_that_are_invalid_or_scoped_are_refused(context: dict[str, Any]) -> None:
    with pytest.raises(BadRequestData):
        _built(context)


@pytest.mark.parametrize("version", CORE_CONTEXT_VERSIONS)
def test_every_bundled_core_context_can_be_used(version: str) -> None:
    document = read_context(f"{CORE_CONTEXT_PREFIX}{version}.jsonld")
    assert document is not None
    active = _built(core=document["@context"])
    assert active.expand_term("location") == "https://uri.etsi.org/ngsi-ld/location"
    assert active.expand_term("unknown") == DEFAULT_VOCABULARY + "unknown"


def test_only_exact_core_addresses_are_bundled() -> None:
    assert read_context(f"{CORE_CONTEXT_PREFIX}v1.9-non-existing.jsonld") is None


def test_the_memory_for_names_is_bounded() -> None:
    active = _built()
    for number in range(CACHE_SIZE + 10):
        active.compact_iri(active.expand_term(f"n{number}"))
    assert len(active._expanded) <= CACHE_SIZE
    assert len(active._compacted) <= CACHE_SIZE


def test_the_bundled_contexts_agree_with_the_published_ones() -> None:
    published = Path(__file__).parents[3] / "../shared/contexts"
    if not published.is_dir():
        pytest.skip("the published core contexts (../shared/contexts) are not at hand")
    for version in CORE_CONTEXT_VERSIONS:
        name = f"ngsi-ld-core-context-{version}.jsonld"
        assert read_context(CORE_CONTEXT_PREFIX + f"{version}.jsonld") == json.loads((published / name).read_text())
