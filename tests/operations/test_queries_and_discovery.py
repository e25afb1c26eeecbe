"""Queries, purge and discovery: clauses 5.7.2, 5.6.21, 5.7.5 to 5.7.10."""

import pytest

from broker.core.model.change import Trigger
from broker.core.model.entity import Entity
from broker.core.model.errors import BadRequestData, ResourceNotFound
from broker.core.ql.ast import EntityQuery, EntitySelector, PageRequest
from broker.core.ql.ordering import parse_ordering
from broker.core.ql.q import parse_q
from broker.core.ql.types import TypeSelection
from broker.operations import discovery
from broker.operations.batch import batch_create
from broker.operations.discovery import AttributeInfo, TypeInfo
from broker.operations.entities import update_attributes
from broker.operations.expiry import remove_expired
from broker.operations.purge import purge_entities
from broker.operations.query import query_entities, retrieve_entity
from tests.core.model.examples import NAME, OWNER, ROOM, TEMPERATURE, fragment, iri, prop, relation

HALL = iri("Hall")
ROOMS = EntityQuery(selectors=(EntitySelector(types=TypeSelection(((ROOM,),))),))
EVERYTHING = PageRequest(limit=100)


def entity(number, types=(ROOM,), expires_at=None, **attributes):
    given = fragment(**attributes).attributes
    return Entity(f"urn:ngsi-ld:Room:{number}", list(types), given, expires_at=expires_at)


def ids(page):
    return [one.id.rpartition(":")[2] for one in page.entities]


@pytest.fixture(autouse=True)
async def _rooms(world):
    await batch_create(
        world.ports,
        "",
        [
            entity(3, temperature=prop(25)),
            entity(1, temperature=prop(15), name=prop("a", expiresAt=2_000_000)),
            entity(2, types=(ROOM, HALL), owner=relation("urn:x:1"), temperature=relation("urn:x:2")),
            entity(4, types=(HALL,), expires_at=2_000_000),
        ],
    )


async def test_5_7_2_pages_come_by_id_with_their_total(world):
    first = await query_entities(world.ports, "", ROOMS, PageRequest(limit=2, count=True))
    assert (ids(first), first.total, first.more) == (["1", "2"], 3, True)
    second = await query_entities(world.ports, "", ROOMS, PageRequest(limit=2, offset=2))
    assert (ids(second), second.total, second.more) == (["3"], None, False)


async def test_5_7_2_q_selects(world):
    query = EntityQuery(q=parse_q("temperature>20", iri))
    assert ids(await query_entities(world.ports, "", query, EVERYTHING)) == ["3"]


async def test_4_22_what_has_expired_is_not_found(world):
    halls = EntityQuery(selectors=(EntitySelector(types=TypeSelection(((HALL,),))),))
    assert ids(await query_entities(world.ports, "", halls, EVERYTHING)) == ["2", "4"]
    world.clock.instant = 2_000_000
    assert ids(await query_entities(world.ports, "", halls, EVERYTHING)) == ["2"]
    rooms = await query_entities(world.ports, "", ROOMS, EVERYTHING)
    assert all(NAME not in one.attributes for one in rooms.entities)


async def test_4_22_an_expired_instance_satisfies_no_query(world):
    named = EntityQuery(attributes=(NAME,))
    assert ids(await query_entities(world.ports, "", named, EVERYTHING)) == ["1"]
    world.clock.instant = 2_000_000
    found = await query_entities(world.ports, "", named, PageRequest(limit=10, count=True))
    assert (ids(found), found.total) == ([], 0)
    assert NAME not in await discovery.attributes(world.ports, "")
    await remove_expired(world.ports, "")
    count = await query_entities(world.ports, "", named, PageRequest(limit=0, count=True))
    assert count.total == 0
    assert NAME not in await discovery.attributes(world.ports, "")


async def test_4_22_what_has_expired_takes_no_place_in_a_page_nor_in_its_count(world):
    await update_attributes(world.ports, "", "urn:ngsi-ld:Room:3", fragment(name=prop("c", expiresAt=3_000_000)))
    named = EntityQuery(attributes=(NAME,))
    assert (await query_entities(world.ports, "", named, PageRequest(limit=1, count=True))).total == 2
    world.clock.instant = 2_000_000
    page = await query_entities(world.ports, "", named, PageRequest(limit=1, count=True))
    assert (ids(page), page.total, page.more) == (["3"], 1, False)
    world.clock.instant = 3_000_000
    page = await query_entities(world.ports, "", named, PageRequest(limit=0, count=True))
    assert page.total == 0


async def test_4_22_sub_attributes_expire_and_their_attribute_stays(world):
    transient = {NAME: [{"type": "Property", "value": "b", "expiresAt": 2_000_000}]}
    given = {"type": "Property", "value": 30, "attributes": transient}
    await update_attributes(world.ports, "", "urn:ngsi-ld:Room:3", fragment(temperature=given))
    nested = EntityQuery(q=parse_q("temperature.name", iri))
    assert ids(await query_entities(world.ports, "", nested, EVERYTHING)) == ["3"]
    world.clock.instant = 2_000_000
    assert "attributes" not in (await retrieve_entity(world.ports, "", "urn:ngsi-ld:Room:3")).attributes[TEMPERATURE][0]
    assert ids(await query_entities(world.ports, "", nested, EVERYTHING)) == []
    await remove_expired(world.ports, "")
    change = next(each for each in world.listener.changes if each.at == 2_000_000 and each.entity.id.endswith("3"))
    assert change.attributes == {TEMPERATURE: Trigger.ATTRIBUTE_UPDATED}
    [left] = change.entity.attributes[TEMPERATURE]
    assert (left["value"], left["modifiedAt"], "attributes" in left) == (30, 2_000_000, False)


async def test_4_22_subscribers_hear_of_instances_that_expired(world):
    world.clock.instant = 2_000_000
    await remove_expired(world.ports, "")
    (change,) = [each for each in world.listener.changes if each.at == 2_000_000 and each.entity.id.endswith("1")]
    assert change.attributes == {NAME: Trigger.ATTRIBUTE_DELETED}
    assert [one["value"] for one in change.previous[NAME]] == ["a"]
    assert change.entity.attributes.keys() == {TEMPERATURE}
    assert await remove_expired(world.ports, "") == 0


async def test_4_22_a_write_takes_expired_instances_with_it_and_says_so(world):
    world.clock.instant = 2_000_000
    await update_attributes(world.ports, "", "urn:ngsi-ld:Room:1", fragment(temperature=prop(16)))
    change = world.listener.changes[-1]
    assert change.attributes == {TEMPERATURE: Trigger.ATTRIBUTE_UPDATED, NAME: Trigger.ATTRIBUTE_DELETED}
    assert NAME not in change.entity.attributes


async def test_4_22_an_instance_renewed_in_time_stays(world):
    await update_attributes(world.ports, "", "urn:ngsi-ld:Room:1", fragment(name=prop("b", expiresAt=9_000_000)))
    world.clock.instant = 2_000_000
    await remove_expired(world.ports, "")
    assert ids(await query_entities(world.ports, "", EntityQuery(attributes=(NAME,)), EVERYTHING)) == ["1"]


@pytest.mark.parametrize(
    "query",
    [
        EntityQuery(),
        EntityQuery(selectors=(EntitySelector(ids=("urn:ngsi-ld:Room:1",)),)),
        EntityQuery(selectors=(EntitySelector(id_pattern=".*"), *ROOMS.selectors)),
        EntityQuery(q=parse_q("modifiedAt>2020-01-01T00:00:00Z", iri)),
    ],
)
async def test_5_7_2_too_wide_a_query_is_refused_unless_local(world, query):
    for operation in (query_entities(world.ports, "", query, EVERYTHING), purge_entities(world.ports, "", query)):
        with pytest.raises(BadRequestData, match="too wide"):
            await operation
    await query_entities(world.ports, "", query, EVERYTHING, local=True)


async def test_5_6_21_purge_deletes_what_the_query_finds(world):
    result = await purge_entities(
        world.ports, "", EntityQuery(attributes=(TEMPERATURE,), q=parse_q("temperature", iri))
    )
    assert len(result.updated) == 3
    remaining = await query_entities(world.ports, "", EntityQuery(), EVERYTHING, local=True)
    assert ids(remaining) == ["4"]


async def test_5_6_21_purge_of_attributes_leaves_the_entities(world):
    await purge_entities(world.ports, "", EntityQuery(attributes=(TEMPERATURE,)), drop={TEMPERATURE})
    remaining = await query_entities(world.ports, "", EntityQuery(), EVERYTHING, local=True)
    assert {one.id[-1]: set(one.attributes) for one in remaining.entities} == {
        "1": {NAME},
        "2": {OWNER},
        "3": set(),
        "4": set(),
    }
    await purge_entities(world.ports, "", ROOMS, keep={OWNER})
    remaining = await query_entities(world.ports, "", ROOMS, EVERYTHING)
    assert [set(one.attributes) for one in remaining.entities] == [set(), {OWNER}, set()]


async def test_5_6_21_purge_goes_beyond_one_page(world):
    cellar = iri("Cellar")
    await batch_create(world.ports, "", [entity(f"c{number}", types=(cellar,)) for number in range(1_001)])
    query = EntityQuery(selectors=(EntitySelector(types=TypeSelection(((cellar,),))),))
    assert len((await purge_entities(world.ports, "", query)).updated) == 1_001
    assert (await query_entities(world.ports, "", query, EVERYTHING)).entities == []
    assert len((await query_entities(world.ports, "", ROOMS, EVERYTHING)).entities) == 3


async def test_5_6_21_purge_follows_no_links(world):
    query = EntityQuery(q=parse_q('temperature>1|owner{name}=="a"', iri))
    with pytest.raises(BadRequestData, match="linked"):
        await purge_entities(world.ports, "", query)


async def test_4_23_entities_come_in_the_order_asked_for(world):
    order = parse_ordering("temperature;desc", iri)
    page = await query_entities(world.ports, "", ROOMS, PageRequest(limit=2, order=order))
    assert (len(page.entities), page.more) == (2, True)
    numbers = EntityQuery(q=parse_q("temperature>0", iri))
    assert ids(await query_entities(world.ports, "", numbers, PageRequest(limit=9, order=order))) == ["3", "1"]


async def test_4_9_links_are_followed_in_the_tenant(world):
    linked = "urn:ngsi-ld:Room:1"
    await batch_create(world.ports, "", [entity(9, owner=relation(linked)), entity(8, owner=relation("urn:x:9"))])
    query = EntityQuery(q=parse_q("owner{temperature}==15", iri))
    assert ids(await query_entities(world.ports, "", query, EVERYTHING)) == ["9"]


async def test_5_7_5_to_5_7_7_types_in_use(world):
    assert await discovery.entity_types(world.ports, "") == [HALL, ROOM]
    assert await discovery.entity_type_details(world.ports, "") == [
        TypeInfo(HALL, {OWNER: ["Relationship"], TEMPERATURE: ["Relationship"]}),
        TypeInfo(ROOM, {NAME: ["Property"], OWNER: ["Relationship"], TEMPERATURE: ["Property", "Relationship"]}),
    ]
    assert (await discovery.entity_type_info(world.ports, "", HALL)).count == 2
    with pytest.raises(ResourceNotFound):
        await discovery.entity_type_info(world.ports, "", iri("Cellar"))


async def test_5_7_8_to_5_7_10_attributes_in_use(world):
    assert await discovery.attributes(world.ports, "") == [NAME, OWNER, TEMPERATURE]
    assert await discovery.attribute_details(world.ports, "") == [
        AttributeInfo(NAME, ["Property"], [ROOM]),
        AttributeInfo(OWNER, ["Relationship"], [HALL, ROOM]),
        AttributeInfo(TEMPERATURE, ["Property", "Relationship"], [HALL, ROOM]),
    ]
    info = await discovery.attribute_info(world.ports, "", TEMPERATURE)
    assert (info.count, info.kinds) == (3, ["Property", "Relationship"])
    with pytest.raises(ResourceNotFound):
        await discovery.attribute_info(world.ports, "", iri("height"))
