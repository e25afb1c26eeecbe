"""What MongoDB and the residual find together is what the reference evaluator says (clauses 4.9, 4.10, 4.17, 4.19)."""

import copy

import pytest
import strategies
from corpus import corpus
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pymongo import MongoClient

from broker.adapters.mongo import filters
from broker.adapters.mongo.documents import to_document, to_entity
from broker.core.model.entity import Entity
from broker.core.ql.ast import EntityQuery
from broker.core.ql.evaluate import satisfies
from broker.core.ql.q import parse_q

SETTINGS = settings(
    deadline=None,
    max_examples=100,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.fixture(scope="module")
def collection(mongo_url):
    with MongoClient(mongo_url) as client:
        yield client["parity"]["entities"]


def _filled(collection, entities):
    collection.delete_many({})
    collection.insert_many([copy.deepcopy(to_document(entity, "1")) for entity in entities])


def _expected(entities, query):
    living = {entity.id: entity for entity in entities if not entity.is_expired(strategies.NOW)}
    return {each.id for each in living.values() if satisfies(each, query, living.get)}


def _found(collection, entities, query):
    """Ids found, after checking that the filter narrows without losing, and decides where nothing remains."""
    compiled = filters.compile(query, strategies.NOW)
    passed = [to_entity(document) for document in collection.find(compiled.filter)]
    assert collection.count_documents(compiled.filter) == len(passed)
    living = {entity.id: entity for entity in entities if not entity.is_expired(strategies.NOW)}
    residual = compiled.residual
    return {each.id for each in passed if residual is None or satisfies(each, residual, living.get)}


@SETTINGS
@given(entities=strategies.stores, queries=st.lists(strategies.queries, min_size=1, max_size=8))
def test_4_9_filter_and_residual_find_what_the_evaluator_finds(collection, entities, queries):
    _filled(collection, entities)
    for query in queries:
        assert _found(collection, entities, query) == _expected(entities, query), query


@SETTINGS
@given(entities=strategies.stores, nodes=st.lists(strategies.nodes, min_size=1, max_size=12))
def test_4_9_q_alone_agrees(collection, entities, nodes):
    _filled(collection, entities)
    for node in nodes:
        query = EntityQuery(q=node)
        assert _found(collection, entities, query) == _expected(entities, query), node


@SETTINGS
@given(entities=strategies.stores, queries=st.lists(strategies.geo_queries, min_size=1, max_size=8))
def test_4_10_geoqueries_agree(collection, entities, queries):
    _filled(collection, entities)
    for geo in queries:
        query = EntityQuery(geo=geo)
        assert _found(collection, entities, query) == _expected(entities, query), geo


@pytest.fixture(scope="module")
def store(mongo_url):
    """A collection that holds the corpus, and the corpus."""
    entities = corpus()
    with MongoClient(mongo_url) as client:
        collection = client["parity"]["corpus"]
        collection.insert_many([copy.deepcopy(to_document(entity, "1")) for entity in entities])
        yield collection, entities


@SETTINGS
@given(node=strategies.leaves | strategies.intervals | strategies.nodes)
def test_4_9_q_agrees_on_every_kind_and_shape_of_value(store, node):
    collection, entities = store
    query = EntityQuery(q=node)
    assert _found(collection, entities, query) == _expected(entities, query)


@SETTINGS
@given(query=strategies.queries)
def test_whole_queries_agree_on_every_kind_and_shape_of_value(store, query):
    collection, entities = store
    assert _found(collection, entities, query) == _expected(entities, query)


@SETTINGS
@given(geo=strategies.geo_queries)
def test_4_10_geoqueries_agree_on_many_places(store, geo):
    collection, entities = store
    query = EntityQuery(geo=geo)
    assert _found(collection, entities, query) == _expected(entities, query)


def test_4_9_several_instances_may_meet_an_interval_together(collection):
    values = {"urn:e:0": [1, 30], "urn:e:1": [10], "urn:e:2": [3], "urn:e:3": [[1, 30]], "urn:e:4": [2, 3, 30.5]}
    entities = []
    for identifier, numbers in values.items():
        instances = [{"type": "Property", "value": each, "datasetId": f"urn:d:{n}"} for n, each in enumerate(numbers)]
        entities.append(Entity(identifier, ["T"], {"a": instances}))
    _filled(collection, entities)
    for text, expected in (("a>20;a<5", "04"), ("a>2;a<20", "0124"), ("a>=30;a<=30", "04"), ("a>40;a<50", "")):
        query = EntityQuery(q=parse_q(text, lambda name: name))
        assert filters.compile(query, strategies.NOW).residual is None
        assert "".join(sorted(each[-1] for each in _expected(entities, query))) == expected
        assert _found(collection, entities, query) == _expected(entities, query)
