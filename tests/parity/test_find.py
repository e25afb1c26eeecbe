"""Pages of a query's results (clauses 4.12, 4.13, 4.23, 5.7.2), whichever way they are found."""

import pytest
from pymongo import AsyncMongoClient

from broker.adapters.mongo import find as finding
from broker.adapters.mongo.documents import to_document
from broker.adapters.mongo.find import count, find
from broker.core.model.entity import Entity
from broker.core.model.errors import TooComplexQuery
from broker.core.ql.ast import EntityQuery, EntitySelector, PageRequest
from broker.core.ql.geo import LOCATION, parse_geo
from broker.core.ql.ordering import parse_ordering
from broker.core.ql.q import parse_q
from broker.core.ql.types import TypeSelection

NOW = 1_800_000_000_000_000
TOTAL = 30


def _same(name):
    return name


def _entity(number, expires_at=None):
    attributes = {
        "n": [{"type": "Property", "value": TOTAL - number}],
        "text": [{"type": "Property", "value": f"text {number:02}"}],
        "next": [{"type": "Relationship", "object": f"urn:e:{number + 1:02}"}],
        LOCATION: [{"type": "GeoProperty", "geometry": {"type": "Point", "coordinates": [number, 0]}}],
    }
    return Entity(f"urn:e:{number:02}", ["T"], attributes, None, NOW, NOW, expires_at)


@pytest.fixture
async def collection(mongo_url):
    async with AsyncMongoClient(mongo_url) as client:
        collection = client["find"]["entities"]
        await collection.delete_many({})
        entities = [_entity(number) for number in reversed(range(TOTAL))] + [_entity(99, NOW)]
        await collection.insert_many([to_document(entity, "1") for entity in entities])
        yield collection


DECIDED = EntityQuery((EntitySelector(types=TypeSelection((("T",),))),))
FINISHED = EntityQuery(q=parse_q("text~=[0-9][0-9]$", _same))
LINKED = EntityQuery(q=parse_q("next{next{n}}>=0|n<=2", _same))


def _numbers(page):
    return [int(entity.id[-2:]) for entity in page.entities]


@pytest.mark.parametrize("query", [DECIDED, FINISHED, LINKED], ids=["decided", "finished", "linked"])
async def test_4_12_pages_cover_all_results_once_and_in_order(collection, query):
    seen = []
    for offset in range(0, TOTAL + 7, 7):
        page = await find(collection, query, PageRequest(7, offset), NOW)
        assert page.total is None
        assert page.more is (offset + 7 < TOTAL)
        seen += _numbers(page)
    assert seen == list(range(TOTAL))
    assert not (await find(collection, query, PageRequest(10, 20), NOW)).more


@pytest.mark.parametrize("query", [DECIDED, FINISHED, LINKED], ids=["decided", "finished", "linked"])
async def test_4_13_the_count_is_of_all_results_and_never_of_expired_entities(collection, query):
    for limit, offset in ((7, 0), (10, 20), (100, 0), (7, 28), (7, 200), (0, 0)):
        page = await find(collection, query, PageRequest(limit, offset, count=True), NOW)
        assert page.total == TOTAL
        assert len(page.entities) == max(0, min(limit, TOTAL - offset))
    assert await count(collection, query, NOW) == TOTAL


async def test_4_9_a_link_leads_to_no_absent_or_expired_entity(collection):
    query = EntityQuery(q=parse_q("next{n}==1..3", _same))
    assert _numbers(await find(collection, query, PageRequest(100), NOW)) == [26, 27, 28]
    await collection.update_one({"_id": "urn:e:28"}, {"$set": {"expiresAt": NOW}})
    assert _numbers(await find(collection, query, PageRequest(100), NOW)) == [26]


@pytest.mark.parametrize("query", [DECIDED, FINISHED], ids=["decided", "finished"])
async def test_4_23_pages_in_a_requested_order_hold_whole_entities(collection, query):
    page = await find(collection, query, PageRequest(3, 1, True, parse_ordering("n", _same)), NOW)
    assert _numbers(page) == [28, 27, 26]
    assert (page.total, page.more) == (TOTAL, True)
    assert page.entities[0].attributes.keys() == _entity(1).attributes.keys()
    order = parse_ordering("location;dist-desc", lambda _: LOCATION, order_from=[0, 0])
    page = await find(collection, query, PageRequest(2, order=order), NOW)
    assert _numbers(page) == [29, 28]


async def test_4_10_a_geoquery_pages(collection):
    near = EntityQuery(geo=parse_geo("near;maxDistance==225000", "Point", [10, 0]))
    page = await find(collection, near, PageRequest(3, 1, count=True), NOW)
    assert (_numbers(page), page.total, page.more) == ([9, 10, 11], 5, True)
    within = EntityQuery(geo=parse_geo("within", "Polygon", [[[9.5, -1], [12.5, -1], [12.5, 1], [9.5, 1], [9.5, -1]]]))
    assert _numbers(await find(collection, within, PageRequest(10), NOW)) == [10, 11, 12]


async def test_too_much_to_look_at_is_refused(collection, monkeypatch):
    monkeypatch.setattr(finding, "LOOKED_AT_MAX", 10)
    monkeypatch.setattr(finding, "ORDERED_MAX", 10)
    with pytest.raises(TooComplexQuery):
        await find(collection, FINISHED, PageRequest(100), NOW)
    monkeypatch.setattr(finding, "LOOKED_AT_MAX", 1_000)
    with pytest.raises(TooComplexQuery):
        await find(collection, DECIDED, PageRequest(100, order=parse_ordering("n", _same)), NOW)
