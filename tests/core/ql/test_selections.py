"""Type selection (4.17), scopes (4.19), projection (4.21), ordering (4.23), time (4.11) and geo (4.10) as text."""

import pytest

from broker.core.model.errors import BadRequestData, TooComplexQuery
from broker.core.ql.geo import parse_geo
from broker.core.ql.nodes import Path
from broker.core.ql.ordering import Ordering, parse_ordering
from broker.core.ql.projection import Projection, parse_projection
from broker.core.ql.scope import parse_scope
from broker.core.ql.temporal import TemporalQuery, parse_temporal
from broker.core.ql.types import parse_types


def _expand(name):
    return "ex:" + name


@pytest.mark.parametrize(
    ("text", "alternatives"),
    [
        ("Building", (("ex:Building",),)),
        ("Building|House", (("ex:Building",), ("ex:House",))),
        ("Building,House", (("ex:Building",), ("ex:House",))),
        ("(Home;Vehicle)", (("ex:Home", "ex:Vehicle"),)),
        ("(Home;Vehicle),Motorhome", (("ex:Home", "ex:Vehicle"), ("ex:Motorhome",))),
        ("*", ((),)),
    ],
)
def test_4_17_type_selection(text, alternatives):
    assert parse_types(text, _expand).alternatives == alternatives


def test_4_17_parentheses_around_all_of_it_mean_nothing() -> None:
    assert parse_types("(A|B)", str.lower) == parse_types("A|B", str.lower)
    assert parse_types("(A;B)|(C;D)", str.lower).alternatives == (("a", "b"), ("c", "d"))


@pytest.mark.parametrize("text", ["", "A||B", "(A", "A)", "A B", "(A|B);C", "A;;B", "1A"])
def test_4_17_refuses_what_is_no_selection(text):
    with pytest.raises(BadRequestData):
        parse_types(text, _expand)


@pytest.mark.parametrize(
    ("text", "matching", "other"),
    [
        ("/Madrid", "/Madrid", "/Madrid/Gardens"),
        ("/Madrid/Gardens/#", "/Madrid/Gardens", "/Madrid"),
        ("/Madrid/Gardens/#", "/Madrid/Gardens/North/P1", "/Madrid/GardensNorth"),
        ("/Madrid/+/North", "/Madrid/Sights/North", "/Madrid/North"),
        ("/#", "/Any", None),
        ("/A,/B", "/B", "/C"),
        ("(/A;/B)|C", "/C", "/A"),
    ],
)
def test_4_19_scopes(text, matching, other):
    query = parse_scope(text)
    assert query.matches([matching])
    assert not query.matches([other] if other else None)
    assert not query.matches([])


def test_4_19_a_conjunction_may_be_met_by_several_scopes():
    assert parse_scope("(/A;/B)").matches(["/A", "/B"])


def test_4_21_projection():
    assert parse_projection("temperature,humidity", _expand) == Projection(frozenset({"ex:temperature", "ex:humidity"}))
    nested = parse_projection("id|observation{temperature,humidity},x", _expand)
    assert nested.names == {"id", "ex:observation", "ex:x"}
    assert nested.linked["ex:observation"].names == {"ex:temperature", "ex:humidity"}


@pytest.mark.parametrize("text", ["", ",", "a,", "a{", "a{}", "a{b", "a}b", "a b", "1"])
def test_4_21_refuses_what_is_no_projection(text):
    with pytest.raises(BadRequestData):
        parse_projection(text, _expand)


def test_4_21_bounds():
    with pytest.raises(TooComplexQuery):
        parse_projection("a{" * 50 + "a" + "}" * 50, _expand)


def test_4_23_ordering():
    assert parse_ordering("name,age;desc", _expand) == (Ordering(Path(("ex:name",))), Ordering(Path(("ex:age",)), True))
    by_distance = parse_ordering("location;dist-asc", _expand, order_from="[8,40]")[0]
    assert by_distance.distance_from == {"type": "Point", "coordinates": [8, 40]}
    for wrong in ("name;up", "location;dist-asc", "", "a==1"):
        with pytest.raises(BadRequestData):
            parse_ordering(wrong, _expand)


def test_4_11_temporal():
    at = "2017-12-13T14:20:00Z"
    assert parse_temporal("before", at) == TemporalQuery(None, 1513174800000000)
    assert parse_temporal("between", at, at, "modifiedAt").timeproperty == "modifiedAt"
    for wrong in (
        ("between", at, None),
        ("during", at),
        ("before", None),
        ("before", "yesterday"),
        ("after", at, at, "x"),
    ):
        with pytest.raises(BadRequestData):
            parse_temporal(*wrong)


def test_4_10_geo():
    near = parse_geo("near;maxDistance==2000", "Point", "[8,40]")
    assert (near.max_distance, near.min_distance) == (2000, None)
    assert parse_geo("near;minDistance==2.5", "Point", [8, 40]).min_distance == 2.5
    assert parse_geo("disjoint", "Point", [8, 40], "ex:area").geoproperty == "ex:area"


@pytest.mark.parametrize(
    ("georel", "geometry", "coordinates"),
    [
        ("near", "Point", "[8,40]"),
        ("near;maxDistance==0", "Point", "[8,40]"),
        ("near;maxDistance==-5", "Point", "[8,40]"),
        ("near;maxDistance=5", "Point", "[8,40]"),
        ("inside", "Point", "[8,40]"),
        ("within", "GeometryCollection", "[8,40]"),
        ("within", "Point", "8,40"),
        ("within", "Point", "[40]"),
        ("within", "Point", "[8,91]"),
        ("within", "Point", "[true,1]"),
        ("within", "LineString", "[[8,40]]"),
        ("within", "Polygon", "[[[0,0],[1,0],[1,1],[0,1]]]"),
        ("within", "Polygon", "[[0,0],[1,0],[1,1],[0,0]]"),
        ("within", "Point", "[" * 100_000),
    ],
)
def test_4_10_refuses_what_is_no_geoquery(georel, geometry, coordinates):
    with pytest.raises(BadRequestData):
        parse_geo(georel, geometry, coordinates)
