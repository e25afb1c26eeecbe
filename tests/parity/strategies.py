"""Entities and queries for parity: few names and values, so that questions often meet answers."""

from hypothesis import strategies as st

from broker.core.model.entity import Entity
from broker.core.ql.ast import EntityQuery, EntitySelector
from broker.core.ql.geo import LOCATION, GeoQuery
from broker.core.ql.nodes import And, Compare, Exists, Linked, Match, Not, Or, Path, Range, Value
from broker.core.ql.scope import parse_scope
from broker.core.ql.types import TypeSelection

NOW = 1_800_000_000_000_000
NAMES = ["https://example.org/a", "https://example.org/$b.c", "urn:c%2E"]
INSTANT = 1_700_000_000_000_000

TEXTS = ["", "red", "Red", "blue", "urn:x:1", "$a", "a.b", "é", "2023-11-14T22:13:20Z", "2023-11-14", "12:00:00Z"]
TEXTS += ["2023-11-15T10:13:20+12:00", "2023-11-14T22:13:20.5Z", "red\n"]
IRIS = ["urn:x:1", "urn:x:2", "urn:e:0", "urn:e:1", "red"]
NUMBERS = [0, 1, -1, 20, 20.0, 20.5, 2**53 + 1, 2.0**53, 2**62, -0.0, 1e300]

texts = st.sampled_from(TEXTS)
iris = st.sampled_from(IRIS)
numbers = st.sampled_from(NUMBERS)
scalars = texts | numbers | st.booleans() | st.none()
members = st.sampled_from(["x", "y", "en", "fr"])
typed = st.builds(lambda text: {"@type": "DateTime", "@value": text}, texts)
values = st.recursive(
    scalars | typed,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(members, inner, max_size=2),
    max_leaves=5,
)
some_iris = iris | st.lists(iris, max_size=3)
languages = st.sampled_from(["en", "fr", "x"])

POINTS = [[8.0, 40.0], [8.01, 40.0], [8.5, 40.5], [9.0, 41.0], [10.0, 40.0], [-170.0, -40.0]]
points = st.sampled_from(POINTS)
SQUARE = [[[8.0, 40.0], [9.0, 40.0], [9.0, 41.0], [8.0, 41.0], [8.0, 40.0]]]
INNER = [[[8.2, 40.2], [8.6, 40.2], [8.6, 40.6], [8.2, 40.6], [8.2, 40.2]]]
geometries = (
    st.builds(lambda p: {"type": "Point", "coordinates": p}, points)
    | st.sampled_from([{"type": "Polygon", "coordinates": SQUARE}, {"type": "Polygon", "coordinates": INNER}])
    | st.sampled_from(
        [
            {"type": "LineString", "coordinates": [[8.0, 40.0], [8.5, 40.5]]},
            {"type": "LineString", "coordinates": [[7.5, 40.5], [9.5, 40.5]]},
            {"type": "MultiPoint", "coordinates": [[8.0, 40.0], [10.0, 40.0]]},
        ]
    )
)

KINDS = {
    "Property": ("value", values),
    "GeoProperty": ("geometry", geometries),
    "Relationship": ("object", some_iris),
    "LanguageProperty": ("languageMap", st.dictionaries(languages, texts | st.lists(texts, max_size=2), max_size=2)),
    "VocabProperty": ("vocab", some_iris),
    "JsonProperty": ("json", values),
    "ListProperty": ("valueList", st.lists(values, max_size=3)),
    "ListRelationship": ("objectList", st.lists(iris, max_size=3)),
}
KIND_NAMES = [*KINDS, "Property", "Property", "Property", "LanguageProperty"]
names = st.sampled_from(NAMES)


@st.composite
def instances(draw, depth=1):
    kind = draw(st.sampled_from(KIND_NAMES))
    member, content = KINDS[kind]
    instance = {"type": kind, member: draw(content), "createdAt": NOW, "modifiedAt": NOW}
    if draw(st.integers(0, 3)) == 0:
        instance["datasetId"] = draw(st.sampled_from(["urn:d:1", "urn:d:2"]))
    if draw(st.integers(0, 3)) == 0:
        instance["observedAt"] = draw(st.sampled_from([INSTANT - 1, INSTANT, INSTANT + 1]))
    if depth and draw(st.integers(0, 2)) == 0:
        below = st.lists(instances(depth=0), min_size=1, max_size=2)
        instance["attributes"] = draw(st.dictionaries(names, below, min_size=1, max_size=2))
    return instance


@st.composite
def entities(draw, number=0):
    attributes = draw(st.dictionaries(names, st.lists(instances(), min_size=1, max_size=2), max_size=3))
    if draw(st.booleans()):
        attributes[LOCATION] = [{"type": "GeoProperty", "geometry": draw(geometries)}]
    return Entity(
        f"urn:e:{number}",
        draw(st.lists(st.sampled_from(["T1", "T2", "T3"]), min_size=1, max_size=2, unique=True)),
        attributes,
        draw(st.none() | st.lists(st.sampled_from(["/a", "/a/b", "/a/b/c", "/b"]), min_size=1, max_size=2)),
        INSTANT,
        NOW,
        draw(st.sampled_from([None, None, None, NOW + 1, NOW, NOW - 1])),
    )


stores = st.integers(1, 6).flatmap(lambda count: st.tuples(*(entities(number=number) for number in range(count))))

exact_values = (
    st.builds(lambda v: Value("number", v), numbers)
    | st.builds(lambda v: Value("string", v), texts)
    | st.builds(lambda v: Value("boolean", v), st.booleans())
)
dated_values = (
    st.builds(lambda v: Value("dateTime", v), st.sampled_from([INSTANT - 1, INSTANT, INSTANT + 1, INSTANT + 500_000]))
    | st.just(Value("date", "2023-11-14"))
    | st.just(Value("time", 43_200_000_000))
)
all_values = exact_values | exact_values | dated_values
ranges = (
    st.builds(lambda a, b: Range(Value("number", a), Value("number", b)), numbers, numbers)
    | st.builds(lambda a, b: Range(Value("string", a), Value("string", b)), texts, texts)
    | st.builds(lambda a, b: Range(Value("dateTime", a), Value("dateTime", a + b)), st.just(INSTANT), st.integers(0, 9))
)
trails = st.sampled_from([(), (), (), ("x",), ("en",), ("*",), ("x", "y"), ("@value",)])
attribute_paths = st.builds(Path, st.lists(names, min_size=1, max_size=2).map(tuple), st.none(), trails)
instant_paths = st.builds(Path, names.map(lambda name: (name,)), st.just("observedAt")) | st.just(Path((), "createdAt"))
text_paths = st.sampled_from([Path((), "id"), Path((), "type"), Path((), "scope"), Path((NAMES[0],), "datasetId")])
orders = st.sampled_from([">", ">=", "<", "<="])
equalities = st.sampled_from(["==", "!="])
ordered_values = all_values.filter(lambda value: value.kind != "boolean")
PATTERNS = ["red", "^r", "d$", "^red$", ".*e.*", "", "r.d", "(?i)red", "[a-z]+", "\\$", "a\\.b", "^$"]
patterns = st.sampled_from(PATTERNS)
instants = st.builds(lambda v: Value("number", v), st.sampled_from([INSTANT - 1, INSTANT, INSTANT + 1]))

leaves = (
    st.builds(Exists, attribute_paths | instant_paths | text_paths)
    | st.builds(Compare, attribute_paths, equalities, st.lists(all_values | ranges, min_size=1, max_size=2).map(tuple))
    | st.builds(Compare, attribute_paths, equalities, exact_values.map(lambda value: (value,)))
    | st.builds(Compare, attribute_paths, orders, ordered_values.map(lambda value: (value,)))
    | st.builds(Compare, instant_paths, orders | equalities, instants.map(lambda value: (value,)))
    | st.builds(Compare, text_paths, orders | equalities, iris.map(lambda iri: (Value("string", iri),)))
    | st.builds(Match, attribute_paths | text_paths, patterns, st.booleans())
)
intervals = st.builds(
    lambda path, pairs: And(tuple(Compare(path, operator, (value,)) for operator, value in pairs)),
    attribute_paths,
    st.lists(st.tuples(orders, ordered_values | numbers.map(lambda v: Value("number", v))), min_size=2, max_size=3),
)
nodes = st.recursive(
    leaves | intervals,
    lambda inner: (
        st.builds(Not, inner)
        | st.builds(lambda terms: And(tuple(terms)), st.lists(inner, min_size=1, max_size=3))
        | st.builds(lambda terms: Or(tuple(terms)), st.lists(inner, min_size=1, max_size=3))
    ),
    max_leaves=4,
) | st.builds(Linked, names, st.sampled_from([(), ("T1",)]), leaves | st.builds(Linked, names, st.just(()), leaves))

geo_queries = (
    st.builds(
        GeoQuery,
        st.sampled_from(["within", "contains", "overlaps", "intersects", "equals", "disjoint"]),
        geometries,
        st.sampled_from([LOCATION, LOCATION, NAMES[0]]),
    )
    | st.builds(
        lambda geometry, metres: GeoQuery("near", geometry, max_distance=metres),
        geometries,
        st.sampled_from([1.0, 1_000.0, 5e6, 2e7]) | st.floats(10_000, 200_000),
    )
    | st.builds(
        lambda geometry, metres: GeoQuery("near", geometry, min_distance=metres),
        geometries,
        st.sampled_from([1.0, 100_000.0]),
    )
)
type_selections = st.sampled_from([(("T1",),), (("T1", "T2"),), (("T1", "T2"), ("T3",)), (("T1",), ("T3",)), ((),)])
selectors = st.builds(
    EntitySelector,
    st.sampled_from([(), ("urn:e:0",), ("urn:e:1", "urn:e:2")]),
    st.sampled_from([None, None, "urn:e:.*", "^urn:e:[02]$", ":1$", "e"]),
    st.none() | type_selections.map(TypeSelection),
)
SCOPES = ["/a", "/a/#", "/#", "/+/b", "(/a;/b)", "/a/b,/b", "/+/#", "/a/+/c"]
queries = st.builds(
    EntityQuery,
    st.lists(selectors, max_size=2).map(tuple),
    st.just(()) | st.lists(names, min_size=1, max_size=2).map(tuple),
    st.none() | nodes | nodes,
    st.none() | st.none() | geo_queries,
    st.none() | st.none() | st.sampled_from(SCOPES).map(parse_scope),
    st.sampled_from([(), (), (), ("@none",), ("urn:d:1",), ("urn:d:1", "@none")]),
)
