"""The territory's days are plausible."""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.demo.app import local_zone
from agents.demo.curves import WATER_HOURS, chance, portion, sun_elevation, wobble
from agents.demo.devices import air_station, electricity, parking, street_light, waste, water_meter

ZONE = local_zone()
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2031, 1, 1)).map(lambda moment: moment.replace(tzinfo=ZONE))  # noqa: DTZ001


def at(hour, minute=0, month=11, day=24):
    return datetime(2026, month, day, hour, minute, tzinfo=ZONE)


def measured(kind, local, seed="a"):
    return kind.measure(seed, local.timestamp(), local)


def test_lights_burn_by_night_and_not_by_day():
    lamps = [f"lamp{number}" for number in range(40)]
    assert all(measured(street_light.KIND, at(20), lamp)["on"] for lamp in lamps)
    assert not any(measured(street_light.KIND, at(12), lamp)["on"] for lamp in lamps)
    assert not any(measured(street_light.KIND, at(20, month=6), lamp)["on"] for lamp in lamps)


def test_sun_stands_high_at_noon_in_june_and_below_the_horizon_at_midnight():
    assert sun_elevation(at(13, 40, month=6, day=21).timestamp()) == pytest.approx(90 - 49.46 + 23.44, abs=1)
    assert sun_elevation(at(0, 30).timestamp()) < -30


@given(MOMENTS, st.text(max_size=8))
def test_bin_distance_stays_between_full_and_empty(local, seed):
    reading = waste.measure(seed, local.timestamp(), local)
    assert waste.FULL_MM - 5 <= reading["distance"] <= waste.EMPTY_MM + 5


@given(MOMENTS, st.integers(1, 86_400 * 30), st.text(max_size=8))
def test_meters_never_run_backwards(local, seconds, seed):
    later = datetime.fromtimestamp(local.timestamp() + seconds, ZONE)
    # The hour that autumn repeats is the one exception that a clock's curve has.
    if later.replace(tzinfo=None) < local.replace(tzinfo=None):
        return
    assert measured(water_meter.KIND, later, seed)["pulses"] >= measured(water_meter.KIND, local, seed)["pulses"]
    assert measured(electricity.KIND, later, seed)["energy"] >= measured(electricity.KIND, local, seed)["energy"]


def test_a_bin_fills_and_is_emptied():
    moments = [at(0) + timedelta(hours=hours) for hours in range(24 * 7)]
    distances = [measured(waste.KIND, moment)["distance"] for moment in moments]
    drops = sum(1 for a, b in pairwise(distances) if b > a + 200)
    assert drops >= 1
    assert min(distances) < max(distances) - 300


def test_no2_is_higher_in_the_rush_hour_than_at_night():
    days = [timedelta(days=number) for number in range(10)]
    rush = sum(measured(air_station.KIND, at(7) + day)["no2"] for day in days)
    night = sum(measured(air_station.KIND, at(2) + day)["no2"] for day in days)
    assert rush > 2 * night


def test_parking_is_fuller_in_the_morning_than_at_night():
    places = [f"place{number}" for number in range(200)]
    taken = {hour: sum(measured(parking.KIND, at(hour), place)["occupied"] for place in places) for hour in (3, 10)}
    assert taken[10] > 1.5 * taken[3]


def test_water_has_a_morning_peak():
    hourly = [portion(WATER_HOURS, (hour + 1) * 3600 - 1) - portion(WATER_HOURS, hour * 3600) for hour in range(24)]
    assert hourly.index(max(hourly)) == 7


@given(st.text(max_size=8), st.floats(0, 4e9), st.floats(1, 1e6))
def test_wobble_stays_within_its_bounds(seed, moment, period):
    assert -1 <= wobble(seed, moment, period) <= 1


def test_chance_is_decided_by_the_seed():
    assert chance("a", 1) == chance("a", 1)
    assert chance("a", 1) != chance("b", 1)
