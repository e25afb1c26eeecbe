"""The same number and seed give the same territory."""

import pytest
from pydantic import TypeAdapter

from agents.demo.fleet import KINDS, build
from agents.demo.territory import COMMUNES
from models.ngsild.geometry import Geometry


@pytest.mark.parametrize("number", [1, 7, 13, 200, 1000])
def test_fleet_has_exactly_the_number_asked_for(number):
    devices = build(number, 1)
    assert len(devices) == number
    assert len({device.id for device in devices}) == number
    assert len({device.entity_id for device in devices}) == number
    if number >= len(KINDS):
        assert {device.kind.model for device in devices} == {kind.model for kind in KINDS}


def test_fleet_is_the_same_after_a_restart_and_another_with_another_seed():
    assert build(200, 1) == build(200, 1)
    assert {device.place for device in build(200, 1)}.isdisjoint({device.place for device in build(200, 2)})


def test_every_device_stands_inside_its_commune():
    assert all(device.commune.contains(device.place) for device in build(400, 5))


def test_every_commune_has_devices():
    assert {device.commune.name for device in build(200, 1)} == {commune.name for commune in COMMUNES}


@pytest.mark.parametrize("commune", COMMUNES, ids=lambda commune: commune.name)
def test_commune_has_a_closed_counter_clockwise_outline_around_its_centre(commune):
    TypeAdapter(Geometry).validate_python(commune.entity()["location"]["value"])
    assert commune.contains(commune.centre)
    pairs = zip(commune.outline, commune.outline[1:], strict=False)
    assert sum((x2 - x1) * (y2 + y1) for (x1, y1), (x2, y2) in pairs) < 0


def test_communes_do_not_overlap():
    for commune in COMMUNES:
        assert not any(other.contains(commune.centre) for other in COMMUNES if other is not commune)


def test_registration_says_where_the_device_is():
    registration = build(50, 1)[0].registration()
    assert registration["attributes"]["location"]["value"]["type"] == "Point"
    assert registration["attributes"]["name"]["type"] == "Property"
