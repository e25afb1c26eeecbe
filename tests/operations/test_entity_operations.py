"""Operations on single entities: clauses 5.6.1 to 5.6.6, 5.6.17 to 5.6.19, 5.7.1, 4.14, 4.22."""

import pytest

from broker.core.model.change import Trigger
from broker.core.model.entity import NGSILD_NULL, Entity
from broker.core.model.errors import AlreadyExists, NonexistentTenant, ResourceNotFound
from broker.operations import entities
from broker.operations.query import retrieve_entity
from broker.operations.results import REFUSED_OVERWRITE
from tests.core.model.examples import ID, NAME, OWNER, ROOM, TEMPERATURE, fragment, prop, relation, untimed


def new(expires_at=None, entity_id=ID, **attributes):
    return Entity(entity_id, [ROOM], fragment(**attributes).attributes, expires_at=expires_at)


async def test_5_6_1_what_is_created_is_retrieved(world):
    await entities.create_entity(world.ports, "", new(temperature=prop(20)))
    entity = await retrieve_entity(world.ports, "", ID)
    assert untimed(entity.attributes) == {TEMPERATURE: [prop(20)]}
    assert entity.created_at == world.clock.instant
    with pytest.raises(AlreadyExists):
        await entities.create_entity(world.ports, "", new())
    assert [change.trigger for change in world.listener.changes] == [Trigger.ENTITY_CREATED]


async def test_4_14_only_creation_brings_a_tenant_into_being(world):
    for operation in (
        retrieve_entity(world.ports, "city", ID),
        entities.delete_entity(world.ports, "city", ID),
        entities.merge_entity(world.ports, "city", ID, fragment(name=prop(1))),
        entities.replace_entity(world.ports, "city", ID, new()),
    ):
        with pytest.raises(NonexistentTenant, match="city"):
            await operation
    await entities.create_entity(world.ports, "city", new())
    assert (await retrieve_entity(world.ports, "city", ID)).id == ID
    with pytest.raises(ResourceNotFound):
        await retrieve_entity(world.ports, "", ID)


async def test_4_22_an_expired_entity_is_absent_for_every_operation(world):
    await entities.create_entity(world.ports, "", new(temperature=prop(1), expires_at=2_000_000))
    world.clock.instant = 2_000_000
    for operation in (
        retrieve_entity(world.ports, "", ID),
        entities.update_attributes(world.ports, "", ID, fragment(name=prop(1))),
        entities.append_attributes(world.ports, "", ID, fragment(name=prop(1))),
        entities.partial_update_attribute(world.ports, "", ID, TEMPERATURE, [prop(2)]),
        entities.replace_attribute(world.ports, "", ID, TEMPERATURE, [prop(2)]),
        entities.delete_attribute(world.ports, "", ID, TEMPERATURE),
        entities.delete_entity(world.ports, "", ID),
    ):
        with pytest.raises(ResourceNotFound):
            await operation
    await entities.create_entity(world.ports, "", new(name=prop("again")))
    assert set((await retrieve_entity(world.ports, "", ID)).attributes) == {NAME}


async def test_4_22_an_expired_attribute_is_not_retrieved(world):
    await entities.create_entity(world.ports, "", new(temperature=prop(1, expiresAt=2_000_000), name=prop("a")))
    world.clock.instant = 2_000_000
    assert set((await retrieve_entity(world.ports, "", ID)).attributes) == {NAME}


async def test_5_6_3_append_reports_what_it_refused(world):
    await entities.create_entity(world.ports, "", new(temperature=prop(20)))
    given = fragment(temperature=[prop(1), prop(2, datasetId="urn:d:1")], name=prop("a"))
    result = await entities.append_attributes(world.ports, "", ID, given, overwrite=False)
    assert result.updated == [NAME]
    assert result.not_updated == [(TEMPERATURE, REFUSED_OVERWRITE)]
    stored = untimed((await retrieve_entity(world.ports, "", ID)).attributes)
    assert stored == {TEMPERATURE: [prop(20), prop(2, datasetId="urn:d:1")], NAME: [prop("a")]}
    again = await entities.append_attributes(world.ports, "", ID, given, overwrite=False)
    assert again.updated == []
    assert {iri for iri, _ in again.not_updated} == {NAME, TEMPERATURE}
    assert len(world.listener.changes) == 2


async def test_5_6_3_append_of_another_dataset_is_no_refusal(world):
    await entities.create_entity(world.ports, "", new(temperature=prop(20)))
    given = fragment(temperature=prop(2, datasetId="urn:d:1"))
    result = await entities.append_attributes(world.ports, "", ID, given, overwrite=False)
    assert (result.updated, result.not_updated) == ([TEMPERATURE], [])


async def test_5_6_2_update_reports_what_it_touched(world):
    await entities.create_entity(world.ports, "", new(temperature=prop(20), name=prop("a")))
    world.clock.instant += 1
    given = fragment(temperature=prop(NGSILD_NULL), owner=relation("urn:x:1"))
    result = await entities.update_attributes(world.ports, "", ID, given)
    assert (result.updated, result.not_updated) == ([TEMPERATURE, OWNER], [])
    entity = await retrieve_entity(world.ports, "", ID)
    assert set(entity.attributes) == {NAME, OWNER}
    assert (entity.created_at, entity.modified_at) == (world.clock.instant - 1, world.clock.instant)


async def test_5_6_17_merge_takes_its_options(world):
    await entities.create_entity(world.ports, "", new(temperature=prop(20, observedAt=5), owner=relation("urn:x:1")))
    given = fragment(temperature=prop(21), owner=prop("urn:x:2"))
    result = await entities.merge_entity(world.ports, "", ID, given, observed_at=9, simplified=True)
    assert result.updated == [TEMPERATURE, OWNER]
    stored = untimed((await retrieve_entity(world.ports, "", ID)).attributes)
    assert stored == {TEMPERATURE: [prop(21, observedAt=9)], OWNER: [relation("urn:x:2")]}


async def test_a_write_that_changes_nothing_tells_nobody(world):
    await entities.create_entity(world.ports, "", new(temperature=prop(20)))
    world.listener.changes.clear()
    world.clock.instant += 1
    await entities.merge_entity(world.ports, "", ID, fragment())
    assert world.listener.changes == []
    assert (await retrieve_entity(world.ports, "", ID)).modified_at == world.clock.instant - 1


async def test_5_6_4_5_6_5_5_6_19_one_attribute(world):
    await entities.create_entity(world.ports, "", new(temperature=prop(20, unitCode="CEL"), name=prop("a")))
    await entities.partial_update_attribute(world.ports, "", ID, TEMPERATURE, [{"value": 21}])
    await entities.replace_attribute(world.ports, "", ID, NAME, [prop("b")])
    stored = untimed((await retrieve_entity(world.ports, "", ID)).attributes)
    assert stored == {TEMPERATURE: [prop(21, unitCode="CEL")], NAME: [prop("b")]}
    await entities.delete_attribute(world.ports, "", ID, NAME, delete_all=True)
    with pytest.raises(ResourceNotFound):
        await entities.delete_attribute(world.ports, "", ID, NAME)


async def test_5_6_6_5_6_18_replace_and_delete_entity(world):
    await entities.create_entity(world.ports, "", new(temperature=prop(20)))
    await entities.replace_entity(world.ports, "", ID, new(name=prop("a")))
    assert set((await retrieve_entity(world.ports, "", ID)).attributes) == {NAME}
    change = await entities.delete_entity(world.ports, "", ID)
    assert change.entity.deleted_at == world.clock.instant
    with pytest.raises(ResourceNotFound):
        await retrieve_entity(world.ports, "", ID)
