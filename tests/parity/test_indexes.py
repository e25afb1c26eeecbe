"""Indexes follow the questions asked."""

import pytest
from pymongo import AsyncMongoClient

from broker.adapters.mongo import filters, indexes
from broker.adapters.mongo.declared_indexes import MongoIndexes
from broker.adapters.mongo.documents import to_document
from broker.adapters.mongo.indexes import ASKED_OFTEN, IndexAdvisor, ensure_entity_indexes
from broker.core.model.entity import Entity
from broker.core.ql.ast import EntityQuery, EntitySelector
from broker.core.ql.geo import LOCATION, parse_geo
from broker.core.ql.q import parse_q
from broker.core.ql.types import TypeSelection
from broker.operations.indexes import IndexTarget

NOW = 1_800_000_000_000_000
A = "https://example.org/a"
AREA = "https://example.org/area"


def _entity(number):
    point = {"type": "Point", "coordinates": [number % 100, number // 100]}
    attributes = {
        A: [{"type": "Property", "value": number, "observedAt": NOW - number}],
        "urn:text": [{"type": "Property", "value": f"text {number}"}],
        "urn:link": [{"type": "Relationship", "object": f"urn:x:{number}"}],
        AREA: [{"type": "GeoProperty", "geometry": point}],
        LOCATION: [{"type": "GeoProperty", "geometry": point}],
    }
    return Entity(f"urn:e:{number:04}", ["T"], attributes, None, NOW, NOW)


@pytest.fixture
async def collection(mongo_url):
    async with AsyncMongoClient(mongo_url) as client:
        collection = client["indexes"]["entities"]
        await collection.drop()
        await ensure_entity_indexes(collection)
        await collection.insert_many([to_document(_entity(number), "1") for number in range(2_000)])
        yield collection


@pytest.fixture
async def advisor(collection):
    advisor = IndexAdvisor(collection)
    yield advisor
    await advisor.close()


def _q(text):
    names = {"a": A, "text": "urn:text", "link": "urn:link"}
    return EntityQuery((EntitySelector(types=TypeSelection((("T",),))),), q=parse_q(text, lambda name: names[name]))


async def _looked_at(collection, query):
    cursor = collection.find(filters.compile(query, NOW).filter, sort=[("_id", 1)], limit=101)
    return (await cursor.explain())["executionStats"]["totalDocsExamined"]


async def _advised(collection):
    return {name for name in await collection.index_information() if name.startswith("asked ")}


@pytest.mark.parametrize(
    "query",
    [
        _q("a==7"),
        _q("a==7..16"),
        _q("a>1990"),
        _q("a>=1000;a<1010"),
        _q('text=="text 7"'),
        _q("link==urn:x:7"),
        _q("a.observedAt>=2027-01-15T08:00:00Z"),
        _q('a==7|text=="text 8"'),
        EntityQuery(geo=parse_geo("near;maxDistance==1000", "Point", [7, 1], AREA)),
    ],
    ids=["number", "range", "order", "interval", "text", "relationship", "member", "alternatives", "geoproperty"],
)
async def test_a_path_asked_for_often_gets_an_index_that_serves_it(collection, advisor, query):
    for _ in range(ASKED_OFTEN - 1):
        advisor.note(query)
    await advisor.settled()
    assert not await _advised(collection)
    assert await _looked_at(collection, query) >= 1_000

    advisor.note(query)
    await advisor.settled()
    assert await _advised(collection)
    assert await _looked_at(collection, query) <= 50


async def test_the_location_has_an_index_from_the_start(collection):
    query = EntityQuery(geo=parse_geo("near;maxDistance==1000", "Point", [7, 1]))
    assert await _looked_at(collection, query) <= 10
    await ensure_entity_indexes(collection)


async def test_an_index_never_refuses_a_write(collection, advisor):
    for _ in range(ASKED_OFTEN):
        advisor.note(_q("a==7"))
    await advisor.settled()
    entity = _entity(3_000)
    entity.attributes[A] = [
        {"type": "Property", "value": [[1, 2], {"x": [3]}]},
        {"type": "LanguageProperty", "languageMap": {"en": ["x", "y"]}},
    ]
    await collection.insert_one(to_document(entity, "1"))


async def test_few_entities_and_many_paths_get_no_index(collection, advisor, monkeypatch):
    monkeypatch.setattr(indexes, "INDEXES_MAX", 0)
    for _ in range(ASKED_OFTEN):
        advisor.note(_q("a==7"))
    await advisor.settled()
    assert not await _advised(collection)
    monkeypatch.setattr(indexes, "INDEXES_MAX", 16)
    await collection.delete_many({"_id": {"$gt": "urn:e:0100"}})
    for _ in range(ASKED_OFTEN):
        advisor.note(_q("text==5"))
    await advisor.settled()
    assert not await _advised(collection)


async def test_an_index_that_serves_no_query_for_a_day_is_dropped(collection, advisor):
    for _ in range(ASKED_OFTEN):
        advisor.note(_q("a==7"))
    await advisor.settled()
    query = filters.compile(_q("a==7"), NOW).filter
    await advisor.review(0.0)
    await collection.find(query).to_list()
    await advisor.review(90_000.0)
    assert await _advised(collection)
    await advisor.review(90_000.0 + 80_000.0)
    assert await _advised(collection)
    await advisor.review(90_000.0 + 90_000.0)
    assert not await _advised(collection)
    assert {"types", "location", "expiresAt"} <= set(await collection.index_information())


async def test_an_index_that_was_declared_outlives_the_lack_of_questions(collection, advisor):
    declared = MongoIndexes(lambda _tenant: collection.database)
    await collection.database["meta"].drop()
    target = IndexTarget("urn:text")
    assert await declared.declare("", target, "Property")
    assert not await declared.declare("", target, "Property")
    for _ in range(ASKED_OFTEN):
        advisor.note(_q("a==5"))
    await advisor.settled()
    later = indexes.UNUSED + 10
    await advisor.review(0)
    await advisor.review(later)
    assert await _advised(collection) == {"asked urn:text.value", "asked urn:text.1"}
    assert await _looked_at(collection, _q('text=="text 7"')) <= 2
    assert await declared.withdraw("", target)
    assert not await declared.withdraw("", target)
    assert not await _advised(collection)
