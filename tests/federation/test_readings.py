"""What sources send again is not read again, and nothing else is taken for it (clause 4.3.6.1)."""

import pytest

from broker.core.federate.received import Readings, received_entity
from broker.core.jsonld.context import ActiveContext
from broker.core.model.errors import BadRequestData
from tests.federation.building import CONTEXT

OTHER = ActiveContext({"level": "https://example.org/level"}, {}, "https://example.org/context", None)


def sensor(value: object, number: int = 1) -> dict:
    level = {"type": "Property", "value": value, "modifiedAt": "2026-01-01T00:00:00Z"}
    return {"id": f"urn:ngsi-ld:Sensor:{number}", "type": "Sensor", "level": level}


def test_4_3_6_1_what_is_sent_again_is_the_entity_read_before():
    readings = Readings()
    first = readings.entity(sensor(1), CONTEXT)
    assert first == received_entity(sensor(1), CONTEXT)
    assert readings.entity(sensor(1), CONTEXT) is first


@pytest.mark.parametrize("other", [True, 1.0, "1", 2, [1]])
def test_4_3_6_1_another_value_is_read_even_where_it_compares_as_equal(other):
    readings = Readings()
    readings.entity(sensor(1), CONTEXT)
    assert repr(readings.entity(sensor(other), CONTEXT)) == repr(received_entity(sensor(other), CONTEXT))


def test_5_5_7_the_same_json_in_another_context_is_another_entity():
    readings = Readings()
    readings.entity(sensor(1), CONTEXT)
    assert "https://example.org/level" in readings.entity(sensor(1), OTHER).attributes
    assert "https://example.org/level" not in readings.entity(sensor(1), CONTEXT).attributes


def test_4_3_6_1_what_is_no_entity_is_refused_each_time():
    readings = Readings()
    for _ in range(2):
        with pytest.raises(BadRequestData):
            readings.entity({"id": "no uri", "type": "Sensor"}, CONTEXT)


def test_what_is_remembered_is_bounded_and_what_is_in_use_stays():
    readings = Readings(4_000)
    used = readings.entity(sensor(1), CONTEXT)
    unused = readings.entity(sensor(2), CONTEXT)
    for number in range(1_000):
        readings.entity(sensor(3, number), CONTEXT)
        assert readings.entity(sensor(1), CONTEXT) is used
        assert readings.octets <= 4_000
    assert readings.entity(sensor(2), CONTEXT) is not unused
    large = sensor("x" * 4_000)
    assert readings.entity(large, CONTEXT) is not readings.entity(large, CONTEXT)


def test_4_8_the_times_that_a_source_tells_are_kept_wherever_they_stand():
    at = {"createdAt": "2026-01-01T00:00:00Z", "modifiedAt": "2026-01-01T00:00:01Z"}
    times = {"createdAt": 1_767_225_600_000_000, "modifiedAt": 1_767_225_601_000_000}
    quality = {"type": "Property", "value": 1, **at}
    several = [{"type": "Property", "value": 1, "datasetId": "urn:a:1", **at}, {"type": "Property", "value": 2}]
    document = {**sensor(1), **at, "level": {"type": "Property", "value": 1, "quality": quality}, "power": several}
    entity = received_entity(document, CONTEXT)
    expand = CONTEXT.expand_term
    assert (entity.created_at, entity.modified_at) == tuple(times.values())
    (level,) = entity.attributes[expand("level")]
    assert times.keys().isdisjoint(level)
    (nested,) = level["attributes"][expand("quality")]
    first, second = entity.attributes[expand("power")]
    for each in (nested, first):
        assert {name: each.get(name) for name in times} == times
    assert times.keys().isdisjoint(second)


@pytest.mark.parametrize("odd", ["yesterday", 5, None, {}, "9" * 100])
def test_4_8_what_is_no_time_is_passed_over(odd):
    document = {**sensor(1), "createdAt": odd, "level": {"type": "Property", "value": 1, "createdAt": odd}}
    entity = received_entity(document, CONTEXT)
    assert entity.created_at == 0
    assert entity.attributes[CONTEXT.expand_term("level")] == [{"type": "Property", "value": 1}]
