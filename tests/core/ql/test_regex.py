"""Regular expressions of clients: right answers, and no pattern that stops the broker (ADR 7)."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.model.errors import BadRequestData, TooComplexQuery
from broker.core.ql.pattern_text import literal_of, prefix_of
from broker.core.ql.regex import compile_pattern

_atoms = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", "[a-c]", "\\.", "\\d", "^", "$", "c"])
_patterns = st.recursive(
    _atoms,
    lambda inner: (
        st.lists(inner, max_size=3).map("".join)
        | st.builds(lambda a, b: f"({a}|{b})", inner, inner)
        | st.builds(lambda a, b: f"{a}|{b}", inner, inner)
        | st.builds(
            lambda a, times: f"(?:{a}){times}", inner, st.sampled_from(["*", "+", "?", "{2}", "{1,2}", "{0,1}"])
        )
    ),
    max_leaves=6,
)


@given(_patterns, st.text(alphabet="abc.1", max_size=6))
def test_patterns_find_what_python_finds(pattern, text):
    assert compile_pattern(pattern).search(text) == (re.search(pattern.replace("$", r"\Z"), text) is not None)


@given(_patterns, st.text(alphabet="abc.1", max_size=6))
def test_what_is_taken_for_literal_means_the_same(pattern, text):
    found = compile_pattern(pattern).search(text)
    literal = literal_of(pattern)
    if literal is not None:
        begins, plain, ends = literal
        rebuilt = ("^" if begins else "") + re.escape(plain) + (r"\Z" if ends else "")
        assert found == (re.search(rebuilt, text) is not None)
    if found:
        assert text.startswith(prefix_of(pattern))


def test_a_pattern_that_backtracks_elsewhere_ends_at_once():
    assert not compile_pattern("^(a+)+(b|a*)*c$").search("a" * 5_000)


def test_4_9_a_pattern_is_found_anywhere_unless_anchored():
    assert compile_pattern("red").search("infrared light")
    assert not compile_pattern("^red$").search("infrared")
    assert compile_pattern("(?i)MERC").search("mercedes")
    assert compile_pattern("[[:digit:]]+x").search("12x")


@pytest.mark.parametrize(
    "pattern", ["(", ")", "[a", "a**", "*", "(?=a)", "(?P<n>a)", "\\1", "a\\", "[b-a]", "a{3,2}", "a{999}", "[[:no:]]"]
)
def test_what_is_no_pattern_is_refused(pattern):
    with pytest.raises(BadRequestData):
        compile_pattern(pattern)


@pytest.mark.parametrize("pattern", ["((a{255}){255}){255}", "a" * 2000, "(" * 30 + "a" + ")" * 30])
def test_what_is_too_large_is_refused(pattern):
    with pytest.raises(TooComplexQuery):
        compile_pattern(pattern)
