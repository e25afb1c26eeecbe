"""Expressions of provisioning: JEXL with JavaScript's values and FIWARE's transforms."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.core.errors import InvalidDescription
from agents.core.jexl.evaluate import NOW, expression
from agents.core.jexl.parse import DEPTH_LIMIT, LENGTH_LIMIT
from agents.core.jexl.transforms import TRANSFORMS
from agents.core.jexl.values import NotEvaluable


def value(source: str, **context: Any) -> Any:
    return expression(source).evaluate(context)


@pytest.mark.parametrize(
    ("source", "context", "expected"),
    [
        ("temp*1.8+32", {"temp": 20}, 68),
        ("1-2-3", {}, -4),
        ("2+3*4", {}, 14),
        ("(2+3)*4", {}, 20),
        ("7//2", {}, 3),
        ("-7%3", {}, -1),
        ("2^10", {}, 1024),
        ("-x+3", {"x": 1}, 2),
        ("'a'+x", {"x": 21.0}, "a21"),
        ("x+'%'", {"x": 0.5}, "0.5%"),
        ("'5'*2", {}, 10),
        ("a==1", {"a": "1"}, True),
        ("a!=1", {"a": "x"}, True),
        ("a>=1 && a<3", {"a": 2}, True),
        ("a||'none'", {"a": ""}, "none"),
        ("a?:'none'", {}, "none"),
        ("a ? 1 : 2", {}, 2),
        ("!a", {"a": []}, False),
        ("'b' in 'abc'", {}, True),
        ("3 in [1,2,'3']", {}, True),
        ("a.b.c", {"a": {"b": {"c": 5}}}, 5),
        ("a['b c']", {"a": {"b c": 5}}, 5),
        ("l[1]", {"l": [1, 2]}, 2),
        ("l[.v>1].v", {"l": [{"v": 1}, {"v": 5}]}, 5),
        ("{a: x, 'b': [1, x]}", {"x": 2}, {"a": 2, "b": [1, 2]}),
        ("true", {}, True),
        ("'it\\'s'", {}, "it's"),
        ("température", {"température": 3}, 3),
    ],
)
def test_expressions_have_the_values_that_javascript_gives_them(
    source: str, context: dict[str, Any], expected: Any
) -> None:
    found = value(source, **context)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("source", "context", "expected"),
    [
        ("x|jsonparse", {"x": '{"a":1}'}, {"a": 1}),
        ("x|jsonparse", {"x": "{"}, None),
        ("x|jsonstringify", {"x": {"a": 1}}, '{"a":1}'),
        ("x|indexOf('l')", {"x": "hello"}, 2),
        ("x|length", {"x": "hello"}, 5),
        ("x|trim", {"x": " a "}, "a"),
        ("x|substr(1,3)", {"x": "hello"}, "ell"),
        ("x|addreduce", {"x": [1, 2, 3.5]}, 6.5),
        ("x|lengtharray", {"x": [1, 2]}, 2),
        ("x|typeof", {"x": 1}, "number"),
        ("x|isarray", {"x": [1]}, True),
        ("x|isnan", {"x": "a"}, True),
        ("x|parseint", {"x": "12.7 kg"}, 12),
        ("x|parseint", {"x": "kg"}, None),
        ("x|parsefloat", {"x": "12.7 kg"}, 12.7),
        ("x|toisodate", {"x": 0}, "1970-01-01T00:00:00.000Z"),
        ("x|toisostring", {"x": "2026-11-23T10:00:00+02:00"}, "2026-11-23T08:00:00.000Z"),
        ("x|toisodate", {"x": "yesterday"}, None),
        ("x|gettime", {"x": "1970-01-01T00:00:01Z"}, 1000),
        ("x|timeoffset", {"x": "2026-07-01T00:00:00Z"}, 0),
        ("x|tostring", {"x": 1.0}, "1"),
        ("x|urlencode", {"x": "a b/é"}, "a%20b/%C3%A9"),
        ("x|urldecode", {"x": "a%20b"}, "a b"),
        ("x|replacestr('a','b')", {"x": "aaa"}, "baa"),
        ("x|replaceallstr('a','b')", {"x": "aaa"}, "bbb"),
        ("x|replaceregexp('[0-9]+','#')", {"x": "a12b3"}, "a#b3"),
        ("x|replaceallregexp('([0-9]+)','<$1>')", {"x": "a12b3"}, "a<12>b<3>"),
        ("x|split(',')", {"x": "a,b"}, ["a", "b"]),
        ("x|joinarrtostr('-')", {"x": [1, "b"]}, "1-b"),
        ("x|concatarr([3])", {"x": [1]}, [1, 3]),
        ("x|mapper(['1',1],['text','number'])", {"x": 1}, "number"),
        ("x|mapper([2],['two'])", {"x": 1}, None),
        ("x|thmapper([10,20,30],['low','mid','high'])", {"x": 20}, "mid"),
        ("x|thmapper([10],['low'])", {"x": 20}, None),
        ("x|bitwisemask(6,'&',1)", {"x": 7}, 3),
        ("x|bitwisemask(1,'|',0)", {"x": 6}, 7),
        ("x|slice(0,2)", {"x": [1, 2, 3]}, [1, 2]),
        ("x|addset(2)|addset(1)", {"x": [1, 1]}, [1, 2]),
        ("x|removeset(1)", {"x": [1, 2, 1, 3]}, [2, 3]),
        ("x|touppercase", {"x": "a"}, "A"),
        ("x|tolowercase", {"x": "A"}, "a"),
        ("x|round", {"x": 2.5}, 3),
        ("x|round", {"x": -2.5}, -2),
        ("x|floor", {"x": -1.5}, -2),
        ("x|ceil", {"x": 1.2}, 2),
        ("x|tofixed(2)", {"x": 1.005}, "1.00"),
        ("x|tofixed(1)", {"x": "3.25"}, "3.3"),
        ("x|localestringnumber('de-DE')", {"x": 1234567.891}, "1.234.567,891"),
        ("x|localestring('en-GB',{timeZone:'Europe/Luxembourg'})", {"x": 0}, "01/01/1970, 01:00:00"),
        ("x|hextostring", {"x": "68c3a9"}, "hé"),
        ("x|hextostring", {"x": "6"}, None),
        ("x|valuePicker(1)", {"x": {"a": 1, "b": 2}}, ["a"]),
        ("x|valuePickerMulti([1,2])", {"x": {"a": 1, "b": 2, "c": 3}}, ["a", "b"]),
        ("x|hash", {"x": "x"}, "00000078"),
        ("0|now", {NOW: 1_500_000}, 1_500),
    ],
)
def test_transforms_give_what_fiware_documents(source: str, context: dict[str, Any], expected: Any) -> None:
    assert expression(source).evaluate(context) == expected


def test_every_transform_of_the_contract_is_there() -> None:
    contract = """jsonparse jsonstringify indexOf length trim substr addreduce lengtharray typeof isarray isnan parseint
        parsefloat toisodate timeoffset tostring urlencode urldecode replacestr replaceregexp replaceallregexp split
        joinarrtostr concatarr mapper thmapper bitwisemask slice addset removeset touppercase tolowercase round floor
        ceil tofixed gettime toisostring localestring localestringnumber hextostring valuePicker valuePickerMulti
        hash"""
    assert set(contract.split()) <= set(TRANSFORMS)


@pytest.mark.parametrize("source", ["a+1", "a*2", "a|trim", "'x'+a", "[1]|joinarrtostr(',')+a", "-a", "a>1"])
def test_a_missing_input_is_told_and_gives_no_value(source: str) -> None:
    for context in ({}, {"a": None}):
        with pytest.raises(NotEvaluable, match="missing or null"):
            expression(source).evaluate(context)


@pytest.mark.parametrize("source", ["1/0", "1e308*10", "'a'*2", "'x'|tofixed", "[1]|slice('a')", "10^400"])
def test_what_has_no_value_in_json_is_told(source: str) -> None:
    with pytest.raises(NotEvaluable):
        value(source)


@pytest.mark.parametrize(
    "source", ["", "1+", "(1", "a|nosuch", "a b", "{1", "[1,", "'open", "a..b", "#", ".x", "{a}", "a|", "x?1"]
)
def test_what_is_not_well_formed_is_refused_at_provisioning(source: str) -> None:
    with pytest.raises(InvalidDescription):
        expression(source)


def test_length_and_depth_are_bounded() -> None:
    for source in (
        "(" * (DEPTH_LIMIT + 1) + "1" + ")" * (DEPTH_LIMIT + 1),
        "1+" * LENGTH_LIMIT + "1",
        "!" * 5000 + "1",
    ):
        with pytest.raises(InvalidDescription):
            expression(source)


@pytest.mark.parametrize(
    "pattern", ["(a+)+$", "(a|a)*b", "a*a*a*a*a*b", "(a?){30}a{30}", "(?=a)a", "(a)\\1", "a?" * 40 + "a" * 40]
)
def test_patterns_that_could_stop_the_agent_are_refused_on_long_texts(pattern: str) -> None:
    with pytest.raises(NotEvaluable):
        value("x|replaceallregexp(p,'-')", x="a" * 5_000, p=pattern)


def test_texts_and_lists_that_an_expression_makes_are_bounded() -> None:
    with pytest.raises(NotEvaluable):
        value("x+x", x="a" * 40_000)
    with pytest.raises(NotEvaluable):
        value("x|split('')", x="a" * 20_000)
    with pytest.raises(NotEvaluable):
        value("x|replaceallstr('a', y)", x="a" * 60_000, y="b" * 60_000)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(sorted(TRANSFORMS)), _json, st.lists(_json, max_size=3))
def test_no_value_breaks_a_transform(name: str, given_value: Any, arguments: list[Any]) -> None:
    names = [f"a{n}" for n in range(len(arguments))]
    source = expression(f"x|{name}({','.join(names)})")
    try:
        found = source.evaluate({"x": given_value, **dict(zip(names, arguments, strict=True))})
    except NotEvaluable:
        return
    assert not isinstance(found, float) or math.isfinite(found)
    json.dumps(found)


@given(st.text(alphabet="ab1.'[](){}|?:!-+*/ ,\\\"&=<>in", max_size=40))
def test_any_text_is_an_expression_or_refused(source: str) -> None:
    try:
        expression(source).evaluate({"a": 1, "b": [1]})
    except (InvalidDescription, NotEvaluable):
        return
