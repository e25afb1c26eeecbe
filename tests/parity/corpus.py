"""A fixed store for parity: every kind of attribute with every shape of value, alone, repeated and below another."""

import random

from strategies import INSTANT, IRIS, NAMES, NOW, NUMBERS, POINTS, SQUARE, TEXTS

from broker.core.model.entity import Entity
from broker.core.ql.geo import LOCATION

SCALARS = [None, True, False, *NUMBERS, *TEXTS]
GEOMETRIES = [
    *({"type": "Point", "coordinates": point} for point in POINTS),
    {"type": "Polygon", "coordinates": SQUARE},
    {"type": "LineString", "coordinates": [[7.5, 40.5], [9.5, 40.5]]},
]


def _shapes(value):
    """A value alone and inside arrays, objects and typed values."""
    yield value
    yield [value]
    yield [[value], 7]
    yield {"x": value}
    yield {"x": [value, "other"]}
    yield {"x": {"y": value}}
    yield {"x": [{"y": value}]}
    yield [{"x": value}]
    yield {"@type": "DateTime", "@value": value}
    yield [{"@type": "DateTime", "@value": value}]


def _instances():
    for scalar in SCALARS:
        for shape in _shapes(scalar):
            yield {"type": "Property", "value": shape}
        yield {"type": "JsonProperty", "json": scalar}
        yield {"type": "JsonProperty", "json": {"x": [scalar]}}
        yield {"type": "ListProperty", "valueList": [scalar, 7]}
    yield {"type": "Property", "value": {}}
    yield {"type": "Property", "value": []}
    yield {"type": "Property", "value": [0, 100]}
    yield {"type": "ListProperty", "valueList": []}
    for iri in IRIS:
        for content in (iri, [iri], [iri, "urn:x:9"]):
            yield {"type": "Relationship", "object": content}
            yield {"type": "VocabProperty", "vocab": content}
        yield {"type": "ListRelationship", "objectList": [iri, "urn:x:9"]}
    for text in TEXTS:
        yield {"type": "LanguageProperty", "languageMap": {"en": text}}
        yield {"type": "LanguageProperty", "languageMap": {"fr": [text, "autre"], "en": "other"}}
        yield {"type": "LanguageProperty", "languageMap": {"x": text, "fr": text}}
    yield {"type": "LanguageProperty", "languageMap": {}}
    for geometry in GEOMETRIES:
        yield {"type": "GeoProperty", "geometry": geometry}


def corpus():
    """Some nine hundred entities: each instance alone, then at random with others."""
    chance = random.Random(9)  # a fixed store, not a secret
    instances = [{**each, "createdAt": NOW} for each in _instances()]
    found = [{NAMES[0]: [each]} for each in instances]
    found += [
        {NAMES[0]: [{"type": "Property", "value": 1, "attributes": {NAMES[1]: [each]}}]} for each in instances[::3]
    ]
    for _ in range(300):
        several = [{**chance.choice(instances)} for _ in range(2)]
        several[1]["datasetId"] = "urn:d:1"
        several[0]["observedAt"] = INSTANT + chance.randint(-1, 1)
        link = {"type": "Relationship", "object": f"urn:e:{chance.randint(0, 400)}"}
        found.append({NAMES[0]: several, NAMES[1]: [chance.choice([link, *several])]})
    return [_entity(number, attributes, chance) for number, attributes in enumerate(found)]


def _entity(number, attributes, chance):
    if number % 3 == 0:
        place = {"type": "Point", "coordinates": [8 + 2 * chance.random(), 40 + 2 * chance.random()]}
        attributes[LOCATION] = [{"type": "GeoProperty", "geometry": chance.choice([place, place, *GEOMETRIES])}]
    types = chance.choice([["T1"], ["T2"], ["T1", "T2"], ["T3"]])
    scopes = chance.choice([None, ["/a"], ["/a/b"], ["/a/b/c", "/b"]])
    return Entity(f"urn:e:{number}", types, attributes, scopes, INSTANT, NOW, NOW if number % 50 == 7 else None)
