"""Linked entities in notifications (clauses 4.5.23, 5.2.14, 5.8.6)."""

import pytest

from broker.operations.ports import EntityWrite
from tests.core.subscribe.building import created, entity, iri, prop, updated
from tests.notifications.world import until

LAMP = "urn:ngsi-ld:Lamp:1"


def leads_to(target):
    return [{"type": "Relationship", "object": target, "createdAt": 1, "modifiedAt": 1}]


async def told(broker, receiver, **asked):
    """What is told of a container next to a lamp that is next to another lamp."""
    lamps = [entity("1", "Lamp", power=60, near=leads_to("urn:ngsi-ld:Lamp:2")), entity("2", "Lamp", power=40)]
    for lamp in lamps:
        await broker.entities.write("", EntityWrite(lamp.id, lambda _, lamp=lamp: created(lamp)))
    await broker.subscribe(notification={**receiver.notification(), **asked})
    broker.commit(created(entity(level=1, near=leads_to(LAMP))))
    await until(lambda: receiver.bodies)
    return receiver.bodies[0]["data"]


async def test_4_5_23_without_join_nothing_comes_along(broker, receiver):
    (shown,) = await told(broker, receiver)
    assert shown["near"] == {"type": "Relationship", "object": LAMP}


async def test_4_5_23_flat_linked_entities_follow(broker, receiver):
    container, lamp = await told(broker, receiver, join="flat")
    assert container["near"] == {"type": "Relationship", "object": LAMP}
    assert lamp["power"]["value"] == 60


async def test_4_5_23_inline_linked_entities_stand_in_their_relationship(broker, receiver):
    (shown,) = await told(broker, receiver, join="inline", joinLevel=2, format="simplified")
    assert shown["near"]["power"] == 60
    assert shown["near"]["near"] == {"id": "urn:ngsi-ld:Lamp:2", "type": "Lamp", "power": 40}


async def test_4_5_23_attributes_do_not_narrow_linked_entities(broker, receiver):
    container, lamp = await told(broker, receiver, join="flat", attributes=["near"])
    assert "level" not in container
    assert "power" in lamp


async def test_4_21_pick_in_braces_narrows_linked_entities(broker, receiver):
    (shown,) = await told(broker, receiver, join="inline", pick=["near{power}"], format="simplified")
    assert shown == {"near": {"power": 60}}


@pytest.mark.parametrize("join", ["flat", "inline"])
async def test_4_5_23_a_deleted_relationship_leads_nowhere(broker, receiver, join):
    await broker.subscribe(
        notificationTrigger=["attributeDeleted"], notification={**receiver.notification(), "join": join}
    )
    broker.commit(updated(entity(level=[prop(1)], near=leads_to(LAMP)), entity(level=[prop(1)])))
    await until(lambda: receiver.bodies)
    (shown,) = receiver.bodies[0]["data"]
    assert shown["near"] == {"type": "Relationship", "object": "urn:ngsi-ld:null"}
    assert iri("near") not in shown
