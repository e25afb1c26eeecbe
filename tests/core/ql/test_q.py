"""The grammar of q (clause 4.9)."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.model.errors import BadRequestData, NgsiLdError, TooComplexQuery
from broker.core.ql.nodes import And, Compare, Exists, Linked, Match, Not, Or, Path, Range, Value
from broker.core.ql.q import parse_q


def _expand(name):
    return "ex:" + name


def _parse(text, **options):
    return parse_q(text, _expand, **options)


def _equals(name, kind, value):
    return Compare(Path(("ex:" + name,)), "==", (Value(kind, value),))


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("20", "number", 20),
        ("-2.5e1", "number", -25.0),
        ('"red"', "string", "red"),
        ('"a;b|c)\\"d"', "string", 'a;b|c)"d'),
        ("true", "boolean", True),
        ("2017-12-24T12:00:00Z", "dateTime", 1514116800000000),
        ("2017-12-24", "date", "2017-12-24"),
        ("12:00:01Z", "time", 43201000000),
        ("urn:ngsi-ld:A:1", "string", "urn:ngsi-ld:A:1"),
        ("http://example.com/red", "string", "http://example.com/red"),
    ],
)
def test_4_9_each_kind_of_value(text, kind, value):
    assert _parse(f"a=={text}") == _equals("a", kind, value)


def test_4_9_and_binds_closer_than_or():
    a, b, c = (Exists(Path((f"ex:{name}",))) for name in "abc")
    assert _parse("a;b|c") == Or((And((a, b)), c))
    assert _parse("a|b;c") == Or((a, And((b, c))))
    assert _parse("(a|b);c") == And((Or((a, b)), c))


def test_4_9_example_6_nests_associations():
    node = _parse('((speed>50|rpm>3000);brandName=="Mercedes")')
    assert isinstance(node, And)
    assert isinstance(node.terms[0], Or)


def test_4_9_a_path_goes_through_sub_attributes_to_a_member():
    node = _parse("temperature.observedAt>=2017-12-24T12:00:00Z")
    assert node == Compare(Path(("ex:temperature",), "observedAt"), ">=", (Value("number", 1514116800000000),))
    assert _parse("sensor.rawdata[airquality.particulate]").path == Path(
        ("ex:sensor", "ex:rawdata"), None, ("airquality", "particulate")
    )


def test_4_9_an_instant_is_compared_with_nothing_but_instants():
    with pytest.raises(BadRequestData, match="observedAt"):
        _parse("temperature.observedAt>=5")


def test_4_9_ranges_and_lists():
    assert _parse("t==10..20").values == (Range(Value("number", 10), Value("number", 20)),)
    assert _parse("t==2.5..3").values == (Range(Value("number", 2.5), Value("number", 3)),)
    assert _parse('t=="a".."f"').values == (Range(Value("string", "a"), Value("string", "f")),)
    assert _parse('color!="black", "red"').values == (Value("string", "black"), Value("string", "red"))


def test_4_9_examples_13_and_14_links():
    term = Compare(Path(("ex:humidity",)), "==", (Value("number", 40),))
    assert _parse("sensor{humidity}==40") == Linked("ex:sensor", (), term)
    assert _parse("sensor{Device:humidity}==40") == Linked("ex:sensor", ("ex:Device",), term)
    assert _parse("a{b{humidity}}==40") == Linked("ex:a", (), Linked("ex:b", (), term))


def test_4_9_example_12_expand_values():
    assert _parse("gender==Male", expand_values=["gender"]) == _equals("gender", "string", "ex:Male")
    with pytest.raises(BadRequestData, match="double quotes"):
        _parse("gender==Male")


def test_4_9_a_pattern_may_hold_the_characters_of_the_grammar():
    assert _parse("name~=^(a|b);x") == And((Match(Path(("ex:name",)), "^(a|b)"), Exists(Path(("ex:x",)))))
    assert _parse("name~=[;|]x") == Match(Path(("ex:name",)), "[;|]x")
    assert _parse('name!~="a;b"') == Match(Path(("ex:name",)), "a;b", negated=True)
    assert _parse("(name~=(a|b))") == Match(Path(("ex:name",)), "(a|b)")


def test_a_negated_path_asks_for_absence():
    assert _parse("!a") == Not(Exists(Path(("ex:a",))))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a==",
        "a=20",
        "==20",
        "a;",
        "a|",
        "(a",
        "a)",
        "a[",
        "a[b",
        "a{b",
        "a>true",
        "a>1,2",
        "a>1..2",
        'a=="x',
        "1a",
        "a==1..",
        "a==1..true",
        "a==1e999",
        "a~=(",
        "a b",
        "a..b",
        "a==1..2..3",
        'a=="\\x"',
    ],
)
def test_4_9_what_is_not_of_the_grammar_is_refused(text):
    with pytest.raises(BadRequestData):
        _parse(text)


@pytest.mark.parametrize("text", ["(" * 40 + "a" + ")" * 40, ";".join("a" * 300), "a" * 20000, "a" + ".a" * 40])
def test_bounds_on_what_is_asked(text):
    with pytest.raises(TooComplexQuery):
        _parse(text)


@given(st.text(alphabet='ab.=!~<>;|()[]{}",:1-T Z*\\', max_size=30))
def test_any_text_is_parsed_or_refused_with_a_typed_error(text):
    with contextlib.suppress(NgsiLdError):
        assert _parse(text) == _parse(text)
