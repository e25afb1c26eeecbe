"""What may wait, and what may travel together (clauses 5.2.12 throttling, 5.2.15 cooldown)."""

from dataclasses import dataclass

from broker.core.model.change import Change, Trigger
from broker.core.subscribe.schedule import (
    LARGEST_NOTIFICATION,
    merged,
    newest_states,
    retry_delay,
    travelling_together,
)
from tests.core.subscribe.building import created, deleted, entity, iri, updated


@dataclass(frozen=True)
class Waiting:
    change: Change


def waiting(*changes):
    return [Waiting(change) for change in changes]


def test_retries_double_up_to_a_minute_and_heed_the_cooldown():
    assert [retry_delay(failures, 0) for failures in (1, 2, 3, 6, 7, 1_000)] == [1, 2, 4, 32, 60, 60]
    assert retry_delay(1, 90) == 90


def test_two_changes_of_one_entity_never_travel_together():
    queue = waiting(created(entity("1")), created(entity("2")), created(entity("1")), created(entity("3")))
    assert travelling_together(queue) == queue[:2]


def test_a_notification_is_bounded():
    queue = waiting(*(created(entity(str(number))) for number in range(LARGEST_NOTIFICATION + 5)))
    assert len(travelling_together(queue)) == LARGEST_NOTIFICATION


def test_throttled_entities_keep_their_newest_state_and_all_that_happened():
    first = updated(entity(level=1, power=1), entity(level=2, power=1))
    second = updated(entity(level=2, power=1), entity(level=2))
    queue = waiting(first, created(entity("other")), second)
    newest, needless = newest_states(queue)
    kept, change = newest["urn:ngsi-ld:Container:1", ""]
    assert kept is queue[2]
    assert needless == [queue[0]]
    assert change.entity is second.entity
    assert change.previous[iri("level")] == first.previous[iri("level")]
    assert change.attributes[iri("power")] is Trigger.ATTRIBUTE_DELETED


def test_created_and_updated_is_created():
    both = merged(created(entity(level=1)), updated(entity(level=1), entity(level=2)))
    assert both.trigger is Trigger.ENTITY_CREATED
    assert both.attributes[iri("level")] is Trigger.ATTRIBUTE_CREATED
    assert both.previous == {}


def test_a_deletion_stands_for_itself():
    gone = deleted(entity(level=1))
    assert merged(created(entity(level=1)), gone) is gone
