"""Whole entities: clauses 5.6.1, 5.6.6, 5.6.18, 5.6.21 and 4.22."""

import pytest

from broker.core.model.change import Trigger
from broker.core.model.draft import SCOPE
from broker.core.model.entity import NGSILD_NULL, Entity
from broker.core.model.errors import AlreadyExists, ResourceNotFound
from broker.core.model.expiry import live
from broker.core.model.patch import create, create_or_replace, delete, purge_attributes, replace
from tests.core.model.examples import (
    ID,
    NAME,
    OWNER,
    PROVIDER,
    ROOM,
    T0,
    T1,
    T2,
    TEMPERATURE,
    iri,
    kept,
    prop,
    relation,
    room,
)


def new_room(**attributes):
    return Entity(ID, [ROOM], {iri(name): [one] for name, one in attributes.items()})


def test_5_6_1_create_stamps_entity_attributes_and_sub_attributes():
    entity = new_room(temperature=prop(20, attributes={PROVIDER: [relation("urn:x:1")]}))
    change = create(None, entity, T2)
    assert change.trigger is Trigger.ENTITY_CREATED
    assert change.attributes == {TEMPERATURE: Trigger.ATTRIBUTE_CREATED}
    assert change.previous == {}
    assert (change.entity.created_at, change.entity.modified_at) == (T2, T2)
    nested = {PROVIDER: [kept(relation("urn:x:1"), T2, T2)]}
    assert change.entity.attributes == {TEMPERATURE: [kept(prop(20, attributes=nested), T2, T2)]}
    assert "createdAt" not in entity.attributes[TEMPERATURE][0]


def test_5_6_1_create_of_an_entity_that_exists_is_refused():
    with pytest.raises(AlreadyExists, match=ID):
        create(room(), new_room(), T2)


def test_4_22_an_expired_entity_gives_its_id_free():
    old = room(temperature=prop(20), expires_at=T2)
    change = create(old, new_room(name=prop("a")), T2)
    assert change.trigger is Trigger.ENTITY_CREATED
    assert change.before is old
    assert TEMPERATURE not in change.entity.attributes
    assert change.entity.created_at == T2


def test_4_22_an_entity_is_there_until_the_very_instant_of_its_expiry():
    entity = room(expires_at=T2)
    assert live(entity, T2 - 1) is entity
    assert live(entity, T2) is None


def test_4_22_expired_instances_are_gone_and_the_others_stay():
    entity = room(temperature=[prop(20, expiresAt=T2), prop(21, datasetId="urn:d:1")], name=prop("a", expiresAt=T1))
    seen = live(entity, T2)
    assert seen is not None
    assert seen.attributes == {TEMPERATURE: [kept(prop(21, datasetId="urn:d:1"))]}
    assert len(entity.attributes[TEMPERATURE]) == 2


def test_5_6_18_replace_keeps_only_creation_times():
    old = room(temperature=prop(20, unitCode="CEL"), owner=relation("urn:x:1"), scopes=["/a"], expires_at=T2 + 9)
    change = replace(old, ID, Entity(ID, [iri("Hall")], {TEMPERATURE: [prop(5)], NAME: [prop("b")]}), T2)
    assert change.entity == Entity(
        ID,
        [iri("Hall")],
        {TEMPERATURE: [kept(prop(5), T0, T2)], NAME: [kept(prop("b"), T2, T2)]},
        None,
        T0,
        T2,
        None,
    )
    assert change.attributes == {
        TEMPERATURE: Trigger.ATTRIBUTE_UPDATED,
        NAME: Trigger.ATTRIBUTE_CREATED,
        OWNER: Trigger.ATTRIBUTE_DELETED,
    }
    assert set(change.previous) == {TEMPERATURE, OWNER}


def test_5_6_18_replace_of_an_absent_or_expired_entity_is_refused():
    for current in (None, room(expires_at=T1)):
        with pytest.raises(ResourceNotFound):
            replace(current, ID, new_room(), T2)


def test_5_6_8_upsert_creates_or_replaces():
    assert create_or_replace(None, new_room(), T2).trigger is Trigger.ENTITY_CREATED
    assert create_or_replace(room(expires_at=T1), new_room(), T2).trigger is Trigger.ENTITY_CREATED
    assert create_or_replace(room(), new_room(), T2).trigger is Trigger.ENTITY_UPDATED


def test_5_6_6_delete_tells_the_last_state():
    change = delete(room(temperature=prop(20)), ID, T2)
    assert change.trigger is Trigger.ENTITY_DELETED
    assert change.entity.deleted_at == T2
    assert change.attributes == {TEMPERATURE: Trigger.ATTRIBUTE_DELETED}
    assert change.previous == {TEMPERATURE: [kept(prop(20))]}
    with pytest.raises(ResourceNotFound):
        delete(None, ID, T2)


def test_5_6_21_purge_drops_or_keeps_attributes():
    old = room(temperature=prop(20), name=prop("a"), scopes=["/a"])
    dropped = purge_attributes(old, ID, T2, drop={NAME, OWNER})
    assert set(dropped.entity.attributes) == {TEMPERATURE}
    assert dropped.attributes == {NAME: Trigger.ATTRIBUTE_DELETED}
    retained = purge_attributes(old, ID, T2, keep={NAME})
    assert set(retained.entity.attributes) == {NAME}
    assert retained.entity.scopes == ["/a"]
    assert purge_attributes(old, ID, T2, drop={SCOPE}).entity.scopes is None
    assert purge_attributes(old, ID, T2, drop={OWNER}).is_void


def test_a_null_never_reaches_the_store_through_an_upsert():
    entity = new_room(temperature=prop(NGSILD_NULL), name=prop("a", unitCode=NGSILD_NULL))
    assert create(None, entity, T2).entity.attributes == {NAME: [kept(prop("a"), T2, T2)]}
