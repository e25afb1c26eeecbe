"""The reference evaluator by the sentences of clauses 4.9, 4.10 and 4.17."""

import pytest

from broker.core.model.entity import Entity
from broker.core.ql.ast import EntityQuery, EntitySelector
from broker.core.ql.evaluate import satisfies
from broker.core.ql.geo import LOCATION, parse_geo
from broker.core.ql.order import ordered
from broker.core.ql.ordering import parse_ordering
from broker.core.ql.q import parse_q
from broker.core.ql.types import parse_types


def _same(name):
    return name


def _entity(identifier="urn:e:1", **attributes):
    return Entity(
        identifier, ["T"], {name: each if isinstance(each, list) else [each] for name, each in attributes.items()}
    )


def _property(value, **members):
    return {"type": "Property", "value": value, **members}


def _holds(text, entity, **options):
    return satisfies(entity, EntityQuery(q=parse_q(text, _same, **options)))


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ('c=="red"', "red", True),
        ('c=="red"', ["blue", "red"], True),
        ('c=="red"', [["red"]], False),
        ('c=="black","red"', "red", True),
        ("c==10..20", 20, True),
        ("c==10..20", 21, False),
        ("c==1", True, False),
        ("c==1", "1", False),
        ("c==true", 1, False),
        ("c==1", 1.0, True),
        ('c!="red"', ["blue", "red"], False),
        ('c!="red"', ["blue"], True),
        ('c!="red"', 5, True),
        ("c!=10..20", 9, True),
        ("c!=10..20", 15, False),
        ("c>5", [6], False),
        ("c>5", "6", False),
        ("c>5", True, False),
        ("c>=5", 5, True),
        ("c<5", 5, False),
        ("c[x.y]==40", {"x": {"y": 40}}, True),
        ("c[x.y]==40", {"x": [{"y": 40}]}, False),
        ("c[x]", {"y": 1}, False),
        ("c[x]!=1", {"y": 1}, False),
        ('c~="r.d"', "red", True),
        ('c~="r.d"', ["red"], False),
        ('c!~="r.d"', "blue", True),
        ('c!~="r.d"', 5, False),
        ("c>2020-01-01T00:00:00Z", "2020-01-01T01:30:00+01:00", True),
        ("c>2020-01-01T00:00:00Z", {"@type": "DateTime", "@value": "2020-01-01T00:00:00.5Z"}, True),
        ("c>2020-01-01T00:00:00Z", "2021-01-01", False),
        ("c==2020-01-01..2020-02-01", "2020-01-15", True),
        ("c<12:00:00Z", "11:59:59.9Z", True),
    ],
)
def test_4_9_operators_on_a_property(text, value, expected):
    assert _holds(text, _entity(c=_property(value))) is expected


def test_4_9_no_operator_holds_without_the_target():
    for text in (
        "c",
        "c==1",
        "c!=1",
        "c>1",
        "c<1",
        'c~="."',
        'c!~="x"',
        "c.x!=1",
        "c.observedAt!=2020-01-01T00:00:00Z",
    ):
        assert not _holds(text, _entity(d=_property(1)))
    assert _holds("!c", _entity(d=_property(1)))


def test_4_9_one_of_several_instances_is_enough():
    entity = _entity(c=[_property(1), _property(30, datasetId="urn:d:1")])
    assert _holds("c>20", entity)
    assert _holds("c!=1", entity)
    assert not satisfies(entity, EntityQuery(q=parse_q("c>20", _same), dataset_ids=("@none",)))
    assert satisfies(entity, EntityQuery(q=parse_q("c>20", _same), dataset_ids=("urn:d:1",)))


def test_4_9_languages():
    colour = {"type": "LanguageProperty", "languageMap": {"fr": ["chat", "rouge"], "en": "red"}}
    entity = _entity(c=colour)
    for text in ('c[en]=="red"', 'c[*]=="rouge"', 'c=="red"', 'c[fr]!="red"', 'c[*]!="rot"'):
        assert _holds(text, entity)
    for text in ('c[en]=="rouge"', 'c[de]=="rot"', 'c[de]!="rot"', 'c[*]!="red"', 'c!="rouge"', 'c[fr]!="chat"'):
        assert not _holds(text, entity)


def test_4_9_relationships_know_equality_alone():
    entity = _entity(r={"type": "Relationship", "object": ["urn:x:1", "urn:x:2"]})
    assert _holds("r==urn:x:1", entity)
    assert _holds('r=="urn:x:2"', entity)
    assert _holds("r!=urn:x:3", entity)
    for text in ("r!=urn:x:1", 'r>"a"', 'r~="urn"', "r==5"):
        assert not _holds(text, entity)


def test_4_9_vocabulary_values_are_expanded_on_request():
    entity = _entity(**{"ex:g": {"type": "VocabProperty", "vocab": "ex:Male"}})
    query = EntityQuery(q=parse_q("g==Male", lambda name: "ex:" + name, expand_values=["g"]))
    assert satisfies(entity, query)


def test_4_9_example_13_follows_links():
    device = Entity("urn:d:1", ["Device"], {"humidity": [_property(40)]})
    station = _entity(sensor={"type": "Relationship", "object": "urn:d:1"})
    for text, expected in (
        ("sensor{humidity}==40", True),
        ("sensor{Device:humidity}==41", False),
        ("sensor{X:humidity}", False),
    ):
        assert satisfies(station, EntityQuery(q=parse_q(text, _same)), {"urn:d:1": device}.get) is expected
    assert not _holds("sensor{humidity}", station)


def test_5_7_2_selectors_are_alternatives_and_their_members_conditions():
    entity = Entity("urn:e:1", ["A", "B"], {})
    both, other = parse_types("(A;B)", _same), parse_types("C", _same)
    assert satisfies(entity, EntityQuery((EntitySelector(types=other), EntitySelector(("urn:e:1",), "e:.$", both))))
    assert not satisfies(entity, EntityQuery((EntitySelector(("urn:e:1",), None, other),)))


def _place(geometry, *coordinates):
    return _entity(
        **{LOCATION: {"type": "GeoProperty", "geometry": {"type": geometry, "coordinates": list(coordinates)}}}
    )


SQUARE = [[[0, 0], [2, 0], [2, 2], [0, 2], [0, 0]]]


@pytest.mark.parametrize(
    ("georel", "geometry", "coordinates", "target", "expected"),
    [
        ("near;maxDistance==112000", "Point", [0, 1], ("Point", 0, 0), True),
        ("near;maxDistance==111000", "Point", [0, 1], ("Point", 0, 0), False),
        ("near;minDistance==111000", "Point", [0, 1], ("Point", 0, 0), True),
        ("near;maxDistance==112000", "Point", [0, 1], ("LineString", [0, 0], [0, -5]), False),
        ("near;minDistance==112000", "Point", [0, 1], ("LineString", [0, 0], [0, -5]), False),
        ("near;maxDistance==50", "Point", [179.9999, 0], ("Point", -179.9999, 0), True),
        ("within", "Polygon", SQUARE, ("Point", 1, 1), True),
        ("within", "Polygon", SQUARE, ("Point", 2, 1), False),
        ("intersects", "Polygon", SQUARE, ("Point", 2, 1), True),
        ("disjoint", "Polygon", SQUARE, ("Point", 3, 1), True),
        ("contains", "Point", [1, 1], ("Polygon", *SQUARE), True),
        ("contains", "Point", [3, 1], ("Polygon", *SQUARE), False),
        ("overlaps", "Polygon", SQUARE, ("Polygon", [[1, 1], [3, 1], [3, 3], [1, 3], [1, 1]]), True),
        ("overlaps", "Polygon", SQUARE, ("Polygon", *SQUARE), False),
        ("equals", "Polygon", SQUARE, ("Polygon", [[2, 0], [2, 2], [0, 2], [0, 0], [2, 0]]), True),
    ],
)
def test_4_10_relations(georel, geometry, coordinates, target, expected):
    query = EntityQuery(geo=parse_geo(georel, geometry, coordinates))
    assert satisfies(_place(*target), query) is expected
    assert not satisfies(_entity(), query)


def test_4_23_2_types_of_values_have_an_order_and_what_is_missing_comes_last():
    values = [5, "b", {"k": 1}, [1], False, "10:00:00Z", "2020-01-01", "2020-01-01T00:00:00Z", None]
    entities = [_entity(f"urn:e:{number}", a=_property(value)) for number, value in enumerate(values)]
    entities = [_entity("urn:e:9"), *reversed(entities)]
    for text, numbers in (("a", "0123456789"), ("a;desc", "7654321089")):
        found = ordered(entities, parse_ordering(text, _same))
        assert [entity.id[-1] for entity in found] == list(numbers)


def test_4_23_texts_come_by_letters_then_accents_then_case_and_ties_by_id():
    names = ["Zoe", "zoé", "Émile", "emile", "Emile", "emile"]
    found = ordered(
        [_entity(f"urn:e:{n}", a=_property(name)) for n, name in enumerate(names)], parse_ordering("a", _same)
    )
    assert [entity.id[-1] for entity in found] == ["3", "5", "4", "2", "0", "1"]


def test_4_23_by_distance():
    places = [_place("Point", 5, 0), _place("Point", 1, 0), _entity()]
    order = parse_ordering(LOCATION.rsplit("/", 1)[1] + ";dist-asc", lambda _: LOCATION, order_from=[0, 0])
    assert ordered(places, order) == [places[1], places[0], places[2]]
