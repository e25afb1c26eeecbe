"""What a member finds is what satisfies both its query and the offer, whatever the two are (ADR 14)."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.core.federate.names import GROUPS, OPERATIONS
from broker.core.federate.offer import WORDS, Offer, read_offer, selected_by, write_offer
from broker.core.federate.offered import View
from broker.core.jsonld.context import ActiveContext
from broker.core.model.change import Change, Trigger
from broker.core.model.entity import Entity
from broker.core.model.errors import AccessDenied, BadRequestData
from broker.core.ql.ast import EntityQuery, EntitySelector, PageRequest
from broker.core.ql.evaluate import satisfies
from broker.core.ql.geo import LOCATION, GeoQuery
from broker.core.ql.nodes import Exists, Linked, Path
from broker.core.ql.scope import parse_scope
from broker.core.ql.types import TypeSelection
from broker.operations.membership.offered import OfferedEntities
from broker.operations.ports import EntityWrite
from tests.http.client import memory_ports

CONTEXT = ActiveContext({}, {}, [], None)
TYPES = ["urn:t:A", "urn:t:B", "urn:t:C"]
NAMES = ["urn:n:a", "urn:n:b", LOCATION]
SMALL = {"type": "Polygon", "coordinates": [[[0, 0], [2, 0], [2, 2], [0, 2], [0, 0]]]}
LARGE = {"type": "Polygon", "coordinates": [[[0, 0], [9, 0], [9, 9], [0, 9], [0, 0]]]}
POINTS = [[1, 1], [5, 5], [20, 20]]


def _instance(name: str, point: list[float]) -> dict:
    if name == LOCATION:
        return {"type": "GeoProperty", "geometry": {"type": "Point", "coordinates": point}}
    return {"type": "Property", "value": 1}


_entity = st.builds(
    lambda number, types, names, scopes, point: Entity(
        f"urn:e:{number}", types, {name: [_instance(name, point)] for name in names}, scopes or None
    ),
    st.integers(0, 5),
    st.lists(st.sampled_from(TYPES), min_size=1, max_size=2, unique=True),
    st.sampled_from([NAMES, NAMES[1:], NAMES[2:], NAMES[:1], []]),
    st.sampled_from([["/x"], ["/x/y"], ["/x/y", "/z"], []]),
    st.sampled_from(POINTS),
)
_patterns = st.sampled_from([(), ("/x",), ("/x/#",), ("/+/y", "/z")])
_offer = st.builds(
    lambda types, names, scopes, area: Offer(tuple(types), frozenset(("queryEntity",)), tuple(names), scopes, area),
    st.lists(st.sampled_from(TYPES), min_size=1, max_size=2, unique=True),
    st.sampled_from([[], [], NAMES[1:], NAMES[:1]]),
    _patterns,
    st.sampled_from([None, SMALL, LARGE]),
)
_types = st.sampled_from([(), (("urn:t:A",),), (("urn:t:A", "urn:t:B"), ("urn:t:C",)), ((),)])
_query = st.builds(
    lambda types, attributes, scope, geo, name: EntityQuery(
        selectors=(EntitySelector(types=TypeSelection(types)),) if types else (),
        attributes=tuple(attributes),
        q=None if name is None else Exists(Path((name,))),
        geo=geo,
        scope=parse_scope(scope) if scope else None,
    ),
    _types,
    st.sampled_from([[], [], NAMES[:1], NAMES[1:]]),
    st.sampled_from(["", "/x", "/x/#", "/z;/x/y"]),
    st.sampled_from([None, GeoQuery("within", SMALL), GeoQuery("intersects", LARGE), GeoQuery("disjoint", SMALL)]),
    st.sampled_from([None, None, *NAMES[:2]]),
)


async def _stored(entities: list[Entity], offer: Offer | None) -> OfferedEntities:
    store = memory_ports().entities
    for each in {each.id: each for each in entities}.values():
        await store.write("", EntityWrite(each.id, lambda _, each=each: Change(Trigger.ENTITY_CREATED, each, 1)))
    return OfferedEntities(store, None if offer is None else View(offer))


def _expected(entities: list[Entity], offer: Offer, query: EntityQuery) -> dict[str, set[str]]:
    names = frozenset(offer.attributes)
    found = {}
    for each in {each.id: each for each in entities}.values():
        shown = {name for name in each.attributes if not names or name in names}
        trimmed = each.with_(attributes={name: each.attributes[name] for name in shown})
        if satisfies(each, selected_by(offer)) and satisfies(trimmed, query):
            found[each.id] = shown
    return found


def _is_refused(offer: Offer, query: EntityQuery) -> bool:
    asked = set() if query.q is None else {query.q.path.attributes[0]}
    asked |= set() if query.geo is None else {query.geo.geoproperty}
    return bool(offer.attributes) and not asked.issubset(offer.attributes)


@settings(deadline=None, max_examples=400)
@given(st.lists(_entity, min_size=3, max_size=6), _offer, _query)
def test_a_query_finds_what_satisfies_it_within_the_offer_and_nothing_else(
    entities: list[Entity], offer: Offer, query: EntityQuery
) -> None:
    async def check() -> None:
        offered = await _stored(entities, offer)
        if _is_refused(offer, query):
            with pytest.raises(AccessDenied):
                await offered.find("", query, PageRequest(10))
            return
        expected = _expected(entities, offer, query)
        page = await offered.find("", query, PageRequest(10, count=True))
        assert {each.id: set(each.attributes) for each in page.entities} == expected
        assert (page.total, page.more) == (len(expected), False)
        first = await offered.find("", query, PageRequest(1))
        rest = await offered.find("", query, PageRequest(10, 1))
        assert [each.id for each in (*first.entities, *rest.entities)] == [each.id for each in page.entities]

    asyncio.run(check())


@settings(deadline=None, max_examples=100)
@given(st.lists(_entity, min_size=3, max_size=6), _offer)
def test_by_id_and_by_type_only_what_is_offered_is_there(entities: list[Entity], offer: Offer) -> None:
    async def check() -> None:
        offered = await _stored(entities, offer)
        expected = _expected(entities, offer, EntityQuery())
        ids = [f"urn:e:{number}" for number in range(6)]
        many = await offered.get_many("", ids)
        one = {each: found for each in ids if (found := await offered.get("", each)) is not None}
        assert {each: set(found.attributes) for each, found in one.items()} == expected
        assert many == one
        counted = await offered.count_types("")
        assert set(counted) <= set(offer.types)
        if offer.attributes:
            assert all(set(attributes) <= set(offer.attributes) for attributes in counted.values())

    asyncio.run(check())


async def test_whoever_was_offered_nothing_finds_and_changes_nothing() -> None:
    entity = Entity("urn:e:1", ["urn:t:A"], {})
    offered = await _stored([entity], None)
    assert await offered.get("", "urn:e:1") is None
    assert (await offered.find("", EntityQuery(), PageRequest(10, count=True))).total == 0
    assert await offered.count_types("") == {}
    with pytest.raises(AccessDenied):
        await offered.write("", EntityWrite("urn:e:1", lambda _: Change(Trigger.ENTITY_DELETED, entity, 2)))


async def test_filters_by_linked_entities_are_refused() -> None:
    offered = await _stored([], Offer(("urn:t:A",), OPERATIONS))
    with pytest.raises(AccessDenied):
        await offered.find("", EntityQuery(q=Linked("urn:n:a", (), Exists(Path(("urn:n:b",))))), PageRequest(1))


async def test_what_one_write_may_not_do_the_others_beside_it_may() -> None:
    offered = await _stored([], Offer(("urn:t:A",), OPERATIONS, ("urn:n:a",), (), SMALL))

    def create(entity: Entity) -> EntityWrite:
        change = Change(Trigger.ENTITY_CREATED, entity, 1, dict.fromkeys(entity.attributes, Trigger.ATTRIBUTE_CREATED))
        return EntityWrite(entity.id, lambda _: change, creates=True)

    inside = {LOCATION: [_instance(LOCATION, [1, 1])]}
    offered_with_place = OfferedEntities(memory_ports().entities, View(Offer(("urn:t:A",), OPERATIONS, (), (), SMALL)))
    outcomes = await offered_with_place.write_many(
        "",
        [
            create(Entity("urn:e:1", ["urn:t:A"], inside)),
            create(Entity("urn:e:2", ["urn:t:B"], inside)),
            create(Entity("urn:e:3", ["urn:t:A"], {LOCATION: [_instance(LOCATION, [5, 5])]})),
            create(Entity("urn:e:4", ["urn:t:A"], {})),
        ],
    )
    assert [isinstance(each, AccessDenied) for each in outcomes] == [False, True, True, True]
    with pytest.raises(AccessDenied):
        await offered.write("", create(Entity("urn:e:1", ["urn:t:A"], {"urn:n:b": [_instance("urn:n:b", [1, 1])]})))


@given(_offer)
def test_an_offer_reads_as_it_was_written(offer: Offer) -> None:
    assert read_offer(write_offer(offer), CONTEXT) == offer


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"types": []},
        {"types": "Event"},
        {"types": ["Event"], "operations": ["createSubscriptions"]},
        {"types": ["Event"], "allow": ["retrieveEntity"]},
        {"types": ["Event"], "operations": ["nonsense"]},
        {"types": ["Event"], "area": {"type": "Point", "coordinates": [1, 1]}},
        {"types": ["Event"], "area": 7},
        {"types": ["Event"], "scopes": ["no scope!"]},
        {"types": ["Event"], "mode": "exclusive"},
        {"types": ["Event"] * 101},
        {"types": [""]},
        {"types": ["Event"], "tenant": 1},
    ],
)
def test_what_is_no_offer_is_refused_with_a_reason(document: dict) -> None:
    with pytest.raises(BadRequestData) as refused:
        read_offer(document, CONTEXT)
    assert refused.value.detail


@pytest.mark.parametrize("name", sorted({*OPERATIONS, *GROUPS}))
def test_4_20_every_operation_and_group_can_be_offered(name: str) -> None:
    offer = read_offer({"types": ["Event"], "operations": [name]}, CONTEXT)
    assert offer.operations == GROUPS.get(name, frozenset((name,)))


def test_words_allow_what_they_say_and_together_all_that_can_be_offered() -> None:
    def allowed(*words: str) -> frozenset[str]:
        return read_offer({"types": ["Event"], "allow": list(words)}, CONTEXT).operations

    assert {"retrieveEntity", "queryEntity", "queryBatch"} == allowed("read")
    assert {"retrieveTemporal", "queryTemporal"} == allowed("histories")
    assert not any(each.endswith("Temporal") for each in allowed("write"))
    assert {"createEntity", "purgeEntity", "mergeBatch"} <= allowed("write")
    assert {"upsertTemporal", "deleteTemporal", "deleteAttrInstanceTemporal"} <= allowed("write", "histories")
    assert allowed(*WORDS) == OPERATIONS - {"retrieveContextSourceIdentity"}
    assert read_offer({"types": ["Event"]}, CONTEXT).operations == {"retrieveEntity", "queryEntity"}
