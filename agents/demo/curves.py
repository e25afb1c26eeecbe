"""Daily curves: what a quantity does over a day, as pure functions of time and of a seed.

Nothing is remembered, so a restarted demonstration goes on where it was: meters never run backwards.
"""

import math
from datetime import datetime
from hashlib import blake2b
from itertools import accumulate

DAY = 86_400
LATITUDE = 49.46
LONGITUDE = 5.95

WATER_HOURS = (1, 1, 1, 1, 2, 4, 8, 10, 8, 5, 4, 4, 5, 5, 4, 3, 4, 5, 7, 9, 8, 5, 3, 2)
"""Share of a household's water by hour: a peak in the morning, one in the evening."""
POWER_HOURS = (3, 3, 3, 3, 3, 4, 6, 9, 11, 12, 12, 12, 10, 11, 12, 11, 10, 9, 7, 5, 4, 4, 3, 3)
"""Share of a public building's electricity by hour: office hours over a base load."""
WASTE_HOURS = (1, 0, 0, 0, 0, 1, 4, 6, 5, 4, 4, 5, 6, 5, 4, 4, 5, 7, 9, 10, 8, 6, 4, 2)
"""When people throw things away."""
TRAFFIC_HOURS = (1, 1, 1, 1, 2, 5, 9, 12, 10, 6, 5, 5, 6, 6, 5, 6, 9, 12, 11, 7, 5, 3, 2, 2)
"""Traffic: cross-border commuters leave early and come home late."""
PARKING_HOURS = (30, 30, 30, 30, 30, 32, 40, 55, 70, 80, 85, 80, 70, 72, 80, 80, 78, 72, 60, 50, 42, 38, 34, 32)
"""How many of a hundred places in a centre are taken."""


def chance(seed: str, *parts: object) -> float:
    """A number in [0, 1) that the seed and the parts alone decide."""
    digest = blake2b(":".join((seed, *map(str, parts))).encode(), digest_size=7).digest()
    return int.from_bytes(digest, "big") / (1 << 56)


def wobble(seed: str, at: float, period: float) -> float:
    """A smooth random course in [-1, 1] that turns about once a period (seconds)."""
    step, within = divmod(at / period, 1)
    low, high = chance(seed, int(step)), chance(seed, int(step) + 1)
    ease = within * within * (3 - 2 * within)
    return 2 * (low + (high - low) * ease) - 1


def level(hours: tuple[int, ...], second_of_day: float) -> float:
    """The curve at that second, between the hours' values, as they are."""
    hour, within = divmod(second_of_day % DAY / 3600, 1)
    return hours[int(hour)] * (1 - within) + hours[(int(hour) + 1) % 24] * within


def portion(hours: tuple[int, ...], second_of_day: float) -> float:
    """Which part of the day's total is reached at that second: 0 at midnight, 1 a day later."""
    hour, within = divmod(second_of_day % DAY / 3600, 1)
    totals = list(accumulate(hours))
    before = totals[int(hour)] - hours[int(hour)]
    return (before + hours[int(hour)] * within) / totals[-1]


def count(hours: tuple[int, ...], local: datetime, daily: float) -> float:
    """What a meter that turns `daily` a day shows at that local time, since the year 2026."""
    days = (local.date() - datetime(2026, 1, 1, tzinfo=local.tzinfo).date()).days
    return daily * (days + portion(hours, second_of_day(local)))


def second_of_day(local: datetime) -> float:
    """Seconds since midnight on the clock."""
    return local.hour * 3600 + local.minute * 60 + local.second + local.microsecond / 1e6


def sun_elevation(at: float) -> float:
    """Degrees of the sun above the horizon at that Unix time, good to about a degree."""
    day_of_year = at / DAY % 365.2425
    declination = -23.44 * math.cos(2 * math.pi * (day_of_year + 10) / 365.2425)
    hour_angle = (at % DAY / 3600 - 12) * 15 + LONGITUDE
    phi, delta, angle = map(math.radians, (LATITUDE, declination, hour_angle))
    return math.degrees(math.asin(math.sin(phi) * math.sin(delta) + math.cos(phi) * math.cos(delta) * math.cos(angle)))


def outdoor_temperature(at: float, local: datetime) -> float:
    """°C: by season, by hour (coldest near six, warmest near three), with the weather's moods."""
    season = 10 - 9 * math.cos(2 * math.pi * (at / DAY % 365.2425 - 20) / 365.2425)
    daily = -4 * math.cos(2 * math.pi * (second_of_day(local) / 3600 - 3) / 24)
    return season + daily + 3 * wobble("weather", at, 1.5 * DAY)
