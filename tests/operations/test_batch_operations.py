"""Batches: clauses 5.6.7 to 5.6.10, 5.6.20, 5.5.11."""

import pytest

from broker.core.model.entity import NGSILD_NULL, Entity
from broker.core.model.errors import AlreadyExists, BadRequestData, NonexistentTenant, ResourceNotFound
from broker.operations import batch
from broker.operations.query import retrieve_entity
from tests.core.model.examples import NAME, ROOM, TEMPERATURE, fragment, prop, untimed

A, B, C = "urn:ngsi-ld:Room:a", "urn:ngsi-ld:Room:b", "urn:ngsi-ld:Room:c"


def entity(entity_id, types=(ROOM,), **attributes):
    return Entity(entity_id, list(types), fragment(**attributes).attributes)


async def attributes(world, entity_id):
    return untimed((await retrieve_entity(world.ports, "", entity_id)).attributes)


async def test_5_6_7_each_entity_is_created_or_refused_on_its_own(world):
    await batch.batch_create(world.ports, "", [entity(A)])
    result = await batch.batch_create(world.ports, "", [entity(B), entity(A), entity(C)])
    assert (result.created, result.updated) == ([B, C], [])
    assert [(failed, type(error)) for failed, error in result.errors] == [(A, AlreadyExists)]


async def test_5_5_11_1_a_second_creation_of_one_id_is_an_error(world):
    result = await batch.batch_create(world.ports, "", [entity(A, name=prop(1)), entity(A, name=prop(2))])
    assert result.created == [A]
    assert [failed for failed, _ in result.errors] == [A]
    assert await attributes(world, A) == {NAME: [prop(1)]}


async def test_5_6_8_upsert_replaces_and_tells_created_from_updated(world):
    await batch.batch_create(world.ports, "", [entity(A, name=prop(1), temperature=prop(2))])
    result = await batch.batch_upsert(world.ports, "", [entity(A, name=prop(3)), entity(B)])
    assert (result.created, result.updated, result.errors) == ([B], [A], [])
    assert await attributes(world, A) == {NAME: [prop(3)]}


async def test_5_6_8_upsert_with_update_keeps_other_attributes(world):
    await batch.batch_create(world.ports, "", [entity(A, name=prop(1), temperature=prop(2))])
    given = [entity(A, name=prop(3)), entity(B, name=prop(4)), entity(B, temperature=prop(5))]
    result = await batch.batch_upsert(world.ports, "", given, update=True)
    assert (result.created, result.updated, result.errors) == ([B], [A, B], [])
    assert await attributes(world, A) == {NAME: [prop(3)], TEMPERATURE: [prop(2)]}
    assert await attributes(world, B) == {NAME: [prop(4)], TEMPERATURE: [prop(5)]}


async def test_5_6_9_update_overwrites_unless_told_otherwise(world):
    await batch.batch_create(world.ports, "", [entity(A, name=prop(1), temperature=prop(2))])
    given = [entity(A, name=prop(3)), entity(B)]
    result = await batch.batch_update(world.ports, "", given, overwrite=False)
    assert result.updated == []
    assert [(failed, type(error)) for failed, error in result.errors] == [(A, AlreadyExists), (B, ResourceNotFound)]
    assert NAME in result.errors[0][1].detail
    assert await attributes(world, A) == {NAME: [prop(1)], TEMPERATURE: [prop(2)]}
    await batch.batch_update(world.ports, "", [entity(A, name=prop(3), temperature=prop(NGSILD_NULL))])
    assert await attributes(world, A) == {NAME: [prop(3)]}


async def test_5_6_20_merge_goes_into_values_in_order(world):
    await batch.batch_create(world.ports, "", [entity(A, name=prop({"a": 1}))])
    given = [entity(A, name=prop({"b": 2})), entity(C), entity(A, name=prop({"a": NGSILD_NULL, "b": 3}))]
    result = await batch.batch_merge(world.ports, "", given)
    assert result.updated == [A, A]
    assert [failed for failed, _ in result.errors] == [C]
    assert await attributes(world, A) == {NAME: [prop({"b": 3})]}
    assert len(world.listener.changes) == 3


async def test_5_6_10_delete_reports_what_was_not_there(world):
    await batch.batch_create(world.ports, "", [entity(A), entity(B)])
    result = await batch.batch_delete(world.ports, "", [A, C, A])
    assert result.updated == [A]
    assert [(failed, type(error)) for failed, error in result.errors] == [(C, ResourceNotFound), (A, ResourceNotFound)]
    assert (await retrieve_entity(world.ports, "", B)).id == B


async def test_5_5_11_all_of_a_batch_get_the_same_instant(world):
    await batch.batch_create(world.ports, "", [entity(A), entity(B)])
    assert {change.at for change in world.listener.changes} == {world.clock.instant}


async def test_an_empty_batch_and_an_unknown_tenant_are_refused(world):
    for operation in (
        batch.batch_create,
        batch.batch_upsert,
        batch.batch_update,
        batch.batch_merge,
        batch.batch_delete,
    ):
        with pytest.raises(BadRequestData, match="empty"):
            await operation(world.ports, "", [])
    for operation, items in ((batch.batch_update, [entity(A)]), (batch.batch_delete, [A])):
        with pytest.raises(NonexistentTenant):
            await operation(world.ports, "city", items)
    assert (await batch.batch_upsert(world.ports, "city", [entity(A)])).created == [A]
