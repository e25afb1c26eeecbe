"""Geometries that MongoDB's geo index refuses are stored, found and returned all the same (clause 4.7)."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_commit import Brokers, brokers

from broker.adapters.mongo.entities import MongoEntities
from broker.adapters.mongo.geo_cover import EVERYWHERE, cover
from broker.core.model.entity import Entity
from broker.core.model.patch import create
from broker.core.model.patch_update import append
from broker.core.ql.ast import EntityQuery, PageRequest
from broker.core.ql.evaluate import satisfies
from broker.core.ql.geo import LOCATION, parse_geo
from broker.core.ql.geometry import haversine, positions
from broker.core.ql.q import parse_q
from broker.operations.ports import EntityWrite

__all__ = ["brokers"]

AREA = "https://example.org/area"
NOW = 1_800_000_000_000_000
PAGE = PageRequest(100, count=True)

BOW = {"type": "Polygon", "coordinates": [[[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]]}
REFUSED: dict[str, dict[str, Any]] = {
    "crossing": BOW,
    "flat": {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [2, 2], [0, 0]]]},
    "hole-outside": {
        "type": "Polygon",
        "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]], [[1.5, 1.5], [2, 1.5], [2, 2], [1.5, 1.5]]],
    },
    "one-place": {"type": "LineString", "coordinates": [[1, 1], [1, 1]]},
    "world": {"type": "Polygon", "coordinates": [[[-180, -90], [180, -90], [180, 90], [-180, 90], [-180, -90]]]},
    "several": {"type": "MultiPolygon", "coordinates": [BOW["coordinates"], BOW["coordinates"]]},
}
QUERIES = [
    parse_geo("near;maxDistance==400000", "Point", [1, 1], AREA),
    parse_geo("near;maxDistance==100000", "Point", [1, 1], AREA),
    parse_geo("near;minDistance==1000000", "Point", [40, 40], AREA),
    parse_geo("intersects", "Polygon", [[[1.9, 0.5], [2.1, 0.5], [2.1, 0.7], [1.9, 0.7], [1.9, 0.5]]], AREA),
    parse_geo("within", "Polygon", [[[-1, -1], [3, -1], [3, 3], [-1, 3], [-1, -1]]], AREA),
    parse_geo("disjoint", "Point", [30, 30], AREA),
    parse_geo("contains", "Point", [1, 0.9], AREA),
]


@pytest.fixture
async def entities(brokers: Brokers) -> MongoEntities:
    return (await brokers.start()).entities


def _entity(name: str, attribute: str, geometry: dict[str, Any]) -> Entity:
    attributes = {attribute: [{"type": "GeoProperty", "geometry": geometry}]}
    return Entity(f"urn:e:{name}", ["https://example.org/Field"], attributes)


def _creating(entity: Entity) -> EntityWrite:
    return EntityWrite(entity.id, lambda current: create(current, entity, NOW), creates=True)


@pytest.mark.parametrize("attribute", [LOCATION, AREA])
async def test_4_7_every_geometry_is_stored_and_answers_queries_as_the_evaluator_does(entities, attribute):
    good = {"type": "Polygon", "coordinates": [[[0, 0], [2, 0], [2, 2], [0, 2], [0, 0]]]}
    wanted = [_entity(name, attribute, geometry) for name, geometry in {**REFUSED, "good": good}.items()]
    outcomes = await entities.write_many("", [_creating(each) for each in wanted])
    assert [str(each) for each in outcomes if isinstance(each, Exception)] == []
    entities.forget("")
    for each in wanted:
        stored = await entities.get("", each.id)
        assert stored is not None
        [instance] = stored.attributes[attribute]
        assert instance["geometry"] == each.attributes[attribute][0]["geometry"]
        assert "drawn" not in instance
    for query in QUERIES:
        asked = EntityQuery(geo=replace(query, geoproperty=attribute))
        found = await entities.find("", asked, PAGE)
        assert [each.id for each in found.entities] == sorted(each.id for each in wanted if satisfies(each, asked))
        assert found.total == len(found.entities)


async def test_4_7_an_update_to_a_geometry_that_the_index_refuses_holds_and_can_be_taken_back(entities):
    place = {"type": "Point", "coordinates": [9, 9]}
    entity = _entity("moved", LOCATION, place)
    await entities.write("", _creating(entity))
    for geometry in (BOW, place, REFUSED["world"]):
        fragment = _entity("moved", LOCATION, geometry)
        await entities.write("", EntityWrite(entity.id, lambda old, new=fragment: append(old, new.id, new, NOW)))
        entities.forget("")
        stored = await entities.get("", entity.id)
        assert stored is not None
        assert stored.attributes[LOCATION][0]["geometry"] == geometry


async def test_4_9_a_trail_into_a_geometry_sees_what_was_given(entities):
    for name, geometry in (("bow", BOW), ("one", REFUSED["one-place"])):
        await entities.write("", _creating(_entity(name, AREA, geometry)))
    for text, expected in {
        'area[type]=="Polygon"': ["urn:e:bow"],
        'area[type]=="LineString"': ["urn:e:one"],
        'area[type]!="Polygon"': ["urn:e:one"],
        'area[type]=="Point"': [],
    }.items():
        found = await entities.find("", EntityQuery(q=parse_q(text, lambda name: AREA)), PAGE)
        assert [each.id for each in found.entities] == expected, text


_PLACES = st.lists(
    st.tuples(st.floats(-180, 180), st.floats(-90, 90)).map(list), min_size=1, max_size=12, unique_by=tuple
)


@given(_PLACES, st.tuples(st.floats(-180, 180), st.floats(-90, 90)))
@example([[0.0, 0.0], [0.0, 2.0], [1e-128, 1.0]], (0.0, 0.0))
@settings(deadline=None)
def test_a_cover_lies_in_a_cap_only_where_all_positions_do(places, centre):
    made = cover({"type": "MultiPoint", "coordinates": places})
    if made == EVERYWHERE:
        return
    corners = list(positions(made))
    assert all(corner in places for corner in corners)
    reach = max(haversine(centre, corner) for corner in corners)
    if reach < 9_000_000:
        assert all(haversine(centre, place) <= reach + 1 for place in places)
