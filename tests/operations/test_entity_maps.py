"""Entity maps on both stores: clauses 5.14, 5.5.14."""

import pytest

from broker.core.model.entity import Entity
from broker.core.model.entity_map import LONGEST, EntityMap
from broker.core.model.errors import BadRequestData, NonexistentTenant, ResourceNotFound
from broker.core.ql.ast import EntityQuery, EntitySelector, PageRequest
from broker.core.ql.types import TypeSelection
from broker.operations.batch import batch_create
from broker.operations.entities import delete_entity
from broker.operations.entity_maps import (
    delete_entity_map,
    find_entity_map,
    keep_map,
    map_query,
    retrieve_entity_map,
    update_entity_map,
    within,
)
from broker.operations.query import query_entities
from tests.core.model.examples import ROOM, fragment, prop

ROOMS = EntityQuery(selectors=(EntitySelector(types=TypeSelection(((ROOM,),))),))
SECOND = 1_000_000


def room(number):
    return Entity(f"urn:ngsi-ld:Room:{number}", [ROOM], fragment(temperature=prop(number)).attributes)


@pytest.fixture(autouse=True)
async def _rooms(world):
    await batch_create(world.ports, "", [room(number) for number in (1, 2, 3)])


async def make(world, wanted=None):
    return await map_query(world.ports, "", ROOMS, wanted, local=False)


async def test_5_14_4_a_map_lists_what_the_query_finds_as_held_here(world):
    made = await make(world)
    assert made.sources == {f"urn:ngsi-ld:Room:{number}": ("@none",) for number in (1, 2, 3)}
    assert await retrieve_entity_map(world.ports, "", made.id) == made


async def test_5_14_4_too_wide_a_query_makes_no_map(world):
    with pytest.raises(BadRequestData, match="too wide"):
        await map_query(world.ports, "", EntityQuery(), None, local=False)
    with pytest.raises(NonexistentTenant):
        await map_query(world.ports, "nowhere", ROOMS, None, local=False)


async def test_5_5_14_a_map_fixes_the_entities_and_those_gone_since_are_left_out(world):
    made = await make(world)
    await batch_create(world.ports, "", [room(4)])
    await delete_entity(world.ports, "", "urn:ngsi-ld:Room:2")
    page = await query_entities(world.ports, "", within(ROOMS, made), PageRequest(limit=10, count=True))
    assert [entity.id[-1] for entity in page.entities] == ["1", "3"]
    assert page.total == 2


async def test_5_5_14_an_empty_map_finds_nothing(world):
    empty = await keep_map(world.ports, "", [], None)
    page = await query_entities(world.ports, "", within(ROOMS, empty), PageRequest(limit=10))
    assert page.entities == []


def test_5_5_14_ids_asked_for_narrow_a_map_and_entities_held_elsewhere_are_not_looked_for():
    entity_map = EntityMap("urn:m:1", 0, {"urn:a:1": ("@none",), "urn:a:2": ("urn:r:1",), "urn:a:3": ("@none",)})
    asked = EntityQuery(selectors=(EntitySelector(ids=("urn:a:3", "urn:a:4")), EntitySelector(ids=("urn:a:2",))))
    assert within(asked, entity_map).selectors == (EntitySelector(ids=("urn:a:3",)),)
    assert within(EntityQuery(), entity_map).selectors == (EntitySelector(ids=("urn:a:1", "urn:a:3")),)


async def test_5_14_a_map_past_its_time_is_gone(world):
    made = await make(world, 5 * SECOND)
    world.clock.instant = made.expires_at
    assert await find_entity_map(world.ports, "", made.id) is None
    with pytest.raises(ResourceNotFound):
        await retrieve_entity_map(world.ports, "", made.id)
    with pytest.raises(ResourceNotFound):
        await update_entity_map(world.ports, "", made.id, {"expiresAt": "2999-01-01T00:00:00Z"})


async def test_5_14_2_only_the_expiry_changes_and_has_a_bound(world):
    made = await make(world, 5 * SECOND)
    given = {"type": "EntityMap", "expiresAt": "2999-01-01T00:00:00Z", "entityMap": {}, "linkedMaps": {"a": "b"}}
    await update_entity_map(world.ports, "", made.id, given)
    changed = await retrieve_entity_map(world.ports, "", made.id)
    assert changed.expires_at == world.clock.instant + LONGEST
    assert changed.sources == made.sources
    assert changed.linked == {}
    await update_entity_map(world.ports, "", made.id, {"entityMap": {}})
    assert await retrieve_entity_map(world.ports, "", made.id) == changed


@pytest.mark.parametrize(
    "fragment", [{"type": "Entity"}, {"id": "urn:m:other"}, {"expiresAt": "soon"}, {"expiresAt": 5}]
)
async def test_5_14_2_what_is_no_fragment_of_it_is_refused(world, fragment):
    made = await make(world)
    with pytest.raises(BadRequestData):
        await update_entity_map(world.ports, "", made.id, fragment)
    assert await retrieve_entity_map(world.ports, "", made.id) == made


async def test_5_14_3_a_deleted_map_is_gone(world):
    made, other = await make(world), await make(world)
    await delete_entity_map(world.ports, "", made.id)
    with pytest.raises(ResourceNotFound):
        await delete_entity_map(world.ports, "", made.id)
    assert await retrieve_entity_map(world.ports, "", other.id) == other


@pytest.mark.parametrize("operation", [retrieve_entity_map, delete_entity_map])
async def test_5_14_an_id_that_is_no_uri_is_refused_and_an_unknown_one_not_found(world, operation):
    with pytest.raises(BadRequestData):
        await operation(world.ports, "", "no uri")
    with pytest.raises(ResourceNotFound):
        await operation(world.ports, "", "urn:ngsi-ld:EntityMap:none")
