"""What a write leaves in the history is the same whether its attributes are encoded anew or taken from the entity's."""

from typing import Any

import bson
import pytest

from broker.adapters.mongo.cache import Stored
from broker.adapters.mongo.history_documents import attributes_of, of_change
from broker.adapters.mongo.plan import EntityPlan, Pending, Ticket, plan_entity
from broker.core.model.entity import Attributes, Entity
from broker.core.model.patch import create, replace
from broker.core.model.patch_update import append
from broker.core.ql.geo import LOCATION
from broker.core.temporal.sample import recorded
from broker.operations.ports import EntityWrite, Mutation

NAME = "https://example.org/a.b/level"
WIDE = {"type": "Polygon", "coordinates": [[[-100, 0], [100, 0], [100, 50], [-100, 50], [-100, 0]]]}
POINT = {"type": "Point", "coordinates": [6, 49]}


def prop(value: Any, **members: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, **members}


ENTITIES: dict[str, Attributes] = {
    "plain": {NAME: [prop(1, observedAt=5)], LOCATION: [{"type": "GeoProperty", "geometry": POINT}]},
    "with a cover": {NAME: [prop(1)], LOCATION: [{"type": "GeoProperty", "geometry": WIDE}]},
    "with dollars": {NAME: [prop({"$set": 1, "a": [{"$b": "drawn"}]})], LOCATION + "2": [prop("$")]},
    "with sub-attributes": {NAME: [prop(1, attributes={NAME: [prop(2, attributes={NAME: [prop(3)]})]})]},
    "with datasets": {NAME: [prop(1), prop(2, datasetId="urn:d:1")]},
    "without attributes": {},
}


def planned(mutation: Mutation, base: Entity | None) -> EntityPlan:
    class Nobody:
        def done(self) -> bool:
            return True

    pending = Pending(EntityWrite("urn:e", mutation), Ticket(1, Nobody()), 0)
    plan = plan_entity([pending], Stored(base, "v0") if base else None, "v1")
    assert plan.effective
    return plan


def both(plan: EntityPlan) -> tuple[Attributes, Attributes]:
    """The attributes recorded, as they come back: with what is encoded already, and without."""
    change = plan.effective[0]
    documents = [of_change(change, "v1.0", plain=not plan.escaped, encoded=each) for each in (plan.attributes, None)]
    assert [b"$set" in bson.encode(each or {}) for each in documents] == [False, False]
    shared, alone = (attributes_of(bson.decode(bson.encode(each))) if each else {} for each in documents)
    return shared, alone


@pytest.mark.parametrize("attributes", ENTITIES.values(), ids=ENTITIES)
def test_a_creation_is_recorded_as_it_is(attributes: Attributes) -> None:
    entity = Entity("urn:e", ["https://example.org/T"], attributes)
    plan = planned(lambda current: create(current, entity, 7), None)
    shared, alone = both(plan)
    assert shared == alone
    assert shared.keys() == recorded(plan.effective[0]).keys()
    assert shared.get(LOCATION, [{}])[0].get("geometry") == attributes.get(LOCATION, [{}])[0].get("geometry")


@pytest.mark.parametrize("attributes", ENTITIES.values(), ids=ENTITIES)
@pytest.mark.parametrize("before", ENTITIES.values(), ids=ENTITIES)
def test_a_change_is_recorded_as_it_is(before: Attributes, attributes: Attributes) -> None:
    base = create(None, Entity("urn:e", ["https://example.org/T"], before), 6).entity
    given = Entity("urn:e", ["https://example.org/T"], attributes, ["/a"])
    for mutation in (
        lambda current: replace(current, "urn:e", given, 7),
        lambda current: append(current, "urn:e", given, 7),
    ):
        plan = planned(mutation, base)
        shared, alone = both(plan)
        assert shared == alone
        assert shared.keys() == recorded(plan.effective[0]).keys()


def test_what_an_update_leaves_alone_is_not_recorded_again() -> None:
    base = create(None, Entity("urn:e", ["https://example.org/T"], ENTITIES["plain"]), 6).entity
    change = Entity("urn:e", [], {NAME: [prop(2)]})
    shared, _ = both(planned(lambda current: append(current, "urn:e", change, 7), base))
    assert list(shared) == [NAME]
